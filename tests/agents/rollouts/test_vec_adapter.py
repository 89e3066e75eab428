"""VectorAdapter: equal to stable-baselines3's own path over single worlds; exact counts and continuation."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from probes import LinearWorld, OneStep, make_policy_env
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from agents import AgentsError, CheckpointError, VectorAdapter
from agents.rollouts.transition import transition_from_infos


def cartpole() -> gym.Env[Any, Any]:
    return gym.make("CartPole-v1", max_episode_steps=14)  # short: poles fall and limits cut


def sync(mode: AutoresetMode = AutoresetMode.SAME_STEP) -> SyncVectorEnv:
    return SyncVectorEnv([cartpole] * 3, autoreset_mode=mode)


def test_equal_to_stable_baselines3_over_single_worlds() -> None:
    ours, theirs = VectorAdapter(sync(), seed=5), DummyVecEnv([lambda: Monitor(cartpole())] * 3)
    theirs.seed(5)
    np.testing.assert_array_equal(ours.reset(), theirs.reset())
    rng, fallen, cut = np.random.default_rng(0), 0, 0
    for _ in range(120):
        actions = rng.integers(0, 2, 3)
        obs, rewards, dones, infos = ours.step(actions)
        obs2, rewards2, dones2, infos2 = theirs.step(actions)
        np.testing.assert_array_equal(obs, obs2)
        np.testing.assert_array_equal(rewards, rewards2)
        np.testing.assert_array_equal(dones, dones2)
        for world, done in enumerate(dones):
            if not done:
                assert infos[world] == {}
                continue
            assert infos[world]["TimeLimit.truncated"] == infos2[world]["TimeLimit.truncated"]
            assert infos[world]["episode"]["r"] == infos2[world]["episode"]["r"]
            assert infos[world]["episode"]["l"] == infos2[world]["episode"]["l"]
            last = infos[world]["terminal_observation"]
            np.testing.assert_array_equal(last, infos2[world]["terminal_observation"])
            fallen, cut = (
                fallen + (not infos[world]["TimeLimit.truncated"]),
                cut + infos[world]["TimeLimit.truncated"],
            )
    assert fallen > 3
    assert cut > 3
    assert ours.counts == {"steps": 360, "episodes": fallen + cut, "terminations": fallen}


def test_arrays_and_dictionaries_say_the_same() -> None:
    a, b = VectorAdapter(make_policy_env(4, 2)), VectorAdapter(make_policy_env(4, 2))
    a.reset()
    b.reset()
    rng = np.random.default_rng(3)
    seen = 0
    for _ in range(60):
        actions = rng.uniform(-1, 1, (8, 2)).astype(np.float32)
        direct, read = a.step_arrays(actions), transition_from_infos(*b.step(actions))
        for name in ("obs", "terminated", "ended", "final_obs"):
            np.testing.assert_array_equal(getattr(direct, name), getattr(read, name))
        np.testing.assert_array_equal(direct.reward.astype(np.float32), read.reward.astype(np.float32))
        # stable-baselines3 calls an episode truncated only if it did not terminate in the same step
        np.testing.assert_array_equal(direct.truncated & ~direct.terminated, read.truncated)
        assert [e["r"] for e in direct.episodes] == [e["r"] for e in read.episodes]
        assert direct.obs.dtype == direct.final_obs.dtype == np.float32
        assert direct.final_obs.shape == (len(direct.ended), 4)
        seen += len(direct.ended)
    assert seen > 20


def test_returned_arrays_share_no_memory() -> None:
    adapter = VectorAdapter(make_policy_env(4, 2))
    first = adapter.reset()
    kept = first.copy()
    result = adapter.step_arrays(np.zeros((8, 2), np.float32))
    first[:] = np.nan
    result.obs[:] = np.nan
    later = adapter.step_arrays(np.zeros((8, 2), np.float32))
    assert np.isfinite(later.obs).all()
    assert np.isfinite(kept).all()
    assert np.isfinite(adapter.get_state()["obs"]).all()


def test_state_continues_bit_for_bit() -> None:
    adapter = VectorAdapter(LinearWorld(6, seed=1))
    adapter.reset()
    actions = np.random.default_rng(0).uniform(-1, 1, (40, 6, 2)).astype(np.float32)
    for action in actions[:17]:
        adapter.step_arrays(action)
    state = adapter.get_state()
    other = VectorAdapter(LinearWorld(6, seed=99))
    other.reset()
    other.set_state(state)
    assert all(value.dtype.kind in "biuf" for value in state.values())
    assert {"counters", "returns", "lengths", "obs", "env.state"} <= set(state)
    for action in actions[17:]:
        one, two = adapter.step_arrays(action), other.step_arrays(action)
        np.testing.assert_array_equal(one.obs, two.obs)
        np.testing.assert_array_equal(one.reward, two.reward)
        assert [(e["r"], e["l"]) for e in one.episodes] == [(e["r"], e["l"]) for e in two.episodes]
    assert adapter.counts == other.counts


def test_state_of_another_number_of_worlds_is_refused() -> None:
    state = VectorAdapter(LinearWorld(6)).get_state()
    with pytest.raises(CheckpointError, match=r"'returns' must have shape \(4,\), it is \(6,\)"):
        VectorAdapter(LinearWorld(4)).set_state(state)
    with pytest.raises(CheckpointError, match=r"'obs' must have shape .* it is missing"):
        VectorAdapter(LinearWorld(6)).set_state({k: v for k, v in state.items() if k != "obs"})
    with pytest.raises(CheckpointError, match=r"no get_state"):
        VectorAdapter(sync()).get_state()


def test_environments_that_do_not_fit_are_refused() -> None:
    with pytest.raises(AgentsError, match="SAME_STEP"):
        VectorAdapter(sync(AutoresetMode.NEXT_STEP))

    class Silent(OneStep):
        def step(self, actions: np.ndarray) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
            return *super().step(actions)[:4], {}

    adapter = VectorAdapter(Silent(2))
    adapter.reset()
    with pytest.raises(AgentsError, match=r"worlds \[0, 1\] ended without infos\['final_obs'\]"):
        adapter.step_arrays(np.zeros((2, 1)))
    with pytest.raises(AgentsError, match="without step_async"):
        adapter.step_wait()


def test_seed_is_for_the_first_reset_only() -> None:
    a, b = VectorAdapter(LinearWorld(3, seed=1), seed=7), VectorAdapter(LinearWorld(3, seed=2), seed=7)
    np.testing.assert_array_equal(a.reset(), b.reset())
    assert not np.array_equal(a.reset(), LinearWorld(3).reset(seed=7)[0])


def test_attributes_and_methods_reach_the_environment() -> None:
    adapter = VectorAdapter(LinearWorld(3))
    assert adapter.get_attr("limit") == [13] * 3
    assert adapter.get_attr("limit", indices=[1]) == [13]
    adapter.set_attr("limit", 5)
    assert adapter.env_method("over")[0].shape == (3,)
    assert adapter.env.limit == 5
    assert adapter.env_is_wrapped(Monitor) == [False] * 3
