"""At the nominal domain and fidelity every task is Gymnasium's v5 environment of the same name."""

import inspect
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium_pairs import OUR_DEFAULTS, THEIRS, compare, make_ours, make_theirs, random_actions

from envs import environment

# As a rule nothing differs at all. The humanoid's centre of mass is the one MuJoCo has computed, a sum in another
# order (1e-16 m, divided by 15 ms), and the double pendulum's penalties are squares where Gymnasium takes powers.
TOLERANCE = 1e-12
NUM_STEPS, NUM_WORLDS = 1000, 5  # each world has a start and actions of its own
ENDS = {"inverted_pendulum", "inverted_double_pendulum", "hopper", "walker2d", "ant", "humanoid"}
OWN_OPTIONS = {
    "inverted_pendulum": {"terminate_when_unhealthy"},
    "inverted_double_pendulum": {"terminate_when_unhealthy"},
}
NOT_TAKEN = {"self", "xml_file", "frame_skip", "default_camera_config", "kwargs", "uph_cost_weight"}
ANY_POSTURE = {"terminate_when_unhealthy": False}
SEEN = {"exclude_current_positions_from_observation": False}
OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("inverted_pendulum", {"reset_noise_scale": 0.05}),
    ("inverted_double_pendulum", {"healthy_reward": 3.0, "reset_noise_scale": 0.02}),
    ("reacher", {"reward_dist_weight": 2.5, "reward_control_weight": 0.3}),
    ("pusher", {"reward_near_weight": 0.2, "reward_dist_weight": 2.5, "reward_control_weight": 0.3}),
    ("swimmer", {"forward_reward_weight": 2.0, "ctrl_cost_weight": 0.3, "reset_noise_scale": 0.02, **SEEN}),
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
            **SEEN,
        },
    ),
    ("hopper", {**ANY_POSTURE, "healthy_reward": 3.0, "healthy_z_range": (1.0, 1.2)}),
    ("walker2d", {**ANY_POSTURE, "healthy_reward": 3.0, "healthy_z_range": (1.0, 1.2)}),
    (
        "walker2d",
        {
            "forward_reward_weight": 2.5,
            "ctrl_cost_weight": 0.05,
            "healthy_z_range": (0.9, 1.3),
            "healthy_angle_range": (-0.1, 0.3),
            "reset_noise_scale": 0.02,
            **SEEN,
        },
    ),
    ("half_cheetah", {"forward_reward_weight": 2.0, "ctrl_cost_weight": 0.3, "reset_noise_scale": 0.02, **SEEN}),
    ("ant", {**ANY_POSTURE, "healthy_reward": 3.0, "main_body": "aux_2", "healthy_z_range": (0.5, 0.6)}),
    (
        "ant",
        {
            "forward_reward_weight": 2.5,
            "ctrl_cost_weight": 0.05,
            "main_body": 4,
            "healthy_z_range": (0.4, 0.9),
            "reset_noise_scale": 0.02,
            **SEEN,
        },
    ),
    ("humanoid", {**ANY_POSTURE, "healthy_reward": 3.0, "include_cinert_in_observation": False, **SEEN}),
    (
        "humanoid",
        {
            "forward_reward_weight": 2.5,
            "ctrl_cost_weight": 0.05,
            "healthy_z_range": (1.3, 1.5),
            "reset_noise_scale": 0.02,
            "include_cvel_in_observation": False,
            "include_qfrc_actuator_in_observation": False,
        },
    ),
    (
        "humanoid_standup",
        {"ctrl_cost_weight": 0.3, "reset_noise_scale": 0.02, "include_cvel_in_observation": False, **SEEN},
    ),
]


@pytest.mark.parametrize("name", THEIRS)
def test_equals_gymnasium_over_1000_steps(name: str) -> None:
    ours = make_ours(name, NUM_WORLDS)
    worst, ends = compare(ours, [make_theirs(name) for _ in range(NUM_WORLDS)], random_actions(ours, NUM_STEPS, 0))
    assert worst <= TOLERANCE
    assert (ends > 10) == (name in ENDS)  # restarts are part of what is compared


