"""Tasks that remember: a command of every world, kept through saved states, and what check_task finds missing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from envs import ENVS, Domain, DomainVectorEnv, EnvsError, Fidelity, check_task
from tests.envs.tasks.test_user_environments import ROBOT


class Follower:
    """A cart that is to move with a commanded velocity, drawn anew every 5 to 9 steps."""

    frame_skip, max_episode_steps, cheap = 2, 20, Fidelity(integrator="implicitfast")
    observation_names = ("position", "velocity", "command")

    def spec(self) -> mujoco.MjSpec:
        return mujoco.MjSpec.from_string(ROBOT)

    def _room(self, num: int) -> None:
        if not hasattr(self, "command"):
            self.command, self.left = np.zeros(num), np.zeros(num, np.int64)

    def reset(self, physics: Any, ids: Any, draws: Any) -> None:
        self._room(physics.num_envs)
        self.command[ids] = draws.uniform(-1.0, 1.0, 1)[:, 0]
        self.left[ids] = 5

    def memory(self) -> dict[str, np.ndarray]:
        return {"command": self.command, "left": self.left}

    def advance(self, physics: Any, rng: Any) -> None:
        drawn = rng.random(physics.num_envs, 2)
        self.left -= 1
        over = self.left <= 0
        self.command[over] = 2.0 * drawn[over, 0] - 1.0
        self.left[over] = 5 + (5 * drawn[over, 1]).astype(int)

    def observe(self, physics: Any) -> np.ndarray:
        return np.concatenate((physics.qpos, physics.qvel, self.command[:, None]), axis=1)

    def measure(self, physics: Any) -> dict[str, np.ndarray]:
        return {}

    def reward(self, before: Any, after: Any, physics: Any, action: Any) -> dict[str, np.ndarray]:
        return {"reward_track": -np.abs(physics.qvel[:, 0] - self.command)}

    def info(self, before: Any, after: Any, physics: Any) -> dict[str, np.ndarray]:
        return {}

    def terminated(self, physics: Any) -> np.ndarray:
        return np.abs(physics.qpos[:, 0]) > 1.0


class Forgetful(Follower):
    """Forgets when the next command is due."""

    def memory(self) -> dict[str, np.ndarray]:
        return {"command": self.command}


class Silent(Follower):
    """Has no memory of its own, as a task of version 0.3."""

    memory = None  # type: ignore[assignment]


class Copying(Follower):
    """Hands copies out."""

    def memory(self) -> dict[str, np.ndarray]:
        return {"command": self.command.copy(), "left": self.left}


class Short(Follower):
    """Remembers one number for all worlds."""

    def memory(self) -> dict[str, np.ndarray]:
        return {"command": self.command[:1]}


class Counting(Follower):
    """Counts steps for later than anybody looks."""

    def _room(self, num: int) -> None:
        super()._room(num)
        if not hasattr(self, "taken"):
            self.taken = np.zeros(num, np.int64)

    def advance(self, physics: Any, rng: Any) -> None:
        super().advance(physics, rng)
        self.taken += physics.num_envs

    def observe(self, physics: Any) -> np.ndarray:
        shown = super().observe(physics)
        shown[:, 2] += self.taken > 10_000
        return shown


class Greedy(Follower):
    """Begins episodes in all worlds."""

    def reset(self, physics: Any, ids: Any, draws: Any) -> None:
        super().reset(physics, ids, draws)
        self.left[:] = 5


class Gambler(Follower):
    """Draws from a generator of its own."""

    def __init__(self) -> None:
        self.own = np.random.default_rng(0)


class Hoarder(Follower):
    """Has one inside a container."""

    def __init__(self) -> None:
        self.tools = [{"dice": np.random.RandomState(0)}]


def worlds(num_envs: int = 4, seed: int = 0, mode: str = "SameStep", task: Any = None) -> DomainVectorEnv:
    domain = Domain.parse({"parameters": {"observation_noise": {"set": 0.01}}})
    return DomainVectorEnv(task or Follower(), domain, num_envs=num_envs, seed=seed, autoreset_mode=mode)


def actions(num_steps: int, num_envs: int = 4) -> np.ndarray:
    return np.random.default_rng(1).uniform(-1, 1, (num_steps, num_envs, 1)).astype(np.float32)


@pytest.mark.parametrize("mode", ["SameStep", "NextStep", "Disabled"])
def test_a_command_is_kept_through_ten_saves_and_restores(mode: str) -> None:
    """Each time other worlds, in a step of their own, go on from the state: bit for bit as those that went on."""
    straight = worlds(mode=mode)
    straight.reset(seed=3)
    carried = worlds(mode=mode)
    carried.reset(seed=3)
    seen = []
    for step, action in enumerate(actions(60)):
        if step % 6 == 5:
            other = worlds(seed=step, mode=mode)
            other.reset()
            other.step(action)
            other.set_state(carried.get_state())
            carried = other
        one, two = straight.step(action), carried.step(action)
        for a, b in zip(one[:4], two[:4], strict=True):
            np.testing.assert_array_equal(a, b)
        seen.append(one[0][:, 2])
    assert len(np.unique(np.array(seen)[:, 0])) > 5 or mode == "Disabled"  # commands came and went


def test_worlds_that_stand_still_keep_their_command() -> None:
    env = worlds(mode="Disabled")
    env.reset(seed=0)
    env.step(actions(1)[0])
    env._ended[:2] = True
    before = {name: array.copy() for name, array in env.task.memory().items()}  # type: ignore[attr-defined]
    for action in actions(12):
        env.step(action)
    after = env.task.memory()  # type: ignore[attr-defined]
    assert all((before[name][:2] == after[name][:2]).all() for name in before)
    assert (before["command"][2:] != after["command"][2:]).all()


def test_a_command_depends_on_its_own_world_alone_and_nothing_else_on_it() -> None:
    few, many = worlds(3), worlds(5)
    one, other = few.reset(seed=7)[0], many.reset(seed=7)[0]
    for action in actions(12, 5):
        np.testing.assert_array_equal(one, other[:3])
        one, other = few.step(action[:3])[0], many.step(action)[0]

    class Still(Follower):
        advance = None  # type: ignore[assignment]

    moving, still = worlds(), worlds(task=Still())
    moving.reset(seed=7), still.reset(seed=7)
    for action in actions(12):
        np.testing.assert_array_equal(moving.step(action)[0][:, :2], still.step(action)[0][:, :2])


def test_worlds_do_not_share_what_a_task_remembers() -> None:
    task = Follower()
    one, other = worlds(task=task), worlds(task=task)
    one.reset(seed=0), other.reset(seed=1)
    assert one.task is not other.task
    assert (one.task.memory()["command"] != other.task.memory()["command"]).all()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Forgetful, r"^Forgetful: goes on differently after .* memory\(\) lacks self\.left\. Return there"),
        (Silent, r"^Silent: goes on differently .* memory\(\) lacks self\.(command|left), self\.(command|left)"),
        (Copying, r"^Copying\.memory: 'command' must be the array itself"),
        (Short, r"^Short\.memory: must return a dict .* arrays of numbers \(3, \.\.\.\).*'command' is float64 \(1,\)"),
        (Gambler, r"^Gambler: self\.own is a random generator of its own"),
        (Hoarder, r"^Hoarder: self\.tools\.0\.dice is a random generator of its own"),
        (Counting, r"^Counting: has other arrays 3 steps after .* memory\(\) lacks self\.taken\. Return there"),
        (Greedy, r"^Greedy\.reset: was asked for world 1 and has changed self\.left of another"),
    ],
)
def test_what_memory_lacks_is_named(task: type, message: str) -> None:
    with pytest.raises(EnvsError, match=message):
        check_task(task())


def test_tasks_that_remember_right_pass() -> None:
    check_task(Follower())


@pytest.mark.parametrize("name", ENVS)
def test_all_tasks_pass(name: str) -> None:
    check_task(ENVS[name].make_task())


def test_the_task_in_the_docs_passes_and_is_named_without_its_memory() -> None:
    text = (Path(__file__).parents[3] / "docs" / "own_tasks.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(re.findall(r"```python[^\n]*\n(.*?)```", text, re.DOTALL)[0], names)
    check_task(names["Follower"]())
    shorter = type("Shorter", (names["Follower"],), {"memory": lambda self: {"command": self.command}})
    with pytest.raises(EnvsError, match=r"memory\(\) lacks self\.steps_left\. Return"):
        check_task(shorter())
    silent = type("Silent", (names["Follower"],), {"memory": None})
    with pytest.raises(EnvsError, match=r"self\.command, self\.steps_left|self\.steps_left, self\.command"):
        check_task(silent())
