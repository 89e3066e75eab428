"""A world with a changed parameter is the world of a model compiled from a source with that value."""

from collections.abc import Callable

import mujoco
import numpy as np
import pytest
from worlds_compared import CHANGED, REPRESENTATIVE, build, cases, compile_spec, model_arrays, random_actions, snapshot

from envs import PARAMETERS, environment
from envs.physics.fidelity import NOMINAL
from envs.physics.nominal import body_name
from envs.physics.physics import Physics

NUM_STEPS = 50
MORPHOLOGY = ("link_length", "link_thickness")
# MuJoCo's compiler rounds ranges given in degrees, and contacts magnify that in the course of 50 steps.
ROUNDED = {("ant", ("joint_range",)): 1e-9}
CASES = [(n, p) for n, p in cases(REPRESENTATIVE) if p not in MORPHOLOGY]


def state_inertia(spec: mujoco.MjSpec) -> dict[str, mujoco.MjsBody]:
    """Write the compiled masses and inertias into the source; return the bodies by name."""
    model = compile_spec(spec.copy())
    spec.compiler.inertiafromgeom = mujoco.mjtInertiaFromGeom.mjINERTIAFROMGEOM_FALSE
    spec.compiler.settotalmass = -1
    bodies = {}
    for i, body in enumerate(spec.bodies[1:], start=1):
        body.explicitinertial = True
        body.mass, body.inertia = model.body_mass[i], model.body_inertia[i]
        body.ipos, body.iquat = model.body_ipos[i], model.body_iquat[i]
        bodies[body_name(model, i)] = body
    return bodies


def body_edit(
    change: Callable[[mujoco.MjsBody, float], None],
) -> Callable[[mujoco.MjSpec, float, tuple[str, ...]], None]:
    def edit(spec: mujoco.MjSpec, number: float, objects: tuple[str, ...]) -> None:
        bodies = state_inertia(spec)
        for name in objects:
            change(bodies[name], number)

    return edit


def with_mass(body: mujoco.MjsBody, number: float) -> None:
    body.mass, body.inertia = body.mass * number, np.array(body.inertia) * number


def with_inertia(body: mujoco.MjsBody, number: float) -> None:
    body.inertia = np.array(body.inertia) * number


def with_payload(body: mujoco.MjsBody, number: float) -> None:
    body.mass = body.mass + number


def with_center(axis: int) -> Callable[[mujoco.MjsBody, float], None]:
    def change(body: mujoco.MjsBody, number: float) -> None:
        body.ipos = np.array(body.ipos) + number * np.eye(3)[axis]

    return change


def geom_edit(field: str, column: int) -> Callable[[mujoco.MjSpec, float, tuple[str, ...]], None]:
    def edit(spec: mujoco.MjSpec, number: float, objects: tuple[str, ...]) -> None:
        for geom in (g for g in spec.geoms if g.contype or g.conaffinity):
            values = np.array(getattr(geom, field))
            values[column] *= number
            setattr(geom, field, values)

    return edit


def joint_edit(field: str, *, scale: bool = False) -> Callable[[mujoco.MjSpec, float, tuple[str, ...]], None]:
    def edit(spec: mujoco.MjSpec, number: float, objects: tuple[str, ...]) -> None:
        for joint in spec.joints:
            if joint.name in objects:
                value = np.array(getattr(joint, field), float)
                first = np.eye(value.size)[0] if value.ndim else 1.0  # further numbers are of a polynomial
                changed = value * number if scale else value + number * first
                setattr(joint, field, changed if value.ndim else float(changed))

    return edit


def edit_strength(spec: mujoco.MjSpec, number: float, objects: tuple[str, ...]) -> None:
    for actuator in spec.actuators:
        actuator.gainprm = np.array(actuator.gainprm) * number


def edit_force_limit(spec: mujoco.MjSpec, number: float, objects: tuple[str, ...]) -> None:
    for actuator in spec.actuators:
        actuator.forcelimited = mujoco.mjtLimited.mjLIMITED_TRUE
        actuator.forcerange = np.array(actuator.ctrlrange) * number  # of motors whose gain in the model is 1


