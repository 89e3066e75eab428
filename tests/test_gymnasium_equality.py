"""At the nominal domain and fidelity hopper and half_cheetah are Gymnasium's Hopper-v5 and HalfCheetah-v5."""

import warnings
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from envs import ENVS, DomainVectorEnv, environment, make_vec

TOLERANCE = 1e-12
NUM_STEPS = 1000
THEIRS = {"hopper": "Hopper-v5", "half_cheetah": "HalfCheetah-v5"}
ANY_POSTURE = {"terminate_when_unhealthy": False}
OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("hopper", ANY_POSTURE),
    (
        "hopper",
        {
            "forward_reward_weight": 2.5,
            "ctrl_cost_weight": 0.05,
            "healthy_reward": 0.7,
            "healthy_state_range": (-20.0, 20.0),
            "healthy_z_range": (0.9, 1.3),
            "healthy_angle_range": (-0.1, 0.3),
            "reset_noise_scale": 0.02,
            "exclude_current_positions_from_observation": False,
        },
    ),
    ("hopper", {**ANY_POSTURE, "healthy_reward": 3.0, "healthy_z_range": (1.0, 1.2)}),
    (
        "half_cheetah",
        {
            "forward_reward_weight": 2.0,
            "ctrl_cost_weight": 0.3,
            "reset_noise_scale": 0.02,
            "exclude_current_positions_from_observation": False,
        },
    ),
]


def make_theirs(name: str, **options: Any) -> Any:
    with warnings.catch_warnings():  # Gymnasium's model files make MuJoCo's compiler warn
        warnings.simplefilter("ignore")
        return gymnasium.make(THEIRS[name], **options).unwrapped


def make_ours(name: str, seed: int = 0, **options: Any) -> DomainVectorEnv:
    return make_vec(name, num_envs=1, seed=seed, num_threads=1, max_episode_steps=None, **options)


def copy_state(ours: DomainVectorEnv, theirs: Any) -> None:
    mujoco.mj_resetData(theirs.model, theirs.data)
    theirs.set_state(ours.physics.qpos[0].copy(), ours.physics.qvel[0].copy())


def compare(ours: DomainVectorEnv, theirs: Any, actions: np.ndarray) -> tuple[float, int]:
    """Return the largest difference of any returned number, and the number of episodes that ended."""
    worst, ends = 0.0, 0
    ours.reset()
    copy_state(ours, theirs)
    for action in actions:
        obs, reward, terminated, truncated, infos = ours.step(action[None])
        expected_obs, expected_reward, expected_end, _, expected_info = theirs.step(action)
        assert bool(terminated[0]) == bool(expected_end)
        assert not truncated[0]
        own = infos["final_info"] if terminated[0] else infos
        last_obs = infos["final_obs"] if terminated[0] else obs
        assert own.keys() >= expected_info.keys()
        numbers = [(own[key][0], value) for key, value in expected_info.items()]
        numbers.append((reward[0], expected_reward))
        worst = max(worst, *(abs(a - b) for a, b in numbers), np.abs(last_obs[0] - expected_obs).max())
        if terminated[0]:
            ends += 1
            copy_state(ours, theirs)
            np.testing.assert_array_equal(obs[0], theirs._get_obs())  # the next episode's first
    return worst, ends


def random_actions(env: DomainVectorEnv, seed: int, dtype: type = np.float32) -> np.ndarray:
    rng = np.random.default_rng(seed)
    # beyond the range on purpose: both sides charge the action as given and let MuJoCo clip it
    return rng.uniform(-1.2, 1.2, (NUM_STEPS, *env.single_action_space.shape)).astype(dtype)


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("name", THEIRS)
def test_equals_gymnasium_over_1000_steps(name: str, seed: int) -> None:
    ours, theirs = make_ours(name, seed), make_theirs(name)
    worst, ends = compare(ours, theirs, random_actions(ours, seed))
    assert worst <= TOLERANCE
    assert (ends > 10) == (name == "hopper")  # restarts are part of what is compared


