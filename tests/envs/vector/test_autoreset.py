"""Autoreset: every mode restarts worlds, and reports it, as Gymnasium's SyncVectorEnv does; so do its wrappers."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import wrappers
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium_pairs import OUR_DEFAULTS, THEIRS, copy_state, make_ours, make_theirs

from envs import DomainVectorEnv, EnvsError, make_vec

NUM, LIMIT, STEPS = 3, 9, 40
STILL = {"reset_noise_scale": 0.0}  # every episode then starts in the same state, whoever draws
MODES = list(AutoresetMode)
SAME, NEXT, DISABLED = AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED
REPORTING = ["hopper", "walker2d", "half_cheetah", "ant", "humanoid", "humanoid_standup", "swimmer"]


def ours(name: str, mode: AutoresetMode | str, **kwargs: Any) -> DomainVectorEnv:
    options = {**STILL, "max_episode_steps": LIMIT, **kwargs}
    return make_vec(name, num_envs=NUM, seed=0, num_threads=1, autoreset_mode=mode, **options)


def theirs(name: str, mode: AutoresetMode) -> SyncVectorEnv:
    def make() -> gymnasium.Env[Any, Any]:
        options = {**OUR_DEFAULTS.get(name, {}), **STILL, "max_episode_steps": LIMIT}
        with warnings.catch_warnings():  # Gymnasium's model files make MuJoCo's compiler warn
            warnings.simplefilter("ignore")
            return gymnasium.make(THEIRS[name], disable_env_checker=True, **options)

    return SyncVectorEnv([make] * NUM, autoreset_mode=mode)


def actions_for(env: VectorEnv[Any, Any, Any]) -> np.ndarray:
    shape = env.action_space.shape
    assert shape is not None
    strength = np.linspace(0.0, 1.0, NUM).reshape(NUM, 1)  # so that the worlds of a hopper fall at different times
    return (strength * np.random.default_rng(0).uniform(-1, 1, (STEPS, *shape))).astype(np.float32)


def assert_equal(own: Any, other: Any) -> None:
    """Compare observations and infos of one reset or step, infos where Gymnasium's masks say that there are any."""
    np.testing.assert_allclose(own[0], other[0], rtol=0, atol=1e-12)
    for a, b in zip(own[1:-1], other[1:-1], strict=True):  # rewards, terminations, truncations
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)
    compare_infos(own[-1], other[-1])


def compare_infos(own: dict[str, Any], other: dict[str, Any]) -> None:
    assert ("final_info" in own) == ("final_info" in other)
    for key, value in other.items():
        if key == "final_info":
            compare_infos(own[key], value)
        elif not key.startswith("_"):
            mask = other[f"_{key}"]
            np.testing.assert_array_equal(own[f"_{key}"], mask, err_msg=key)
            rows = np.stack(value[mask]) if mask.any() else value[mask]
            np.testing.assert_allclose(own[key][mask], rows, rtol=0, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["hopper", "half_cheetah", "humanoid"])
def test_modes_are_those_of_gymnasiums_vector_environment(name: str, mode: AutoresetMode) -> None:
    own, other = ours(name, mode), theirs(name, mode)
    assert own.metadata["autoreset_mode"] is own.autoreset_mode is other.metadata["autoreset_mode"]
    assert_equal(own.reset(seed=0), other.reset(seed=0))
    ended = 0
    for action in actions_for(own):
        left, right = own.step(action), other.step(action)
        assert_equal(left, right)
        done = left[2] | left[3]
        ended += int(done.sum())
        if mode is DISABLED and done.any():
            assert_equal(*(env.reset(options={"reset_mask": done.copy()}) for env in (own, other)))
    assert ended >= 3 * NUM


@pytest.mark.parametrize("name", REPORTING)
def test_infos_of_a_start_are_gymnasiums(name: str) -> None:
    own, other = make_ours(name, NUM), make_theirs(name)
    _, infos = own.reset(seed=4)
    for world in range(NUM):
        other.reset()
        copy_state(own, other, world)
        expected = other._get_reset_info()
        assert {key for key in infos if not key.startswith("_")} == expected.keys()
        for key, value in expected.items():
            np.testing.assert_allclose(infos[key][world], value, rtol=0, atol=1e-12, err_msg=key)
            assert infos[f"_{key}"].all()
    single = gymnasium.make(f"sim2real/{THEIRS[name].replace('v5', 'v0')}")
    assert single.reset(seed=0)[1].keys() == expected.keys()


def test_only_the_worlds_that_are_reset_report_a_start() -> None:
    env = ours("hopper", DISABLED)
    mask = np.array([True, False, True])
    _, infos = env.reset(options={"reset_mask": mask})
    np.testing.assert_array_equal(infos["_x_position"], mask)
    assert infos["x_position"][1] == 0.0


def test_a_world_that_was_never_reset_is_left_alone() -> None:
    env = ours("hopper", NEXT)
    env.reset(options={"reset_mask": np.array([True, False, True])})
    before = env.physics.qpos[1].copy()
    for action in actions_for(env):
        _, reward, *_ = env.step(action)
        assert reward[1] == 0.0
    np.testing.assert_array_equal(env.physics.qpos[1], before)
    assert env.get_state()["episode"].tolist()[1] == -1


