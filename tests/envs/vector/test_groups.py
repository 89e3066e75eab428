"""Observation groups of an environment: what is shown in which form, through which sensors, saved and restored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from envs import Domain, DomainVectorEnv, EnvsError, Group, make, make_vec, observation_groups, observe
from envs.tasks import Hopper
from envs.tasks.groups import as_vector

DOMAIN = {
    "parameters": {"body_mass": {"scale": {"uniform": [0.5, 1.5]}}, "gravity": {"scale": {"uniform": [0.9, 1.1]}}}
}
BOTH = ("policy", "privileged")


class Sensed(Hopper):
    """A hopper that also shows a scan, a picture, and what only a simulator knows."""

    def observation_groups(self) -> dict[str, Group]:
        return {
            "privileged": Group(("speed",)),
            "policy": Group(super().observation_names),
            "scan": Group(("left", "right")),
            "picture": Group(shape=(2, 3), dtype=np.uint8, low=0, high=255),
        }

    def observe(self, physics: Any) -> Any:
        heights = physics.qpos[:, 1]
        return {
            "policy": super().observe(physics),
            "scan": np.stack([heights, 2 * heights], axis=1),
            "picture": np.full((physics.num_envs, 2, 3), 7, np.uint8),
            "privileged": physics.qvel[:, :1].copy(),
        }


def run(env: DomainVectorEnv, steps: int = 30) -> list[Any]:
    rng = np.random.default_rng(1)
    shown = [env.reset(seed=3)[0]]
    for _ in range(steps):
        obs, reward, terminated, truncated, infos = env.step(rng.uniform(-1, 1, env.action_space.shape))  # type: ignore[arg-type]
        shown.append((obs, reward, terminated, truncated, infos))
    return shown


def test_policy_alone_is_a_box_and_stays_bit_for_bit_what_it_is_beside_other_groups() -> None:
    alone = make_vec("hopper", num_envs=4, domain=DOMAIN, max_episode_steps=12)
    both = make_vec("hopper", num_envs=4, domain=DOMAIN, max_episode_steps=12, groups=BOTH)
    assert isinstance(alone.single_observation_space, spaces.Box)
    assert isinstance(both.single_observation_space, spaces.Dict)
    assert list(both.single_observation_space) == list(BOTH)
    ended = 0
    for (obs, *rest, infos), (groups, *other, theirs) in zip(run(alone)[1:], run(both)[1:], strict=True):
        np.testing.assert_array_equal(obs, groups["policy"])
        assert groups in both.observation_space
        for left, right in zip(rest, other, strict=True):
            np.testing.assert_array_equal(left, right)
        if "final_obs" in infos:
            np.testing.assert_array_equal(infos["final_obs"], theirs["final_obs"]["policy"])
            np.testing.assert_array_equal(infos["_final_obs"], theirs["final_obs"]["_privileged"])
            ended += int(infos["_final_obs"].sum())
    assert ended > 4


def test_privileged_are_the_worlds_parameters_of_the_episode_that_they_are_shown_in() -> None:
    env = make_vec("hopper", num_envs=5, domain=DOMAIN, max_episode_steps=7, groups=BOTH)
    assert env.groups["privileged"].names == ("body_mass", "gravity")
    obs, _ = env.reset(seed=0)
    for _ in range(20):
        np.testing.assert_array_equal(obs["privileged"], env.world_parameters())
        before = env.world_parameters()
        obs, _, terminated, truncated, infos = env.step(np.zeros((5, 3)))
        done = terminated | truncated
        np.testing.assert_array_equal(obs["privileged"][~done], before[~done])
        if done.any():
            np.testing.assert_array_equal(infos["final_obs"]["privileged"][done], before[done])
            assert (obs["privileged"][done] != before[done]).any()


def test_a_task_names_groups_policy_first_and_sensors_act_on_all_but_privileged_and_pictures() -> None:
    gains = {"observation_scale": {"set": 3.0}}
    domain, shown = Domain.parse({"parameters": gains}, Sensed().cheap), ("policy", "scan", "picture", "privileged")
    assert list(DomainVectorEnv(Sensed(), domain, num_envs=3, seed=0).groups) == ["policy", "scan", "picture"]
    env = DomainVectorEnv(Sensed(), domain, num_envs=3, seed=0, groups=shown)
    assert tuple(env.groups) == shown
    obs, _ = env.reset()
    truth = observe(env.task, env.physics)
    for name in ("policy", "scan"):
        np.testing.assert_array_equal(obs[name], 3.0 * truth[name])
    for name in ("picture", "privileged"):
        np.testing.assert_array_equal(obs[name], truth[name])
    assert obs["picture"].dtype == np.uint8
    fewer = DomainVectorEnv(Sensed(), env.domain, num_envs=3, seed=0, groups=("policy", "scan"))
    np.testing.assert_array_equal(fewer.reset()[0]["scan"], obs["scan"])
    seen = as_vector(Sensed())
    assert seen.observation_names == (*Hopper().observation_names, "left", "right")
    np.testing.assert_array_equal(seen.observe(env.physics), np.concatenate([truth["policy"], truth["scan"]], axis=1))


@pytest.mark.parametrize("mode", ["SameStep", "NextStep"])
def test_saved_state_continues_all_groups(mode: str) -> None:
    def build() -> DomainVectorEnv:
        domain = Domain.parse(
            {**DOMAIN, "parameters": {**DOMAIN["parameters"], "observation_delay": {"set": 2}}}, Sensed().cheap
        )
        wanted = (*BOTH, "scan", "picture")
        return DomainVectorEnv(
            Sensed(), domain, num_envs=3, seed=0, max_episode_steps=9, autoreset_mode=AutoresetMode(mode), groups=wanted
        )

    first, second = build(), build()
    run(first, 14)
    second.set_state(first.get_state())
    rng = np.random.default_rng(2)
    for _ in range(20):
        action = rng.uniform(-1, 1, (3, 3))
        one, two = first.step(action), second.step(action)
        for name in one[0]:
            np.testing.assert_array_equal(one[0][name], two[0][name])
        np.testing.assert_array_equal(one[1], two[1])
    with pytest.raises(EnvsError, match=r"differing entries: obs\.picture, obs\.privileged, obs\.scan"):
        DomainVectorEnv(Sensed(), first.domain, num_envs=3, seed=0, groups=("policy",)).set_state(first.get_state())


def test_one_world_shows_groups_too() -> None:
    env = make("hopper", domain=DOMAIN, groups=BOTH)
    obs, _ = env.reset(seed=0)
    assert obs["privileged"].shape == (2,)
    assert obs in env.observation_space
    assert set(env.step(np.zeros(3))[0]) == set(BOTH)


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(EnvsError, match="nothing is 'privileged' here"):
        make_vec("hopper", num_envs=1, groups=BOTH)
    with pytest.raises(EnvsError, match=r"unknown observation group 'camera'.*policy"):
        make_vec("hopper", num_envs=1, groups=("policy", "camera"))
    with pytest.raises(EnvsError, match="'policy' must be among them"):
        make_vec("hopper", num_envs=1, domain=DOMAIN, groups=("privileged",))

    def task(groups: Any, shown: Any) -> Any:
        cls = type(
            "Odd", (Hopper,), {"observation_groups": lambda self: groups, "observe": lambda self, physics: shown}
        )
        return cls()

    rows = np.zeros((2, 1))
    for groups, shown, words in (
        ({"scan": Group(("a",))}, {}, "needs a group 'policy' with names"),
        ({"policy": Group(("a",)), "scan": Group(("a",))}, {}, "a stand in two groups"),
        ({"policy": ("a",)}, {}, r"must return a dict of names to envs\.Group"),
        ({"policy": Group(("a",))}, rows, "must return a dict with the groups policy, got float64"),
        ({"policy": Group(("a", "b"))}, {"policy": rows}, r"'policy': must return an array .* \(2, 2\)"),
    ):
        with pytest.raises(EnvsError, match=words):
            DomainVectorEnv(task(groups, shown), num_envs=2, seed=0)
    for wrong in ({}, {"names": ("a",), "shape": (1,)}, {"names": ("a", "a")}):
        with pytest.raises(EnvsError, match="Group: "):
            Group(**wrong)  # type: ignore[arg-type]
    assert list(observation_groups(Hopper())) == ["policy"]
