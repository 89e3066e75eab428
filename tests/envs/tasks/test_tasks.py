"""What tasks promise beyond equality with Gymnasium: names, starts, broken worlds, changed bodies, cheap physics."""

import inspect
from typing import Any

import mujoco
import numpy as np
import pytest
from gymnasium_pairs import THEIRS, make_ours

from envs import ENVS, EnvsError, make_vec
from envs.tasks.groups import as_vector
from envs.tasks.pusher import _draw_start

every_environment = pytest.mark.parametrize("name", ENVS)
every_twin = pytest.mark.parametrize("name", THEIRS)
ROOT = {
    "x": 0,
    "y": 1,
    "z": 2,
    "qw": 3,
    "qx": 4,
    "qy": 5,
    "qz": 6,
    "vx": 0,
    "vy": 1,
    "vz": 2,
    "wx": 3,
    "wy": 4,
    "wz": 5,
}
FORCES = {"include_cfrc_ext_in_observation": True}
UNENDING = {"terminate_when_unhealthy": False}


def own_options(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return those of `options` that the task has."""
    return {k: v for k, v in options.items() if k in inspect.signature(ENVS[name].task).parameters}


def named_value(entry: str, model: Any, data: Any) -> float:
    """Return what an entry of the observation is, by its name alone."""
    kind, _, rest = entry.partition(".")
    thing, _, part = rest.partition(".")
    if kind in ("cinert", "cvel", "cfrc_ext", "xpos"):
        body = int(thing[4:]) if thing.startswith("body") else model.body(thing).id
        return getattr(data, kind)[body]["xyz".index(part) if kind == "xpos" else int(part)]
    if kind == "tip_from_target":
        axis = "xyz".index(rest)
        return data.body("fingertip").xpos[axis] - data.body("target").xpos[axis]
    joint = model.joint(thing)
    if kind == "qpos":
        return data.qpos[joint.qposadr[0] + ROOT.get(part, 0)]
    if kind in ("sin", "cos"):
        return getattr(np, kind)(data.qpos[joint.qposadr[0]])
    return getattr(data, kind)[joint.dofadr[0] + ROOT.get(part, 0)]


@pytest.mark.parametrize("name", [name for name in ENVS if name != "quadruped"])  # that one's: test_quadruped.py
def test_every_entry_is_what_its_name_says(name: str) -> None:
    seen = {"exclude_current_positions_from_observation": False, **FORCES, **UNENDING}
    env = make_ours(name, **own_options(name, seen), domain={"fidelity": {"integrator": "Euler"}})
    env.reset()
    rng = np.random.default_rng(0)
    env.physics.qpos[:] += rng.uniform(-0.05, 0.05, env.physics.qpos.shape)
    env.physics.qvel[:] = rng.uniform(-1, 1, env.physics.qvel.shape)
    env.physics.step(np.zeros((1, env.physics.model.nu)))  # leaves controls in the data
    env.physics.forward(np.arange(1))
    model, data = env.physics.world(0)
    mujoco.mj_forward(model, data)
    expected = [named_value(entry, model, data) for entry in env.task.observation_names]
    np.testing.assert_allclose(env.task.observe(env.physics)[0], expected, rtol=0, atol=1e-9)


@every_environment
def test_a_world_that_has_diverged_disturbs_no_other(name: str) -> None:
    env = make_ours(name, 4, **own_options(name, FORCES))
    env.reset()
    task, physics = env.task, env.physics
    action = np.full(env.action_space.shape, 0.3, np.float32)
    env.step(action)
    before = task.measure(physics)
    physics.step(action)

    def everything() -> list[np.ndarray]:
        after = task.measure(physics)
        terms, info = task.reward(before, after, physics, action), task.info(before, after, physics)
        return [
            as_vector(task).observe(physics),
            task.terminated(physics),
            *after.values(),
            *terms.values(),
            *info.values(),
        ]

    calm = everything()
    for value in (np.nan, np.inf, -np.inf, 1e300):
        physics.qpos[2], physics.qvel[2] = value, -value
        for array, expected in zip(everything(), calm, strict=True):
            np.testing.assert_array_equal(array[[0, 1, 3]], expected[[0, 1, 3]])


@every_twin
def test_what_is_reported_is_a_copy(name: str) -> None:
    env = make_ours(name, 3)
    env.reset()
    action = np.full(env.action_space.shape, 0.3, np.float32)
    before = env.task.measure(env.physics)
    env.physics.step(action)
    after = env.task.measure(env.physics)
    kept = {k: v.copy() for k, v in after.items()}
    state = env.physics.qpos.copy(), env.physics.qvel.copy()
    terms = env.task.reward(before, after, env.physics, action)
    for array in (*env.task.info(before, after, env.physics).values(), *terms.values(), env.task.observe(env.physics)):
        array[...] = 7
    for key, value in kept.items():
        np.testing.assert_array_equal(after[key], value)
    np.testing.assert_array_equal(env.physics.qpos, state[0])
    np.testing.assert_array_equal(env.physics.qvel, state[1])


def test_reachers_targets_fill_a_disc_evenly() -> None:
    env = make_ours("reacher", 4096)
    target = env.reset()[0][:, 4:6]
    share = np.square(target).sum(axis=1) / 0.2**2  # of the disc's area that is nearer to the middle
    assert share.max() < 1
    # a uniform share: mean 1/2, variance 1/12, within 4.5 standard errors; the direction has none that it prefers
    assert abs(share.mean() - 1 / 2) < 4.5 * np.sqrt(1 / 12 / 4096)
    assert abs(share.var() - 1 / 12) < 4.5 * np.sqrt(1 / 180 / 4096)
    assert (np.abs(target.mean(axis=0)) < 4.5 * 0.1 / np.sqrt(4096)).all()
    np.testing.assert_array_equal(env.physics.qpos[:, 2:], target)
    assert not env.physics.qvel[:, 2:].any()


def test_pushers_cylinder_starts_in_a_box_but_not_near_the_goal() -> None:
    env = make_ours("pusher", 4096)
    env.reset()
    start, goal = env.physics.qpos[:, 7:9], env.physics.qpos[:, 9:]
    assert not goal.any()
    assert not env.physics.qvel[:, 7:].any()
    assert np.linalg.norm(start, axis=1).min() > 0.17
    assert (start >= (-0.3, -0.2)).all()
    assert (start <= (0.0, 0.2)).all()
    box = np.random.default_rng(0).uniform((-0.3, -0.2), (0.0, 0.2), (400_000, 2))
    accepted = box[np.linalg.norm(box, axis=1) > 0.17]
    for power in (1, 2):
        mine, other = start**power, accepted**power
        assert (np.abs(mine.mean(0) - other.mean(0)) < 4.5 * other.std(0) / np.sqrt(4096)).all()
    assert abs((start[:, 0] < -0.17).mean() - (accepted[:, 0] < -0.17).mean()) < 4.5 * 0.5 / np.sqrt(4096)


def test_pushers_cylinder_is_moved_off_the_goal_if_every_draw_lies_there() -> None:
    class Near:
        def random(self, dim: int) -> np.ndarray:
            draws = np.tile((0.9, 0.6), (3, dim // 2))  # at (-0.03, 0.04)
            draws[1, -2:], draws[2, 4:6] = (1.0, 0.5), (0.0, 0.0)  # on the goal itself; far off, the third
            return draws

    start = _draw_start(Near())
    np.testing.assert_allclose(start[0], (-0.03 * 0.17 / 0.05, 0.04 * 0.17 / 0.05), rtol=0, atol=1e-12)
    assert np.linalg.norm(start[0]) > 0.17
    np.testing.assert_array_equal(start[2], (-0.3, -0.2))


def test_the_humanoids_velocity_is_that_of_its_own_centre_of_mass() -> None:
    domain = {"parameters": {"body_mass": [{"select": "left_*", "scale": {"uniform": [0.5, 3.0]}}]}}
    env = make_ours("humanoid", 3, domain=domain)
    env.reset()
    position = env.task.measure(env.physics)
    for world in range(3):
        model, data = env.physics.world(world)
        mujoco.mj_forward(model, data)
        centre = model.body_mass @ data.xipos / model.body_mass.sum()
        assert (position["x"][world], position["y"][world]) == pytest.approx(tuple(centre[:2]), abs=1e-12)
    assert np.ptp(position["y"]) > 1e-3


def test_the_standing_rewards_scale_does_not_follow_the_fidelity() -> None:
    env = make_ours("humanoid_standup", 1, domain={"fidelity": "cheap"})
    env.reset()
    infos = env.step(np.zeros((1, 17), np.float32))[4]
    assert infos["reward_linup"][0] == env.physics.qpos[0, 2] / 0.003


@pytest.mark.parametrize("body", [14, 99, "tors", ""])
def test_a_main_body_that_there_is_not_is_refused(body: Any) -> None:
    with pytest.raises(EnvsError, match=r"main_body.*(torso|0\.\.13|name or its index)"):
        make_vec("ant", num_envs=1, main_body=body)


@pytest.mark.parametrize("body", [True, -1, 1.5, None, [1]])
def test_a_main_body_is_a_name_or_an_index(body: Any) -> None:
    with pytest.raises(EnvsError, match=r"^main_body: must be a body's name or its index, 0 or more, got "):
        make_vec("ant", num_envs=1, main_body=body)


@pytest.mark.parametrize("name", ["inverted_pendulum", "inverted_double_pendulum"])
def test_a_fallen_pole_need_not_end_the_episode(name: str) -> None:
    ending, going = make_ours(name, 4), make_ours(name, 4, **UNENDING)
    ending.reset()
    going.reset()
    ends, survived = 0, np.ones(4, bool)
    for _ in range(200):
        action = np.ones(ending.action_space.shape, np.float32)
        ends += int(ending.step(action)[2].sum())
        _, _, terminated, _, infos = going.step(action)
        survived &= infos["reward_survive"] > 0
        assert not terminated.any()
    assert ends >= 4
    assert not survived.any()


@every_environment
def test_the_cheap_fidelity_is_stable(name: str) -> None:
    env = make_vec(name, num_envs=32, seed=0, num_threads=1, domain={"fidelity": "cheap"})
    env.reset()
    rng = np.random.default_rng(0)
    low, high = env.single_action_space.low, env.single_action_space.high
    for _ in range(150):
        env.step(rng.uniform(low, high, env.action_space.shape))
    assert env.num_faults == 0
    nominal = make_vec(name, num_envs=1, seed=0, num_threads=1)
    assert env.physics.substeps <= nominal.physics.substeps / 2
    assert env.physics.ctrl_dt == nominal.physics.ctrl_dt