@pytest.mark.parametrize("name", THEIRS)
def test_equals_gymnasium_with_float64_actions(name: str) -> None:
    ours, theirs = make_ours(name), make_theirs(name)
    worst, _ = compare(ours, theirs, random_actions(ours, 7, np.float64))
    assert worst <= TOLERANCE


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_equals_gymnasium_with_its_options(name: str, options: dict[str, Any]) -> None:
    ours, theirs = make_ours(name, **options), make_theirs(name, **options)
    worst, ends = compare(ours, theirs, random_actions(ours, 8))
    assert worst <= TOLERANCE
    assert (ends > 0) == (name == "hopper" and options.get("terminate_when_unhealthy", True))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"healthy_state_range": (-0.5, 0.5), "healthy_angle_range": (-3.0, 3.0)},  # the angle obeys both
        {"healthy_z_range": (0.0, 2.0), "healthy_angle_range": (-0.1, 0.6), "healthy_state_range": (-0.4, 5.0)},
    ],
)
def test_hopper_is_healthy_where_gymnasiums_is(options: dict[str, Any]) -> None:
    theirs = make_theirs("hopper", **options)
    ours = make_vec("hopper", num_envs=600, num_threads=1, **options)
    ours.reset()
    rng = np.random.default_rng(0)
    ours.physics.qpos[:, 1] = rng.uniform(-0.2, 2.2, 600)
    ours.physics.qpos[:, 2] = rng.uniform(-0.8, 0.8, 600)
    for world in range(0, 600, 3):  # one entry far out, of the joints' angles and of all velocities
        entry = rng.integers(3, 12)
        state = ours.physics.qpos if entry < 6 else ours.physics.qvel
        state[world, entry % 6] = rng.choice([-1, 1]) * 10.0 ** rng.uniform(-1, 2.5)
    expected = []
    for qpos, qvel in zip(ours.physics.qpos, ours.physics.qvel, strict=True):
        theirs.data.qpos[:], theirs.data.qvel[:] = qpos, qvel
        expected.append(not theirs.is_healthy)
    np.testing.assert_array_equal(ours.task.terminated(ours.physics), expected)
    assert 30 < np.sum(expected) < 570


@pytest.mark.parametrize("name", THEIRS)
def test_spaces_and_model_are_gymnasiums(name: str) -> None:
    ours, theirs = make_ours(name), make_theirs(name)
    assert ours.single_observation_space == theirs.observation_space
    assert ours.single_action_space == theirs.action_space
    assert ours.physics.ctrl_dt == pytest.approx(theirs.dt, abs=1e-15)
    assert environment(name).make_task().max_episode_steps == gymnasium.spec(THEIRS[name]).max_episode_steps


@pytest.mark.parametrize("name", THEIRS)
def test_initial_states_spread_as_gymnasiums(name: str) -> None:
    ours, theirs = make_vec(name, num_envs=512, num_threads=1), make_theirs(name)
    mine = ours.reset(seed=0)[0]
    other = np.stack([theirs.reset(seed=0 if i == 0 else None)[0] for i in range(512)])
    # 512 samples of spread s: the mean is within 4.5 s / sqrt(512) = 0.2 s, the spread within 15 %
    np.testing.assert_allclose(mine.mean(0), other.mean(0), atol=0.3 * other.std(0).max())
    np.testing.assert_allclose(mine.std(0), other.std(0), rtol=0.2)


@pytest.mark.parametrize("name", ENVS)
def test_gymnasium_check_env_is_clean(name: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        env = gymnasium.make(ENVS[name].gymnasium_id)
        check_env(env.unwrapped, skip_render_check=True)
    messages = [str(w.message) for w in caught]
    assert [m for m in messages if "infinity" not in m] == []


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
    vector = make_vec(name, num_envs=1, num_threads=1, max_episode_steps=5)
    obs, _ = env.reset(seed=11)
    np.testing.assert_array_equal(obs, vector.reset(seed=11)[0][0])
    for step in range(1, 6):
        action = np.full(env.action_space.shape, 0.1, np.float32)
        obs, reward, terminated, truncated, info = env.step(action)
        their_obs, their_reward, _, _, infos = vector.step(action[None])
        own = infos["final_info"] if step == 5 else infos
        np.testing.assert_array_equal(obs, infos["final_obs"][0] if step == 5 else their_obs[0])
        assert (reward, terminated, truncated) == (their_reward[0], False, step == 5)
        assert info == {k: v[0] for k, v in own.items() if not k.startswith("_")}
    assert gymnasium.spec(ENVS[name].gymnasium_id).max_episode_steps == environment(name).make_task().max_episode_steps
