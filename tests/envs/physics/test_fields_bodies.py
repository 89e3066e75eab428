"""Masses, joints, gravity and the medium: that the laws of mechanics see what was set."""

from typing import Any

import mujoco
import numpy as np
import pytest
from bench_worlds import BENCH, bench
from worlds_compared import build, random_actions

from envs import ENVS, EnvsError

G = 9.81


def model_of(parameters: Any, source: str = BENCH) -> tuple[mujoco.MjModel, mujoco.MjData]:
    physics, _ = bench(parameters, 1, source)
    return physics.world(0)


@pytest.mark.parametrize("name", ENVS)
def test_inertia_scales_with_mass(name: str) -> None:
    env = build(name, {"body_mass": {"scale": {"uniform": [0.5, 2.0]}}})
    env.reset()
    nominal = env.physics.model
    for world, factor in enumerate(env.parameters["body_mass"]):
        model, _ = env.physics.world(world)
        moving = nominal.body_weldid > 0
        np.testing.assert_allclose(model.body_mass[moving], nominal.body_mass[moving] * factor, rtol=1e-14)
        np.testing.assert_allclose(model.body_inertia[moving], nominal.body_inertia[moving] * factor, rtol=1e-14)
        assert not np.allclose(model.body_invweight0[moving], nominal.body_invweight0[moving])


def test_a_payload_weighs_and_turns_about_the_joint_alone() -> None:
    """At the hand's centre, 0.15 m from the wrist, m adds m 0.15^2 to the inertia there and m g to the weight."""
    (model, data), (loaded, carrying) = model_of(None), model_of({"payload": {"select": "hand", "set": 2.0}})
    hand, wrist = model.body("hand").id, model.joint("wrist").dofadr[0]
    np.testing.assert_array_equal(loaded.body_inertia, model.body_inertia)
    assert loaded.body_mass[hand] - model.body_mass[hand] == pytest.approx(2)
    assert loaded.body_subtreemass[0] - model.body_subtreemass[0] == pytest.approx(2)
    for m, d in ((model, data), (loaded, carrying)):
        mujoco.mj_resetData(m, d)
        mujoco.mj_forward(m, d)
    assert loaded.dof_M0[wrist] - model.dof_M0[wrist] == pytest.approx(2 * 0.15**2)
    assert carrying.qfrc_bias[wrist] - data.qfrc_bias[wrist] == pytest.approx(-2 * G * 0.15)


def test_inertia_alone_resists_turning_alone() -> None:
    (model, _), (slow, _) = model_of(None), model_of({"body_inertia": {"select": "hand", "scale": 3.0}})
    hand, wrist = model.body("hand").id, model.joint("wrist").dofadr[0]
    np.testing.assert_array_equal(slow.body_mass, model.body_mass)
    across = model.body_inertia[hand].max()
    assert slow.dof_M0[wrist] - model.dof_M0[wrist] == pytest.approx(2 * across)


def test_a_shifted_centre_of_mass_moves_the_weight_but_no_geom() -> None:
    """MuJoCo keeps geoms relative to the inertial frame in places; they must not follow it."""
    (model, data), (shifted, moved) = model_of(None), model_of({"body_com_x": {"select": "hand", "add": 0.1}})
    for m, d in ((model, data), (shifted, moved)):
        mujoco.mj_resetData(m, d)
        mujoco.mj_forward(m, d)
    hand, wrist = model.body("hand").id, model.joint("wrist").dofadr[0]
    np.testing.assert_allclose(moved.xipos[hand] - data.xipos[hand], [0.1, 0, 0], atol=1e-15)
    np.testing.assert_array_equal(moved.geom_xpos, data.geom_xpos)
    np.testing.assert_array_equal(moved.geom_xmat, data.geom_xmat)
    assert moved.qfrc_bias[wrist] - data.qfrc_bias[wrist] == pytest.approx(-model.body_mass[hand] * G * 0.1)


