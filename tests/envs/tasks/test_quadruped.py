"""Quadruped: what it observes and is paid for, in closed form, and commands that survive saving."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from envs import DomainVectorEnv, EnvsError, make_vec
from envs.tasks.quadruped import JOINTS, POSE

GROUPS = ("policy", "privileged")
NAMES = {"gravity": slice(0, 3), "gyro": slice(3, 6), "angle": slice(6, 18), "last_action": slice(30, 42)}
COMMAND = slice(42, 45)


def worlds(num_envs: int, **options: object) -> DomainVectorEnv:
    env = make_vec("quadruped", num_envs=num_envs, seed=3, num_threads=1, groups=GROUPS, **options)
    env.reset(seed=3)
    return env


def test_it_stands_in_its_pose_under_the_default_command() -> None:
    env = worlds(4, command_zero=1.0)
    still = np.zeros((4, 12), np.float32)
    for _ in range(100):
        obs, reward, terminated, _, info = env.step(still)
    assert not terminated.any()
    assert_allclose(env.physics.qpos[:, 2], 0.268, atol=0.01)
    assert (np.abs(obs["policy"][:, NAMES["angle"]]) < 0.3).all()  # rad: the servos give way under the weight
    assert_allclose(obs["policy"][:, :3], [[0, 0, -1]] * 4, atol=0.05)
    assert_array_equal(obs["privileged"][:, 3:], np.ones((4, 4)))
    assert_allclose(info["reward_track_velocity"], 3.0 * env.physics.ctrl_dt, rtol=1e-3)
    assert_allclose(info["reward_track_yaw"], 1.0 * env.physics.ctrl_dt, rtol=1e-3)
    assert_allclose(sum(values for name, values in info.items() if name.startswith("reward_")), reward, rtol=1e-12)


def test_forces_of_the_feet_carry_the_weight() -> None:
    env = worlds(1)
    for _ in range(150):
        env.step(np.zeros((1, 12), np.float32))
    forces = env.physics.bind("sensordata")[0, ::4]
    assert_allclose(forces.sum(), env.physics.model.body_mass.sum() * 9.81, rtol=0.02)


def test_gravity_and_velocity_are_in_the_frame_of_the_trunk() -> None:
    env = worlds(1)
    rng = np.random.default_rng(0)
    quaternion = rng.standard_normal(4)
    env.physics.qpos[0, 3:7] = quaternion / np.linalg.norm(quaternion)
    env.physics.qvel[0, :6] = rng.standard_normal(6)
    matrix = np.zeros(9)
    mujoco.mju_quat2Mat(matrix, env.physics.qpos[0, 3:7].copy())
    to_body = matrix.reshape(3, 3).T
    shown = env.task.observe(env.physics)
    assert_allclose(shown["policy"][0, NAMES["gravity"]], to_body @ [0, 0, -1], atol=1e-12)
    assert_allclose(shown["policy"][0, NAMES["gyro"]], env.physics.qvel[0, 3:6])
    assert_allclose(shown["privileged"][0, :3], to_body @ env.physics.qvel[0, :3], atol=1e-12)


def test_an_action_is_an_angle_from_the_pose_also_with_another_gain() -> None:
    """In the air without gravity a servo arrives where the action says, whatever kp; the last action is shown."""
    domain = {"parameters": {"servo_kp": {"scale": {"choice": [0.6, 2.0]}}, "gravity": {"scale": 0.0}}}
    env = worlds(2, domain=domain)
    target = np.linspace(-0.3, 0.3, len(JOINTS), dtype=np.float32)
    env.physics.qpos[:, 2] = 2.0
    for _ in range(300):
        obs, *_ = env.step(np.tile(target, (2, 1)))
    assert_allclose(env.physics.qpos[:, 7:] - POSE, np.tile(target, (2, 1)), atol=0.03)  # rad: dry friction stays
    assert_array_equal(obs["policy"][:, NAMES["last_action"]].astype(np.float32), np.tile(target, (2, 1)))


def test_commands_are_drawn_anew_as_often_as_is_said_and_a_share_is_zero() -> None:
    env = worlds(500, command_zero=0.3, command_time=0.4, command_x=(0.5, 1.0))
    action, before, changed, seen = np.zeros((500, 12), np.float32), None, 0, []
    for _ in range(40):
        obs, *_ = env.step(action)
        command = obs["policy"][:, COMMAND]
        changed += 0 if before is None else int((command != before).any(axis=1).sum())
        before = command
        seen.append(command)
    share = np.concatenate(seen)
    assert_allclose((~share.any(axis=1)).mean(), 0.3, atol=0.03)
    moving = share[share.any(axis=1)]
    assert 0.5 <= moving[:, 0].min() < moving[:, 0].max() <= 1.0
    assert_allclose(changed / (39 * 500), 0.05 * (1 - 0.3**2), atol=0.006)  # ctrl_dt 0.02 s; zero to zero is no change


@pytest.mark.parametrize("steps", [1, 7])
def test_saved_worlds_go_on_with_their_commands_bit_for_bit(steps: int) -> None:
    one = worlds(3, command_time=0.1)
    other = make_vec("quadruped", num_envs=3, seed=9, num_threads=1, groups=GROUPS, command_time=0.1)
    other.reset(seed=9)
    actions = np.random.default_rng(1).uniform(-0.5, 0.5, (10, steps, 3, 12)).astype(np.float32)
    for between in actions:
        other.set_state(one.get_state())
        for action in between:
            (a, r, *_), (b, s, *_) = one.step(action), other.step(action)
            assert_array_equal(r, s)
            for group in GROUPS:
                assert_array_equal(a[group], b[group])


def test_links_that_state_their_inertia_are_refused() -> None:
    with pytest.raises(EnvsError, match="'trunk' states its own inertia; must come from its geoms"):
        make_vec("quadruped", num_envs=1, domain={"parameters": {"link_length": {"scale": 1.2}}})
