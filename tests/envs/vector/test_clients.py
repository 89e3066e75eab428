"""Other libraries as clients of the registered environments and of the vector environment.

Those that are not installed are skipped: pip install -e ".[clients]".
"""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3 import PPO

from agents import VectorAdapter
from envs import ENVS, DomainVectorEnv, EnvsError, make_vec

HOPPER = "sim2real/Hopper-v0"
EXTRA = 'needs the extra "clients"'
DOMAIN = {"parameters": {"body_mass": {"scale": {"uniform": [0.7, 1.3]}}, "action_delay": {"set": 2}}}


def hoppers(**kwargs: Any) -> DomainVectorEnv:
    return make_vec("hopper", **{"num_envs": 3, "seed": 0, "num_threads": 1, "max_episode_steps": 6, **kwargs})


def random_actions(env: Any, num_steps: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (num_steps, *env.action_space.shape)).astype(np.float32)


@pytest.mark.parametrize("name", ENVS)
def test_a_spec_is_copied_and_written_as_json(name: str) -> None:
    spec = gymnasium.spec(ENVS[name].gymnasium_id)
    assert copy.deepcopy(spec) == spec
    read = EnvSpec.from_json(spec.to_json())
    assert read == spec
    one, other = gymnasium.make(spec), gymnasium.make(read)
    np.testing.assert_array_equal(one.reset(seed=3)[0], other.reset(seed=3)[0])
    assert json.loads(other.spec.to_json())["kwargs"] == {"env": name}


def test_options_and_domain_stay_in_the_spec() -> None:
    env = gymnasium.make(HOPPER, domain=DOMAIN, healthy_reward=2.0)
    again = gymnasium.make(EnvSpec.from_json(env.spec.to_json()))
    np.testing.assert_array_equal(env.reset(seed=3)[0], again.reset(seed=3)[0])
    action = np.full(3, 0.5, np.float32)
    first, second = env.step(action), again.step(action)
    assert first[1] == second[1]
    assert first[4]["reward_survive"] == 2.0
    np.testing.assert_array_equal(
        again.unwrapped.vector.worlds.read("body_mass")["torso"], env.unwrapped.vector.worlds.read("body_mass")["torso"]
    )


@pytest.mark.parametrize("name", ["hopper", "humanoid", "gym:Hopper-v5"])
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])  # noqa: S301
def test_a_copy_continues_bit_for_bit(name: str, duplicate: Any) -> None:
    env = make_vec(name, num_envs=3, num_threads=1, max_episode_steps=7, domain=DOMAIN, autoreset_mode="NextStep")
    env.reset()
    actions = random_actions(env, 20)
    for action in actions[:9]:
        env.step(action)
    twin = duplicate(env)
    for action in actions[9:]:
        one, two = env.step(action), twin.step(action)
        for a, b in zip(one[:4], two[:4], strict=True):
            np.testing.assert_array_equal(a, b)
        assert one[4].keys() == two[4].keys()
    state = env.get_state()
    assert all(np.array_equal(value, state[key]) for key, value in twin.get_state().items())


def test_a_copy_of_one_world_is_another_world() -> None:
    env = gymnasium.make(HOPPER, domain=DOMAIN)
    env.reset(seed=1)
    twin = copy.deepcopy(env)
    for action in random_actions(env, 5):
        np.testing.assert_array_equal(env.step(action)[0], twin.step(action)[0])
    env.step(action)
    assert not np.array_equal(env.unwrapped.vector.physics.qpos, twin.unwrapped.vector.physics.qpos)


def test_without_a_seed_worlds_differ_and_with_one_they_do_not() -> None:
    unseeded = [hoppers(seed=None) for _ in range(2)]
    first, second = (env.reset()[0] for env in unseeded)
    assert not np.array_equal(first, second)
    again = hoppers(seed=unseeded[0].np_random_seed)  # as Gymnasium's environments say what was drawn
    np.testing.assert_array_equal(again.reset()[0], first)
    np.testing.assert_array_equal(hoppers().reset()[0], hoppers().reset(seed=0)[0])


@pytest.mark.parametrize("make", [gymnasium.make, gymnasium.make_vec])
def test_what_cannot_be_is_refused_as_clients_expect(make: Any) -> None:
    with pytest.raises(TypeError, match=r"got an unexpected keyword argument 'frameskip': unknown option of sim2real/"):
        make(HOPPER, frameskip=1)
    with pytest.raises(EnvsError, match=r"valid: ctrl_cost_weight, .*terminate_when_unhealthy"):
        make(HOPPER, frameskip=1)
    with pytest.raises(EnvsError, match="render_mode: these worlds cannot be rendered; the only mode is None, got 'hu"):
        make(HOPPER, render_mode="human")
    assert make(HOPPER, render_mode=None).render_mode is None


def test_a_step_after_the_end_warns_once_an_episode() -> None:
    env = gymnasium.make(HOPPER, healthy_z_range=[5.0, 6.0])  # nobody stands 5 m high
    action = np.zeros(3, np.float32)
    for _ in range(2):
        env.reset(seed=0)
        assert env.step(action)[2]
        with pytest.warns(UserWarning, match=r"step\(\) is called although the episode is over"):
            _, reward, terminated, truncated, _ = env.step(action)
        assert (reward, terminated, truncated) == (0.0, False, False)
        env.step(action)  # a second warning would be an error here