@pytest.mark.parametrize("name", THEIRS)
def test_equals_gymnasium_with_float64_actions(name: str) -> None:
    ours = make_ours(name)
    worst, _ = compare(ours, [make_theirs(name)], random_actions(ours, 200, 7, np.float64))
    assert worst <= TOLERANCE


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_equals_gymnasium_with_its_options(name: str, options: dict[str, Any]) -> None:
    ours, theirs = make_ours(name, **options), make_theirs(name, **options)
    worst, ends = compare(ours, [theirs], random_actions(ours, 400, 8))
    assert worst <= TOLERANCE
    assert (ends > 0) == (name in ENDS and options.get("terminate_when_unhealthy", True))


@pytest.mark.parametrize("name", THEIRS)
def test_options_and_their_defaults_are_gymnasiums(name: str) -> None:
    own = {k: p.default for k, p in inspect.signature(environment(name).task).parameters.items()}
    theirs = {k: p.default for k, p in inspect.signature(type(make_theirs(name)).__init__).parameters.items()}
    expected = {k: v for k, v in theirs.items() if k not in NOT_TAKEN} | OUR_DEFAULTS.get(name, {})
    assert {k: v for k, v in own.items() if k not in OWN_OPTIONS.get(name, set())} == expected


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
    ours = make_ours("hopper", 600, **options)
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


@pytest.mark.parametrize(("name", "z", "angle"), [("walker2d", 1, 2), ("ant", 2, 7), ("humanoid", 2, 7)])
def test_others_are_healthy_where_gymnasiums_are(name: str, z: int, angle: int) -> None:
    ours, theirs = make_ours(name, 300), make_theirs(name)
    ours.reset()
    rng = np.random.default_rng(0)
    ours.physics.qpos[:, z] = rng.uniform(-0.2, 2.4, 300)
    ours.physics.qpos[:, angle] = rng.uniform(-1.3, 1.3, 300)
    ours.physics.qpos[:4, z] = theirs._healthy_z_range * 2  # on the very ends
    ours.physics.qvel[::7, 3] = np.nan
    expected = []
    for qpos, qvel in zip(ours.physics.qpos, ours.physics.qvel, strict=True):
        theirs.data.qpos[:], theirs.data.qvel[:] = qpos, qvel
        expected.append(not theirs.is_healthy)
    np.testing.assert_array_equal(ours.task.terminated(ours.physics), expected)
    assert 30 < np.sum(expected) < 270


@pytest.mark.parametrize("name", THEIRS)
def test_spaces_and_model_are_gymnasiums(name: str) -> None:
    ours, theirs = make_ours(name), make_theirs(name)
    assert ours.single_observation_space == theirs.observation_space
    assert ours.single_action_space == theirs.action_space
    assert ours.physics.ctrl_dt == pytest.approx(theirs.dt, abs=1e-15)
    assert environment(name).make_task().max_episode_steps == gymnasium.spec(THEIRS[name]).max_episode_steps


@pytest.mark.parametrize("name", THEIRS)
def test_initial_states_spread_as_gymnasiums(name: str) -> None:
    ours, theirs = make_ours(name, 512), make_theirs(name)
    mine = ours.reset(seed=0)[0]
    other = np.stack([theirs.reset(seed=0 if i == 0 else None)[0] for i in range(512)])
    spread = other.std(0)
    # 512 samples of spread s: the means are within 4.5 s sqrt(2 / 512) = 0.28 s, the spreads within 25 %
    assert (np.abs(mine.mean(0) - other.mean(0)) <= 0.3 * spread + 1e-9).all()
    assert (np.abs(mine.std(0) - spread) <= 0.25 * spread + 1e-9).all()