@pytest.mark.parametrize("axis", ["x", "z"])
def test_contacts_of_a_body_of_several_geoms_survive_a_shift(axis: str) -> None:
    """Bounding volumes lie in the inertial frame: if they stayed behind, contacts would be missed."""
    shifted = build("half_cheetah", {f"body_com_{axis}": {"select": "torso", "set": 0.4}}, num_envs=1)
    nominal = build("half_cheetah", num_envs=1)
    counts = []
    for env in (shifted, nominal):
        env.reset()
        model, data = env.physics.world(0)
        data.qpos[1] = -0.85  # torso and head in the ground
        mujoco.mj_forward(model, data)
        counts.append(sorted((model.geom(c.geom[1]).name, round(float(c.dist), 12)) for c in data.contact))
    assert counts[0] == counts[1]
    assert {"torso", "head"} <= {name for name, _ in counts[0]}


def test_what_can_never_act_is_no_object() -> None:
    _, worlds = bench(None, 1)
    assert "puck" not in worlds.read("body_com_x")  # its mass matrix is compiled as a diagonal one
    assert "arm" in worlds.read("body_com_x")
    assert "cart" not in worlds.read("body_com_x")  # it only slides
    for name, turning in (("inverted_pendulum", ["pole"]), ("inverted_double_pendulum", ["pole", "pole2"])):
        assert list(build(name, num_envs=1).worlds.read("body_com_z")) == turning
    assert list(worlds.read("rest_pose")) == ["wrist"]
    assert list(worlds.read("joint_range")) == ["shoulder"]
    fixed = BENCH.replace(
        '<body name="puck"', '<body name="post" pos="0 9 0"><geom size=".1"/></body><body name="puck"'
    )
    _, worlds = bench(None, 1, fixed)
    for parameter in ("body_mass", "body_inertia", "payload", "body_com_y", "link_thickness", "geom_friction"):
        assert "post" not in worlds.read(parameter), parameter
    flat = BENCH.replace('timestep="0.002"', 'timestep="0.002" gravity="0 0 0"')
    with pytest.raises(EnvsError, match=r"gravity_tilt_x: .* matches nothing; valid: none"):
        bench({"gravity_tilt_x": {"set": 0.1}}, 1, flat)


def test_a_spring_comes_to_rest_at_the_shifted_pose() -> None:
    """Without gravity and control the wrist ends at springref plus the shift."""
    still = BENCH.replace('timestep="0.002"', 'timestep="0.002" gravity="0 0 0"')
    still = still[: still.index("<actuator>")] + "</mujoco>"
    physics, worlds = bench({"rest_pose": {"add": 0.2}, "dof_damping": {"select": "*", "set": 0.5}}, 2, still)
    for _ in range(4000):
        physics.step(np.zeros((2, 0)))
    wrist = physics.model.joint("wrist").qposadr[0]
    np.testing.assert_allclose(physics.qpos[:, wrist], 0.5, atol=1e-3)
    assert worlds.read("rest_pose")["wrist"].tolist() == pytest.approx([0.2, 0.2])


def test_dry_friction_holds_up_to_its_force() -> None:
    """The cart, pulled with 2 x 1 N, stays for a friction of 2.5 N and goes for 1.5 N."""
    for friction, moves in ((2.5, False), (1.5, True)):
        physics, _ = bench({"dof_frictionloss": {"select": "rail", "set": friction}}, 1)
        for _ in range(100):
            physics.step(np.array([[0.0, 0.0, 0.0, 1.0, 0.0]]))
        rail = physics.model.joint("rail").qposadr[0]
        assert (abs(physics.qpos[0, rail]) > 1e-3) == moves