def edit_gravity(spec: mujoco.MjSpec, number: float, objects: tuple[str, ...]) -> None:
    spec.option.gravity = (0.0, 0.0, -number)


def tilt(axis: int) -> Callable[[mujoco.MjSpec, float, tuple[str, ...]], None]:
    def edit(spec: mujoco.MjSpec, number: float, objects: tuple[str, ...]) -> None:
        (x, y, z), sin, cos = spec.option.gravity, np.sin(number), np.cos(number)
        spec.option.gravity = (
            (x, y * cos - z * sin, y * sin + z * cos)[:3] if axis == 0 else (z * sin + x * cos, y, z * cos - x * sin)
        )

    return edit


def option_edit(field: str, axis: int | None = None) -> Callable[[mujoco.MjSpec, float, tuple[str, ...]], None]:
    def edit(spec: mujoco.MjSpec, number: float, objects: tuple[str, ...]) -> None:
        value = getattr(spec.option, field)
        setattr(spec.option, field, value + number * (1.0 if axis is None else np.eye(3)[axis]))

    return edit


EDITS: dict[str, Callable[[mujoco.MjSpec, float, tuple[str, ...]], None]] = {
    "body_mass": body_edit(with_mass),
    "body_inertia": body_edit(with_inertia),
    "payload": body_edit(with_payload),
    **{f"body_com_{'xyz'[axis]}": body_edit(with_center(axis)) for axis in range(3)},
    "geom_friction": geom_edit("friction", 0),
    "contact_time_constant": geom_edit("solref", 0),
    "contact_damping_ratio": geom_edit("solref", 1),
    "dof_damping": joint_edit("damping"),
    "dof_frictionloss": joint_edit("frictionloss"),
    "dof_armature": joint_edit("armature"),
    "joint_stiffness": joint_edit("stiffness"),
    "rest_pose": joint_edit("springref"),
    "joint_range": joint_edit("range", scale=True),
    "actuator_strength": edit_strength,
    "actuator_force_limit": edit_force_limit,
    "gravity": edit_gravity,
    "gravity_tilt_x": tilt(0),
    "gravity_tilt_y": tilt(1),
    "density": option_edit("density"),
    "viscosity": option_edit("viscosity"),
    **{f"wind_{'xyz'[axis]}": option_edit("wind", axis) for axis in range(3)},
}


def assert_equal_to_compiled(name: str, parameters: tuple[str, ...]) -> None:
    env = build(name, {p: CHANGED[p] for p in parameters})
    task = environment(name).make_task()
    spec = task.spec()
    for parameter in parameters:
        objects = PARAMETERS[parameter].objects(env.worlds.nominal)
        EDITS[parameter](spec, next(iter(CHANGED[parameter].values())), objects)
    compiled = Physics(spec, env.num_envs, frame_skip=task.frame_skip, fidelity=NOMINAL, num_threads=1)
    env.reset()
    expected = dict(model_arrays(compiled.model))
    for key, value in model_arrays(env.physics.world(1)[0]):
        if not key.startswith(("stat.", "name", "light_", "cam_")):
            np.testing.assert_allclose(value, expected[key], rtol=1e-9, atol=1e-12, err_msg=key)
    compiled.set_state(env.physics.get_state())
    for action in random_actions(env, NUM_STEPS):
        env.physics.step(action)
        compiled.step(action)
        for own, other in ((env.physics.qpos, compiled.qpos), (env.physics.qvel, compiled.qvel)):
            np.testing.assert_allclose(own, other, rtol=0, atol=ROUNDED.get((name, parameters), 1e-12))


@pytest.mark.parametrize(("name", "parameter"), CASES)
def test_equal_to_a_model_compiled_with_that_value(name: str, parameter: str) -> None:
    assert_equal_to_compiled(name, (parameter,))


@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_all_together_are_equal_to_a_model_compiled_with_those_values(name: str) -> None:
    """Also in a domain that names them in another order."""
    parameters = tuple(p for n, p in CASES if n == name)
    assert_equal_to_compiled(name, parameters)
    one, other = (build(name, {p: CHANGED[p] for p in order}) for order in (parameters, parameters[::-1]))
    for env in (one, other):
        env.reset()
    assert snapshot(one, 0) == snapshot(other, 0)
