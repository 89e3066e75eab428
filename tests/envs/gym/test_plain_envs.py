"""Environments of Gymnasium without MuJoCo: equal to themselves, behind channels, and what is refused for them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from envs import PARAMETERS, Domain, EnvsError, environment, make_vec
from envs.check import Gate, ShiftCheck, Twin

LATE = {"parameters": {"action_delay": {"set": 2}}}
NOISY = {"parameters": {"action_noise": {"set": 0.1}, "observation_drift_noise": {"set": 0.1}}}


class Arm(gymnasium.Env[Any, Any]):
    """A joint that a motor turns, with a motor that is noisy; over at 2 rad."""

    observation_space = spaces.Dict(
        angle=spaces.Box(-np.inf, np.inf, (1,), np.float64), speed=spaces.Box(-np.inf, np.inf, (1,), np.float32)
    )
    action_space = spaces.Box(-1, 1, (1,), np.float32)
    dt = 0.05

    def __init__(self, gain: float = 4.0) -> None:
        self.gain = gain
        self.seen: list[float] = []
        self.resets = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.resets += 1
        self.angle, self.speed = self.np_random.uniform(-1, 1), 0.0
        return self.obs(), {"start": self.angle}

    def obs(self) -> Any:
        return {"angle": np.array([self.angle]), "speed": np.array([self.speed], np.float32)}

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action)
        self.seen.append(float(action[0]))
        self.speed += self.dt * self.gain * (float(action[0]) + 0.1 * self.np_random.standard_normal())
        self.angle += self.dt * self.speed
        return self.obs(), 1 - self.angle**2, abs(self.angle) > 2, False, {"speed": self.speed}


class Free(Arm):
    action_space = spaces.Box(-np.inf, np.inf, (1,), np.float32)


class Unseeded(Arm):
    """Draws from a generator of its own, whatever seed it is given."""

    def step(self, action: Any) -> Any:
        self.angle += np.random.default_rng().uniform(0, 1e-3)
        return super().step(action)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    for cls in (Arm, Free, Unseeded):
        gymnasium.register(f"Plain{cls.__name__}-v0", entry_point=cls, max_episode_steps=40)
    gymnasium.register("PlainUnrepeatable-v0", entry_point=Arm, max_episode_steps=40, nondeterministic=True)
    yield
    for name in ("Arm", "Free", "Unseeded", "Unrepeatable"):
        gymnasium.registry.pop(f"Plain{name}-v0")


def flat(obs: Any) -> np.ndarray:
    return np.concatenate([obs["angle"], obs["speed"]]) if isinstance(obs, dict) else np.asarray(obs)


def inner(env: Any, i: int = 0) -> Any:
    return env.physics._envs[i].env


def actions_for(env: Any, num_steps: int) -> np.ndarray:
    low, high = env.single_action_space.low, env.single_action_space.high
    drawn = np.random.default_rng(0).uniform(low, high, (num_steps, env.num_envs, *low.shape))
    return np.asarray(drawn, np.float32)


# Equality


@pytest.mark.parametrize("name", ["Pendulum-v1", "MountainCarContinuous-v0", "PlainArm-v0"])
def test_undisturbed_worlds_are_the_environments_bit_for_bit(name: str) -> None:
    """Observations, rewards and both ends, over more than one episode of each world."""
    worlds = make_vec(f"gym:{name}", num_envs=2, seed=3)
    limit = gymnasium.spec(name).max_episode_steps
    assert worlds.max_episode_steps == limit
    alone = [gymnasium.make(name) for _ in range(2)]
    obs, _ = worlds.reset()
    expected = [flat(env.reset(seed=int(s))[0]) for env, s in zip(alone, worlds.physics._episodes.seeds, strict=True)]
    np.testing.assert_array_equal(obs, expected)
    ends = 0
    for action in actions_for(worlds, min(2 * limit + 10, 250)):
        obs, *ours, infos = worlds.step(action)
        for i, env in enumerate(alone):
            reached, *theirs, _ = env.step(action[i])
            assert [values[i] for values in ours] == theirs
            done = theirs[1] or theirs[2]
            np.testing.assert_array_equal((infos["final_obs"] if done else obs)[i], flat(reached))
            if done:
                ends += 1
                again, _ = env.reset(seed=int(worlds.physics._episodes.seeds[i]))
                np.testing.assert_array_equal(obs[i], flat(again))
    assert ends >= (0 if name.startswith("Mountain") else 2)
    for env in (worlds, *alone):
        env.close()


def test_names_period_and_infos() -> None:
    worlds = make_vec("gym:PlainArm-v0", num_envs=2, seed=0, gain=1.0)
    assert (worlds.task.observation_names, worlds.physics.ctrl_dt) == (("angle.0", "speed.0"), 0.05)
    assert make_vec("gym:MountainCarContinuous-v0", num_envs=1).physics.ctrl_dt == 1.0  # it does not say
    obs, infos = worlds.reset()
    np.testing.assert_array_equal(infos["start"], obs[:, 0])
    assert inner(worlds).gain == 1.0
    assert (worlds.step(np.zeros((2, 1), np.float32))[4]["speed"] != 0).all()


# Channels


def test_channels_lie_between_agent_and_environment() -> None:
    plain, late = (make_vec("gym:PlainArm-v0", num_envs=2, seed=0, domain=domain) for domain in (None, LATE))
    bias = {"parameters": {"observation_bias": {"select": "speed.0", "set": 0.25}}}
    off = make_vec("gym:PlainArm-v0", num_envs=2, seed=0, domain=bias)
    starts, error = [env.reset()[0] for env in (plain, late, off)], np.array([0, 0.25])
    np.testing.assert_array_equal(starts[0], starts[1])
    np.testing.assert_array_equal(starts[0] + error, starts[2])
    for action in actions_for(plain, 30):
        truth, shown = plain.step(action)[0], off.step(action)[0]
        late.step(action)
        np.testing.assert_array_equal(truth + error, shown)
    assert inner(plain).seen[:-2] == inner(late).seen[2:]
    assert inner(late).seen[:2] == [0.0, 0.0]


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_of_channels_apply_and_all_others_are_refused_by_name(name: str) -> None:
    applies = name.startswith(("action_", "observation_"))
    domain = {"parameters": {name: {"set": 1.0} if applies else {"scale": 2}}}
    if applies:
        env = make_vec("gym:Pendulum-v1", num_envs=1, domain=domain, seed=0)
        env.reset()
        assert np.isfinite(env.step(np.zeros((1, 1), np.float32))[0]).all()
        env.close()
        return
    with pytest.raises(EnvsError, match=rf"^{name}: gym:Pendulum-v1 has no MuJoCo model .*; valid: action_repeat, .*"):
        make_vec("gym:Pendulum-v1", num_envs=1, domain=domain)


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        ({"fidelity": "cheap"}, "^fidelity: integrator=implicitfast is of MuJoCo, and gym:.* valid: nominal$"),
        (
            {"parameters": {"gravity": {"scale": 0.5}, "action_delay": {"set": 1}, "push_impulse": {"set": 1}}},
            "^push_impulse, gravity: gym:|^gravity, push_impulse: gym:",
        ),
        ({"parameters": {"action_lag": {"set": 0.1}}}, "^action_lag: gym:.* does not say how long a control step"),
    ],
)
def test_what_else_is_refused(domain: dict[str, Any], message: str) -> None:
    with pytest.raises(EnvsError, match=message):
        make_vec("gym:MountainCarContinuous-v0", num_envs=1, domain=domain)


@pytest.mark.parametrize("name", ["CartPole-v1", "MountainCar-v0"])
def test_discrete_actions_are_refused(name: str) -> None:
    with pytest.raises(EnvsError, match=rf"^gym:{name}: actions must be a Box of floating-point numbers, got Discrete"):
        make_vec(f"gym:{name}", num_envs=1)


# Saved states


def test_saved_worlds_continue_bit_for_bit() -> None:
    env, other = (make_vec("gym:PlainArm-v0", num_envs=3, domain=NOISY, seed=s) for s in (0, 9))
    env.reset()
    actions = actions_for(env, 130)
    for action in actions[:60]:
        env.step(action)
    other.set_state(env.get_state())
    for action in actions[60:]:
        for one, two in zip(env.step(action)[:4], other.step(action)[:4], strict=True):
            assert one.tobytes() == two.tobytes()
    assert not other.num_faults


@pytest.mark.parametrize("kind", ["Unrepeatable", "Unseeded"])
def test_an_episode_that_cannot_be_lived_through_again_ends_with_a_fault(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    env, other = (make_vec(f"gym:Plain{kind}-v0", num_envs=2, seed=s) for s in (0, 9))
    env.reset()
    for action in actions_for(env, 5):
        seen = env.step(action)[0]
    state = env.get_state()
    other.set_state(state)
    assert f"gym:Plain{kind}-v0: 2 of 2 saved episodes cannot be continued" in caplog.records[-1].message
    assert inner(other).resets == (kind == "Unseeded")  # one that says so is left alone
    assert other.get_state()["physics.lost"].all()
    again, reward, terminated, truncated, infos = other.step(np.ones((2, 1), np.float32))
    np.testing.assert_array_equal(infos["final_obs"], seen)
    assert (reward.any(), terminated.any(), truncated.all()) == (False, False, True)
    assert infos["final_info"]["fault"].all()
    assert other.num_faults == 2
    assert (again != seen).all()
    assert not other.step(np.ones((2, 1), np.float32))[3].any()
    waits = make_vec(f"gym:Plain{kind}-v0", num_envs=2, autoreset_mode=AutoresetMode.DISABLED)
    waits.set_state(state)
    waits.step(np.ones((2, 1), np.float32))
    assert not waits.step(np.ones((2, 1), np.float32))[4]["fault"].any()
    waits.reset()
    assert not waits.step(np.ones((2, 1), np.float32))[4]["fault"].any()


# Classes

MODULE = """
import gymnasium
from gymnasium.envs.classic_control import PendulumEnv
from gymnasium.envs.mujoco.inverted_pendulum_v5 import InvertedPendulumEnv