@pytest.mark.parametrize("size", [9.81, 3.0])
def test_gravity_tilts_are_read_back_after_each_other(size: float) -> None:
    rng = np.random.default_rng(1)
    for about_x, about_y in rng.uniform(-1.4, 1.4, (50, 2)).tolist():
        parameters = {"gravity": {"set": size}, "gravity_tilt_x": {"set": about_x}, "gravity_tilt_y": {"set": about_y}}
        physics, worlds = bench(parameters, 1)
        vector = physics.expand("opt.gravity")[0]
        np.testing.assert_allclose(np.linalg.norm(vector), size, rtol=1e-14)
        assert worlds.read("gravity_tilt_x")["*"][0] == pytest.approx(about_x, abs=1e-12)
        assert worlds.read("gravity_tilt_y")["*"][0] == pytest.approx(about_y, abs=1e-12)
    physics, _ = bench({"gravity_tilt_x": {"set": 0.1}}, 1)
    np.testing.assert_allclose(physics.expand("opt.gravity")[0], [0, G * np.sin(0.1), -G * np.cos(0.1)], atol=1e-14)
    physics, _ = bench({"gravity_tilt_y": {"set": 0.1}}, 1)
    np.testing.assert_allclose(physics.expand("opt.gravity")[0], [-G * np.sin(0.1), 0, -G * np.cos(0.1)], atol=1e-14)


@pytest.mark.parametrize(("axis", "sign"), [("x", 1), ("x", -1), ("y", 1)])
def test_wind_drags_along_itself_in_a_fluid_and_not_in_a_vacuum(axis: str, sign: int) -> None:
    for density, moves in ((0.0, False), (1.2, True)):
        velocity = []
        for speed in (0.0, sign * 20.0):
            env = build("ant", {f"wind_{axis}": {"set": speed}, "density": {"set": density}}, num_envs=1)
            env.reset()
            env.physics.qpos[:, 2] = 5.0
            env.physics.step(np.zeros((1, 8)))
            velocity.append(env.physics.qvel[0, "xy".index(axis)])
        gained = (velocity[1] - velocity[0]) * sign
        assert gained > 0.1 if moves else gained == 0


def test_viscosity_brakes() -> None:
    speeds = []
    for viscosity in (0.0, 0.1, 0.5):
        env = build("ant", {"viscosity": {"set": viscosity}}, num_envs=1)
        env.reset()
        env.physics.qpos[:, 2], env.physics.qvel[:] = 5.0, 0.0
        env.physics.qvel[:, 0] = 1.0
        env.physics.step(np.zeros((1, 8)))
        speeds.append(env.physics.qvel[0, 0])
    assert speeds[0] > speeds[1] > speeds[2]


def furthest(parameters: Any, name: str) -> np.ndarray:
    """Return how far pushes to either side turn each limited joint, over the model's limit there."""
    env = build(name, parameters, num_envs=1)
    model = env.physics.model
    limited = np.flatnonzero(model.jnt_limited)
    env.reset()
    reached = np.zeros(len(limited))
    for step in range(300):
        env.step(np.full(env.action_space.shape, 1.0 if step < 150 else -1.0, np.float32))
        angle = env.physics.qpos[0, model.jnt_qposadr[limited], None]
        with np.errstate(divide="ignore", invalid="ignore"):  # a knee's range ends at 0: no fraction there
            fraction = np.where(model.jnt_range[limited] != 0, angle / model.jnt_range[limited], 0.0)
        reached = np.maximum(reached, fraction.max(axis=1))
    return reached


@pytest.mark.parametrize("name", ["hopper", "half_cheetah", "cartpole_swingup"])
def test_joint_range_binds(name: str) -> None:
    gravity = {"gravity": {"scale": 0.1}}
    far, near = furthest(gravity, name), furthest({**gravity, "joint_range": {"scale": 0.3}}, name)
    assert (far > 0.7).all()  # in the model they come near their limits or reach them,
    assert (near > 0.28).all()  # and they reach the new ones,
    assert (near < 0.5).all()  # which give way a little under full force, but hold


def test_one_joint_of_several_degrees_of_freedom_has_one_value() -> None:
    env = build("ant", {"dof_damping": {"select": "root", "set": 3.0}})
    env.reset()
    np.testing.assert_array_equal(env.physics.expand("dof_damping")[:, :6], 3.0)
    for action in random_actions(env, 5):
        env.step(action)
