"""Every environment behaves as Gymnasium expects of one: registered, checked, single as well as vectorised."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from envs import ENVS, DomainVectorEnv, environment, make_vec


@pytest.mark.parametrize("name", ENVS)
def test_gymnasium_check_env_is_clean(name: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        env = gymnasium.make(ENVS[name].gymnasium_id)
        check_env(env.unwrapped, skip_render_check=True)
    # Gymnasium advises ranges of +-1 whose middle is 0; the ranges are its own environments'
    messages = [str(w.message) for w in caught]
    assert [m for m in messages if "infinity" not in m and "normalized space" not in m] == []


@pytest.mark.parametrize("name", ENVS)
def test_registered_vector_environment(name: str) -> None:
    env = gymnasium.make_vec(
        ENVS[name].gymnasium_id, num_envs=3, vectorization_mode="vector_entry_point", seed=5, num_threads=1
    )
    assert isinstance(env.unwrapped, DomainVectorEnv)
    obs, _ = env.reset()
    np.testing.assert_array_equal(obs, make_vec(name, num_envs=3, seed=5, num_threads=1).reset()[0])
    step = env.step(np.zeros(env.action_space.shape, np.float32))
    assert [np.shape(a) for a in step[:4]] == [obs.shape, (3,), (3,), (3,)]


@pytest.mark.parametrize("name", ENVS)
def test_single_environment_is_world_zero_and_has_a_time_limit(name: str) -> None:
    env = gymnasium.make(ENVS[name].gymnasium_id, max_episode_steps=5)
    vector = make_vec(name, num_envs=1, seed=0, num_threads=1, max_episode_steps=5)
    obs, _ = env.reset(seed=11)
    np.testing.assert_array_equal(obs, vector.reset(seed=11)[0][0])
    for step in range(1, 6):
        action = np.full(env.action_space.shape, 0.1, np.float32)
        obs, reward, terminated, truncated, info = env.step(action)
        their_obs, their_reward, _, _, infos = vector.step(action[None])
        own = infos["final_info"] if step == 5 else infos
        np.testing.assert_array_equal(obs, infos["final_obs"][0] if step == 5 else their_obs[0])
        assert (reward, terminated, truncated) == (their_reward[0], False, step == 5)
        assert info.keys() == {k for k in own if not k.startswith("_")}
        for key, value in info.items():
            np.testing.assert_array_equal(value, own[key][0])
    assert gymnasium.spec(ENVS[name].gymnasium_id).max_episode_steps == environment(name).make_task().max_episode_steps