class Swing(PendulumEnv):
    max_episode_steps = 30

    def __init__(self, length: float = 1.0):
        super().__init__()
        self.l = length


class Doubled(gymnasium.Wrapper):
    def __init__(self):
        super().__init__(PendulumEnv())

    def step(self, action):
        obs, reward, *rest = self.env.step(action)
        return obs, 2 * reward, *rest


class Cart(InvertedPendulumEnv):
    pass


class Robot(PendulumEnv):
    nondeterministic = True


class Forever(PendulumEnv):
    max_episode_steps = 0


class Bare(gymnasium.Env):
    pass


class Other:
    pass


def make_swing():
    return Swing()
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module with environments in the working directory."""
    name = f"plain_robots_{''.join(c for c in tmp_path.name if c.isalnum())}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield name
    sys.modules.pop(name, None)


@pytest.mark.parametrize("prefix", ["", "gym:"])
def test_a_class_of_ones_own(module: str, prefix: str) -> None:
    name = f"{prefix}{module}:Swing"
    env = make_vec(name, num_envs=1, seed=0, length=2.0)
    assert (env.max_episode_steps, env.task.name, inner(env).l) == (30, name, 2.0)  # type: ignore[attr-defined]
    assert make_vec(name, num_envs=1, task_options={"max_episode_steps": 7}).max_episode_steps == 7
    with pytest.raises(EnvsError, match=f"^{name}: cannot be made with options .* TypeError: .*'size'"):
        make_vec(name, num_envs=1, size=2.0)
    with pytest.raises(EnvsError, match=f"^body_mass: {name} has no MuJoCo model"):
        make_vec(name, num_envs=1, domain={"parameters": {"body_mass": {"scale": 2}}})


def test_classes_that_wrap_and_classes_that_run_on_mujoco(module: str) -> None:
    doubled, plain = (make_vec(n, num_envs=1, seed=0) for n in (f"{module}:Doubled", "gym:Pendulum-v1"))
    np.testing.assert_array_equal(doubled.reset()[0], plain.reset()[0])
    action = np.ones((1, 1), np.float32)
    assert doubled.step(action)[1] == 2 * plain.step(action)[1]
    assert doubled.max_episode_steps == 1000
    heavy = make_vec(f"{module}:Cart", num_envs=1, domain={"parameters": {"body_mass": {"scale": 2}}}, seed=0)
    heavy.reset()
    model = heavy.physics.world(0)[0]
    np.testing.assert_allclose(model.body_mass, 2 * heavy.physics.model.body_mass)


def test_a_class_that_says_that_it_cannot_repeat_an_episode(module: str) -> None:
    lost = []
    for name in ("Robot", "Swing"):
        env, other = (make_vec(f"{module}:{name}", num_envs=1, seed=s) for s in (0, 9))
        env.reset()
        other.set_state(env.get_state())
        lost.append(bool(other.physics.lost))
    assert lost == [True, False]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{}:Forever", "^{}:Forever: the class's max_episode_steps must be a whole number >= 1 or None, got 0"),
        ("{}:Bare", "^{}:Bare: cannot be made .*no attribute 'observation_space'"),
        ("{}:Other", "Other is no Task, it lacks .* nor is it a gymnasium.Env"),
        ("{}:make_swing", "unknown class in module .* valid: .*Swing"),
        ("gym:{}:make_swing", "^gym:{}:make_swing: not registered .* a function must be registered as an entry point"),
    ],
)
def test_what_is_no_environment_is_named(module: str, name: str, message: str) -> None:
    with pytest.raises(EnvsError, match=message.replace("{}", module)):
        environment(name.format(module)).make_task()


# The gate


def checked(parameters: dict[str, Any]) -> ShiftCheck:
    gate = Gate("gym:PlainArm-v0")
    return gate.check("shift", Domain.parse({"parameters": parameters}, gate.task.cheap))


def test_the_gate_measures_channels_without_a_state() -> None:
    found = checked({"action_delay": {"set": 2}, "observation_delay": {"set": 3}})
    assert found.verdict == "OK", found.message
    assert "over a run of 1280 world-steps with the same start and actions" in found.message
    measured = {quantity.name: quantity.measured for quantity in found.quantities}
    assert measured["action_delay[action.0]"] == 2
    assert [measured[f"observation_delay[{entry}]"] for entry in ("angle.0", "speed.0")] == [3, 3]
    assert found.divergence is not None
    assert not found.divergence.one_step
    with pytest.raises(EnvsError, match=r"^twin: gym:PlainArm-v0 has no MuJoCo state"):
        Twin(*(make_vec("gym:PlainArm-v0", num_envs=1) for _ in range(2)))


def test_the_gate_refuses_actions_without_bounds() -> None:
    with pytest.raises(
        EnvsError, match=r"^gym:PlainFree-v0: the gate draws actions .* \[-inf\] to \[inf\]; must be fin"
    ):
        Gate("gym:PlainFree-v0").require_fit(Domain())


@pytest.mark.thorough
def test_the_gate_sees_actions_without_effect_in_observations_and_rewards() -> None:
    found = checked({"action_scale": {"set": 0.0}})
    assert (found.verdict, found.message) == (
        "UNSOLVABLE",
        "trajectories under different actions coincide: actions have no effect",
    )