def test_importing_either_package_registers() -> None:
    for package in ("envs", "sim2real"):
        script = f"import {package}, gymnasium; print(gymnasium.spec({HOPPER!r}).max_episode_steps)"
        run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert run.stdout.strip() == "1000"


def test_stable_baselines3_by_string_and_by_adapter() -> None:
    settings: dict[str, Any] = {"n_steps": 32, "batch_size": 32, "n_epochs": 1, "device": "cpu", "seed": 0}
    by_name = PPO("MlpPolicy", HOPPER, **settings).learn(64)
    assert by_name.num_timesteps == 64
    adapted = PPO("MlpPolicy", VectorAdapter(hoppers()), **settings).learn(96)
    assert adapted.num_timesteps == 96
    assert adapted.ep_info_buffer is not None
    assert {episode["l"] for episode in adapted.ep_info_buffer} == {6}
    with pytest.raises(ValueError, match=r"VectorAdapter\(env\)"):
        PPO("MlpPolicy", hoppers(), **settings)


def test_environments_made_as_cleanrl_does() -> None:
    def thunk() -> gymnasium.Env[Any, Any]:
        env = gymnasium.make(HOPPER, max_episode_steps=6)
        env = gymnasium.wrappers.FlattenObservation(env)
        env = gymnasium.wrappers.RecordEpisodeStatistics(env)
        env = gymnasium.wrappers.ClipAction(env)
        env = gymnasium.wrappers.NormalizeObservation(env)
        env = gymnasium.wrappers.TransformObservation(env, lambda obs: np.clip(obs, -10, 10), env.observation_space)
        env = gymnasium.wrappers.NormalizeReward(env, gamma=0.99)
        return gymnasium.wrappers.TransformReward(env, lambda reward: np.clip(reward, -10, 10))

    envs = SyncVectorEnv([thunk] * 3, autoreset_mode=AutoresetMode.SAME_STEP)
    envs.reset(seed=[1, 2, 3])
    lengths = []
    for action in random_actions(envs, 13):
        obs, _, _, _, infos = envs.step(action)
        assert np.isfinite(obs).all()
        if "final_info" in infos:
            lengths += infos["final_info"]["episode"]["l"].tolist()
    assert lengths == [6] * 6


def test_worlds_in_processes_of_gymnasiums() -> None:
    envs = gymnasium.make_vec(HOPPER, num_envs=2, vectorization_mode="async", max_episode_steps=6)
    try:
        obs, infos = envs.reset(seed=0)
        assert obs.shape == (2, 11)
        assert infos["_x_position"].all()
        assert envs.step(envs.action_space.sample())[0].shape == (2, 11)
    finally:
        envs.close()


@pytest.mark.filterwarnings("ignore:.*is set to None")  # of what a published data set should say of itself
@pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")  # of Minari's temporary folders
def test_minari_collects_a_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "MINARI_DATASETS_PATH", str(tmp_path))
    minari = pytest.importorskip("minari", reason=EXTRA)
    pytest.importorskip("h5py", reason=EXTRA)
    env = minari.DataCollector(gymnasium.make(HOPPER, max_episode_steps=6))
    actions = random_actions(env, 6)
    seen = []
    for seed in range(2):
        seen.append([env.reset(seed=seed)[0]])
        seen[-1] += [env.step(action)[0] for action in actions]
    data = env.create_dataset(dataset_id="hopper/test-v0", algorithm_name="random", eval_env=HOPPER)
    assert data.total_episodes == 2
    assert data.total_steps == 12
    for episode, rows in zip(data.iterate_episodes(), seen, strict=True):
        np.testing.assert_array_equal(episode.observations, rows)
        np.testing.assert_array_equal(episode.actions, actions)
    again = minari.load_dataset("hopper/test-v0").recover_environment()
    np.testing.assert_array_equal(again.reset(seed=1)[0], seen[1][0])
    env._tmp_dir._finalizer.detach()  # which `close` does not
    env.close()


def test_torchrl_by_name() -> None:
    libs = pytest.importorskip("torchrl.envs", reason=EXTRA)
    env = libs.GymEnv(HOPPER, device="cpu", frame_skip=2)
    rollout = env.rollout(5)
    assert rollout["observation"].shape == (5, 11)
    libs.utils.check_env_specs(env)
    env.close()


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.DISABLED])
def test_torchrl_wraps_many_worlds(mode: AutoresetMode) -> None:
    libs = pytest.importorskip("torchrl.envs", reason=EXTRA)
    env = libs.GymWrapper(hoppers(autoreset_mode=mode), device="cpu")
    assert env.batch_size == (3,)
    rollout = env.rollout(20, break_when_any_done=False)
    assert rollout["observation"].shape == (3, 20, 11)
    done = rollout["next", "done"].squeeze(-1).numpy()
    np.testing.assert_array_equal(done, np.tile(np.arange(1, 21) % 6 == 0, (3, 1)))
    # the last observation of an episode comes before the first of the next
    following, reached = rollout["observation"].numpy(), rollout["next", "observation"].numpy()
    np.testing.assert_array_equal(following[:, 1:6], reached[:, :5])
    assert not np.array_equal(following[:, 6], reached[:, 5])