def test_a_fault_restarts_in_the_next_step() -> None:
    env = ours("hopper", NEXT)
    env.reset()
    action = actions_for(env)[0]
    action[1] = np.nan
    _, _, terminated, truncated, infos = env.step(action)
    assert infos["fault"].tolist() == truncated.tolist() == [False, True, False]
    assert not terminated.any()
    obs, reward, _, truncated, infos = env.step(action)  # ignored, also where it is not a number
    np.testing.assert_array_equal(obs[1], env.reset()[0][1])
    assert (reward[1], truncated[1], bool(infos["_fault"][1]), env.num_faults) == (0.0, False, False, 1)


@pytest.mark.parametrize("mode", MODES)
def test_state_continues_bit_for_bit(mode: AutoresetMode) -> None:
    noisy = {"parameters": {"observation_noise": {"set": 0.1}, "action_delay": {"set": 2}, "body_mass": {"scale": 2}}}
    make = {"domain": noisy, "reset_noise_scale": 0.1, "healthy_z_range": (1.2, 2.0)}
    env, other = ours("hopper", mode, **make), ours("hopper", mode, **make)
    env.reset(seed=3)
    waiting = 0
    for index, action in enumerate(actions_for(env)):
        other.set_state(env.get_state())
        waiting += int(env.get_state()["ended"].any())
        left, right = env.step(action), other.step(action)
        for a, b in zip(left[:4], right[:4], strict=True):
            np.testing.assert_array_equal(a, b)
        assert left[4].keys() == right[4].keys()
        if mode is DISABLED and index % 10 == 9:
            env.reset(options={"reset_mask": left[2] | left[3]})
    assert (waiting > 0) == (mode is not SAME)  # a world that waits for its restart is part of what is saved


@pytest.mark.parametrize("text", ["NextStep", "NEXT_STEP", "next_step"])
def test_a_mode_can_be_text(text: str) -> None:
    env = gymnasium.make_vec("sim2real/Hopper-v0", num_envs=2, autoreset_mode=text, num_threads=1)
    assert env.metadata["autoreset_mode"] is NEXT
    assert gymnasium.make_vec("sim2real/Hopper-v0", num_envs=2).metadata["autoreset_mode"] is SAME
    with pytest.raises(EnvsError, match=r"must be one of AutoresetMode.NEXT_STEP \('NextStep'\), .*got 'no'"):
        make_vec("hopper", num_envs=1, autoreset_mode="no")


def _row(obs: np.ndarray) -> np.ndarray:
    return np.clip(obs, -1, 1)


WRAPPERS: dict[str, Any] = {
    "RecordEpisodeStatistics": wrappers.vector.RecordEpisodeStatistics,
    "NormalizeObservation": wrappers.vector.NormalizeObservation,
    "NormalizeReward": wrappers.vector.NormalizeReward,
    "FlattenObservation": wrappers.vector.FlattenObservation,
    "ReshapeObservation": lambda env: wrappers.vector.ReshapeObservation(env, (11, 1)),
    "DtypeObservation": lambda env: wrappers.vector.DtypeObservation(env, np.float32),
    "TransformObservation": lambda env: wrappers.vector.TransformObservation(env, _row),
    "VectorizeTransformObservation": lambda env: wrappers.vector.VectorizeTransformObservation(
        env, wrappers.TransformObservation, func=_row, observation_space=env.single_observation_space
    ),
    "ClipReward": lambda env: wrappers.vector.ClipReward(env, 0.0, 1.0),
    "TransformReward": lambda env: wrappers.vector.TransformReward(env, np.tanh),
    "ClipAction": wrappers.vector.ClipAction,
    "RescaleAction": lambda env: wrappers.vector.RescaleAction(env, -2.0, 2.0),
    "NumpyToTorch": lambda env: wrappers.vector.NumpyToTorch(env),  # imported only when asked for
    "DictInfoToList": wrappers.vector.DictInfoToList,
}


NEXT_ONLY = {name for name in WRAPPERS if "Observation" in name}


@pytest.mark.filterwarnings("ignore:.*precision lowered")  # of the bounds of spaces that wrappers make
@pytest.mark.parametrize("mode", [SAME, NEXT])
@pytest.mark.parametrize("name", WRAPPERS)
def test_gymnasiums_vector_wrappers(name: str, mode: AutoresetMode) -> None:
    if name == "NumpyToTorch":
        pytest.importorskip("array_api_compat", reason='needs the extra "clients"')
    own = ours("hopper", mode)
    if mode is SAME and name in NEXT_ONLY:
        with pytest.raises((AssertionError, ValueError), match="SAME_STEP"):
            WRAPPERS[name](own)
        return
    # Gymnasium's own environment hands NumpyToTorch arrays of objects, which PyTorch refuses
    other = theirs("hopper", mode) if (name, mode) != ("NumpyToTorch", SAME) else ours("hopper", mode)
    actions, (own, other) = actions_for(own), (WRAPPERS[name](env) for env in (own, other))
    own.reset(seed=0)
    other.reset(seed=0)
    ends = 0
    for action in actions:
        given = torch.as_tensor(action) if name == "NumpyToTorch" else action
        left, right = own.step(given), other.step(given)
        for a, b in zip(left[:4], right[:4], strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-7)
        ends += int((left[2] | left[3]).sum())
        if name == "RecordEpisodeStatistics" and "episode" in right[4]:
            for key in "rl":
                np.testing.assert_allclose(left[4]["episode"][key], right[4]["episode"][key], rtol=0, atol=1e-9)
        if name == "DictInfoToList":
            for mine, their in zip(left[4], right[4], strict=True):
                assert mine.keys() >= their.keys()
                assert mine["x_position"] == pytest.approx(their["x_position"], abs=1e-12)
    assert ends > NUM
