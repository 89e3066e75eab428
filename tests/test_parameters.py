"""Every parameter acts, as it says, on the worlds it is drawn for, and on nothing else."""

import warnings
from collections.abc import Iterator
from typing import Any

import mujoco
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from envs import ENVS, PARAMETERS, DomainVectorEnv, EnvsError, environment, make_vec

NUM_STEPS = 200
NEUTRAL = [{"scale": 1}, {"add": 0}]
CHANGED: dict[str, dict[str, float]] = {
    "body_mass": {"scale": 1.4},
    "geom_friction": {"scale": 0.3},
    "dof_damping": {"scale": 2.5},
    "dof_armature": {"add": 0.3},
    "joint_range": {"scale": 0.4},
    "actuator_strength": {"scale": 0.6},
    "gravity": {"scale": 0.8},
    "action_delay": {"set": 2},
    "action_noise": {"set": 0.2},
    "observation_delay": {"set": 3},
    "observation_noise": {"set": 0.1},
}
CHANNELS = ("action_delay", "action_noise", "observation_delay", "observation_noise")
PHYSICAL = tuple(p for p in PARAMETERS if p not in CHANNELS)
WITHOUT = {("cartpole_swingup", "geom_friction")}  # its contacts are switched off
CASES = [(name, p) for name in ENVS for p in PARAMETERS if (name, p) not in WITHOUT]
PHYSICAL_CASES = [(name, p) for name, p in CASES if p in PHYSICAL]
WALKERS = ("hopper", "half_cheetah")


def build(name: str, parameters: dict[str, Any] | None = None, num_envs: int = 2, **kwargs: Any) -> DomainVectorEnv:
    domain = None if parameters is None else {"parameters": parameters}
    options = {"terminate_when_unhealthy": False} if name == "hopper" else {}
    return make_vec(name, num_envs=num_envs, domain=domain, **{"seed": 3, "num_threads": 1, **options, **kwargs})


def random_actions(env: DomainVectorEnv, num_steps: int = NUM_STEPS) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (num_steps, *env.action_space.shape)).astype(np.float32)


def trajectory(env: DomainVectorEnv) -> np.ndarray:
    """Return observations and rewards under random actions, (NUM_STEPS + 1, num_envs, obs_dim + 1)."""
    rows = [np.column_stack((env.reset()[0], np.zeros(env.num_envs)))]
    rows += [np.column_stack(env.step(action)[:2]) for action in random_actions(env)]
    return np.stack(rows)


def model_arrays(model: mujoco.MjModel) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every number of a model."""
    for owner, prefix in ((model, ""), (model.opt, "opt."), (model.stat, "stat.")):
        for field in dir(owner):
            if not field.startswith("_"):
                value = getattr(owner, field)
                if isinstance(value, np.ndarray | float | int):
                    yield prefix + field, np.asarray(value)


def snapshot(env: DomainVectorEnv, world: int) -> dict[str, bytes]:
    return {key: value.tobytes() for key, value in model_arrays(env.physics.world(world)[0])}


def test_every_parameter_is_covered_here() -> None:
    assert set(CHANGED) == set(PARAMETERS)


def test_the_trajectories_compared_here_are_rich() -> None:
    """Feet touch the ground and joints their limits: else friction and range would not be compared."""
    for name in WALKERS:
        env = build(name)
        env.reset()
        contacts, limits = 0, 0
        for action in random_actions(env):
            env.step(action)
            model, data = env.physics.world(0)
            mujoco.mj_forward(model, data)
            contacts += int(data.ncon > 0)
            limits += int((data.efc_type == mujoco.mjtConstraint.mjCNSTR_LIMIT_JOINT).any())
        assert contacts > 20
        assert limits > 20


@pytest.mark.parametrize(("name", "parameter"), CASES)
def test_neutral_is_bit_equal_to_no_domain(name: str, parameter: str) -> None:
    nominal = trajectory(build(name))
    for operation in [*NEUTRAL, *([{"set": 0}] if parameter in CHANNELS else [])]:
        assert trajectory(build(name, {parameter: operation})).tobytes() == nominal.tobytes(), operation


@pytest.mark.parametrize(("name", "parameter"), CASES)
def test_any_other_value_moves_trajectory_and_reading(name: str, parameter: str) -> None:
    nominal, changed = build(name), build(name, {parameter: CHANGED[parameter]})
    a, b = trajectory(nominal), trajectory(changed)
    assert (a != b).any(axis=(0, 2)).all()  # in every world
    assert np.abs(a - b).max() > 1e-3
    ((operation, number),) = CHANGED[parameter].items()
    before, after = nominal.worlds.read(parameter), changed.worlds.read(parameter)
    assert before.keys() == after.keys() == set(PARAMETERS[parameter].objects(nominal.physics.model))
    for key, default in before.items():
        expected = {"scale": default * number, "add": default + number, "set": default * 0 + number}[operation]
        np.testing.assert_allclose(after[key], expected, rtol=1e-14, err_msg=key)


@pytest.mark.parametrize(("name", "parameter"), sorted(WITHOUT))
def test_a_parameter_without_objects_is_refused(name: str, parameter: str) -> None:
    with pytest.raises(EnvsError, match=f"{parameter}: .* matches nothing; valid: none"):
        build(name, {parameter: CHANGED[parameter]})


@pytest.mark.parametrize(("name", "parameter"), PHYSICAL_CASES)
def test_three_times_is_once(name: str, parameter: str) -> None:
    env = build(name, {parameter: CHANGED[parameter]})
    env.reset()
    once = [snapshot(env, world) for world in range(2)]
    nominal = build(name)
    nominal.reset()
    assert once[0] != snapshot(nominal, 0)
    for _ in range(2):
        env.worlds.write(np.arange(2))
    assert [snapshot(env, world) for world in range(2)] == once
    for _ in range(2):
        env.reset()
    assert [snapshot(env, world) for world in range(2)] == once


@pytest.mark.parametrize("name", ENVS)
def test_returning_to_nominal_values_restores_every_constant(name: str) -> None:
    parameters = {p: {"set" if p in CHANNELS else "scale": {"choice": [1, 1]}} for n, p in PHYSICAL_CASES if n == name}
    env, nominal = build(name, parameters), build(name)
    env.reset()
    expected = dict(model_arrays(nominal.physics.world(0)[0]))
    env.worlds.drawn[0] = 1.7
    env.worlds.write(np.array([0]))
    env.worlds.drawn[0] = 1.0
    env.worlds.write(np.array([0]))
    for key, value in model_arrays(env.physics.world(0)[0]):
        np.testing.assert_array_equal(value, expected[key], err_msg=key)


@pytest.mark.parametrize("name", ENVS)
def test_other_worlds_are_untouched(name: str) -> None:
    parameters = {
        p: {op: {"uniform": [number * 0.5, number]} for op, number in CHANGED[p].items()}
        for n, p in PHYSICAL_CASES
        if n == name
    }
    env = build(name, parameters, num_envs=4, autoreset_mode=AutoresetMode.DISABLED)
    env.reset()
    before = [snapshot(env, world) for world in range(4)]
    drawn = env.parameters
    env.reset(options={"reset_mask": np.array([False, True, False, True])})
    after = [snapshot(env, world) for world in range(4)]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True, False]
    for key, values in env.parameters.items():
        assert (values == drawn[key]).tolist() == [True, False, True, False]


def compile_spec(spec: mujoco.MjSpec) -> mujoco.MjModel:
    with warnings.catch_warnings():  # Gymnasium's half_cheetah.xml uses a deprecated attribute
        warnings.simplefilter("ignore")
        return spec.compile()


def edit_model(model: mujoco.MjModel, parameter: str, number: float) -> None:
    """Write a changed parameter into a compiled model by hand."""
    if parameter == "body_mass":
        model.body_mass[:] *= number
        model.body_inertia[:] *= number
    elif parameter == "geom_friction":
        model.geom_friction[:, 0] *= number
    elif parameter == "dof_damping":
        model.dof_damping[:] *= number
    elif parameter == "dof_armature":
        model.dof_armature[:] += number
    elif parameter == "joint_range":
        model.jnt_range[:] *= number
    elif parameter == "actuator_strength":
        model.actuator_gainprm[:, 0] *= number
    else:
        model.opt.gravity[:] *= number
    mujoco.mj_setConst(model, mujoco.MjData(model))


def edit_spec(spec: mujoco.MjSpec, nominal: mujoco.MjModel, parameter: str, number: float) -> None:
    """Write a changed parameter into the source of a model, as a person would in its XML."""
    if parameter == "body_mass":
        spec.compiler.inertiafromgeom = mujoco.mjtInertiaFromGeom.mjINERTIAFROMGEOM_FALSE
        spec.compiler.settotalmass = -1
        for body in spec.bodies[1:]:
            compiled = nominal.body(body.name)
            body.explicitinertial = True
            body.mass, body.inertia = compiled.mass[0] * number, compiled.inertia * number
            body.ipos, body.iquat = compiled.ipos, compiled.iquat
    elif parameter == "geom_friction":
        for geom in spec.geoms:
            geom.friction = [geom.friction[0] * number, *geom.friction[1:]]
    elif parameter in ("dof_damping", "dof_armature", "joint_range"):
        for joint in spec.joints:
            if parameter == "dof_damping":
                joint.damping = np.asarray(joint.damping) * number
            elif parameter == "dof_armature":
                joint.armature += number
            else:
                joint.range = np.asarray(joint.range) * number
    elif parameter == "actuator_strength":
        for actuator in spec.actuators:
            actuator.gainprm = [actuator.gainprm[0] * number, *actuator.gainprm[1:]]
    else:
        spec.option.gravity = np.asarray(spec.option.gravity) * number


def compare_with_model(env: DomainVectorEnv, model: mujoco.MjModel, num_steps: int) -> float:
    """Step the worlds and plain MjData of `model`, from the same state; return the largest difference."""
    env.reset()
    integration = mujoco.mjtState.mjSTATE_INTEGRATION
    twins = [mujoco.MjData(model) for _ in range(env.num_envs)]
    for twin, row in zip(twins, env.physics.get_state()["rows"], strict=True):
        mujoco.mj_setState(model, twin, row, integration)
    worst = 0.0
    for action in random_actions(env, num_steps):
        env.step(action)
        for world, twin in enumerate(twins):
            twin.ctrl[:] = action[world]
            for _ in range(env.physics.substeps):
                mujoco.mj_step(model, twin)
            worst = max(worst, np.abs(twin.qpos - env.physics.qpos[world]).max())
            worst = max(worst, np.abs(twin.qvel - env.physics.qvel[world]).max())
    return worst


@pytest.mark.parametrize(("name", "parameter"), PHYSICAL_CASES)
def test_equal_to_a_model_edited_by_hand(name: str, parameter: str) -> None:
    env = build(name, {parameter: CHANGED[parameter]})
    model = compile_spec(env.task.spec())
    edit_model(model, parameter, next(iter(CHANGED[parameter].values())))
    assert compare_with_model(env, model, NUM_STEPS) < 1e-12


@pytest.mark.parametrize(("name", "parameter"), PHYSICAL_CASES)
def test_equal_to_a_model_compiled_with_those_values(name: str, parameter: str) -> None:
    env = build(name, {parameter: CHANGED[parameter]})
    spec = env.task.spec()
    edit_spec(spec, env.physics.model, parameter, next(iter(CHANGED[parameter].values())))
    model = compile_spec(spec)
    env.reset()
    compiled = dict(model_arrays(model))
    for key, value in model_arrays(env.physics.world(1)[0]):
        if key.startswith(("body_", "dof_", "jnt_", "geom_friction", "actuator_", "opt.")):
            np.testing.assert_allclose(value, compiled[key], rtol=1e-9, atol=1e-12, err_msg=key)
    assert compare_with_model(env, model, 50) < 1e-12


def test_inertia_scales_with_mass() -> None:
    for name in ENVS:
        env = build(name, {"body_mass": {"scale": {"uniform": [0.5, 2.0]}}})
        env.reset()
        nominal = env.physics.model
        for world, factor in enumerate(env.parameters["body_mass"]):
            model, _ = env.physics.world(world)
            np.testing.assert_allclose(model.body_mass, nominal.body_mass * factor, rtol=1e-14)
            np.testing.assert_allclose(model.body_inertia, nominal.body_inertia * factor, rtol=1e-14)
            np.testing.assert_allclose(model.body_subtreemass, nominal.body_subtreemass * factor, rtol=1e-14)
            assert not np.allclose(model.body_invweight0[1:], nominal.body_invweight0[1:])


def touching_state(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a position and velocity in which the robot touches the ground."""
    env = build(name, num_envs=1)
    env.reset()
    for action in random_actions(env):
        env.step(action)
        model, data = env.physics.world(0)
        mujoco.mj_forward(model, data)
        if data.ncon >= 2:
            return env.physics.qpos.copy(), env.physics.qvel.copy()
    raise AssertionError("no contact in the whole trajectory")


def contact_friction(name: str, entry: Any, state: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    """Return the sliding friction that MuJoCo uses in each contact of a geom with the ground."""
    env = build(name, {"geom_friction": entry} if entry else None, num_envs=1)
    env.reset()
    env.physics.qpos[:], env.physics.qvel[:] = state
    model, data = env.physics.world(0)
    mujoco.mj_forward(model, data)
    assert data.ncon > 0
    assert (data.contact.dim == 3).all()
    np.testing.assert_array_equal(data.contact.friction[:, 0], data.contact.friction[:, 1])
    pairs = [[model.geom(g).name for g in contact.geom] for contact in data.contact]
    assert {first for first, _ in pairs} == {"floor"}
    return dict(zip((second for _, second in pairs), data.contact.friction[:, 0].tolist(), strict=False))


@pytest.mark.parametrize("name", WALKERS)
def test_friction_of_real_contacts(name: str) -> None:
    """Under MuJoCo's maximum rule the robot's own coefficients alone would leave 0.1 and 0.5 the same."""
    state = touching_state(name)
    nominal = contact_friction(name, None, state)
    for factor in (0.1, 0.5, 2.0):
        scaled = contact_friction(name, {"scale": factor}, state)
        assert scaled == pytest.approx({geom: mu * factor for geom, mu in nominal.items()}, rel=1e-12)
        fixed = contact_friction(name, {"set": factor}, state)
        assert fixed == pytest.approx(dict.fromkeys(nominal, factor), rel=1e-12)


def test_friction_of_one_geom() -> None:
    state = touching_state("hopper")
    nominal = contact_friction("hopper", None, state)
    assert nominal["foot_geom"] == 2.0
    for factor in (0.1, 0.5):
        scaled = contact_friction("hopper", {"select": "foot_geom", "scale": factor}, state)
        assert scaled["foot_geom"] == pytest.approx(2.0 * factor, rel=1e-12)
        assert {k: v for k, v in scaled.items() if k != "foot_geom"} == {
            k: v for k, v in nominal.items() if k != "foot_geom"
        }
    env = build("hopper", {"geom_friction": {"select": "foot_geom", "scale": 0.1}})
    env.reset()
    effective = {geom: values[0] for geom, values in env.worlds.read("geom_friction").items()}
    assert effective == pytest.approx({"torso_geom": 1.0, "thigh_geom": 1.0, "leg_geom": 1.0, "foot_geom": 0.2})


def furthest(env: DomainVectorEnv) -> np.ndarray:
    """Return how far pushes to either side turn each limited joint, over the model's limit there."""
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


@pytest.mark.parametrize("name", ENVS)
def test_joint_range_binds(name: str) -> None:
    gravity = {"gravity": {"scale": 0.1}}
    far = furthest(build(name, gravity, num_envs=1))
    near = furthest(build(name, {**gravity, "joint_range": {"scale": 0.3}}, num_envs=1))
    assert (far > 0.7).all()  # in the model they come near their limits or reach them,
    assert (near > 0.28).all()  # and they reach the new ones,
    assert (near < 0.5).all()  # which give way a little under full force, but hold


@pytest.mark.parametrize("name", ENVS)
@pytest.mark.parametrize("delay", [0, 1, 3])
def test_action_delay_by_impulse_response(name: str, delay: int) -> None:
    struck, still = (build(name, {"action_delay": {"set": delay}}, num_envs=1) for _ in range(2))
    struck.reset()
    still.reset()
    zero = np.zeros(struck.action_space.shape, np.float32)
    first = None
    for step in range(6):
        struck.step(zero + 1 if step == 0 else zero)
        still.step(zero)
        if first is None and (struck.physics.qvel != still.physics.qvel).any():
            first = step
    assert first == delay


@pytest.mark.parametrize("name", ENVS)
@pytest.mark.parametrize("delay", [0, 1, 3])
def test_delayed_worlds_are_the_undelayed_ones_shifted(name: str, delay: int) -> None:
    late, prompt = build(name, {"action_delay": {"set": delay}}), build(name)
    np.testing.assert_array_equal(late.reset()[0], prompt.reset()[0])
    actions = random_actions(late, 40)
    arriving = np.concatenate((np.zeros((delay, *actions.shape[1:]), np.float32), actions))[:40]
    for action, later in zip(actions, arriving, strict=True):
        np.testing.assert_array_equal(late.step(action)[0], prompt.step(later)[0])

    slow, prompt = build(name, {"observation_delay": {"set": delay}}), build(name)
    seen = [slow.reset()[0], *(slow.step(a)[0] for a in actions)]
    true = [prompt.reset()[0], *(prompt.step(a)[0] for a in actions)]
    for step, obs in enumerate(seen):
        np.testing.assert_array_equal(obs, true[max(0, step - delay)])


@pytest.mark.parametrize("name", ENVS)
def test_each_world_has_its_own_delay(name: str) -> None:
    choice = {"set": {"choice": [0, 1, 5]}}
    late, slow, prompt = (
        build(name, parameters, num_envs=12)
        for parameters in ({"action_delay": choice}, {"observation_delay": choice}, None)
    )
    first = prompt.reset()[0]
    np.testing.assert_array_equal(late.reset()[0], first)
    np.testing.assert_array_equal(slow.reset()[0], first)
    actions = random_actions(late, 30)
    true = np.stack([first, *(prompt.step(a)[0] for a in actions)])
    seen = np.stack([first, *(slow.step(a)[0] for a in actions)])
    delay = slow.parameters["observation_delay"].astype(int)
    assert set(delay) == {0, 1, 5}
    for world, steps in enumerate(delay):
        np.testing.assert_array_equal(seen[steps:, world], true[: len(true) - steps, world])

    felt = np.stack([late.physics.bind("ctrl").copy() for a in actions if late.step(a)])
    delay = late.parameters["action_delay"].astype(int)
    assert set(delay) == {0, 1, 5}
    for world, steps in enumerate(delay):
        np.testing.assert_array_equal(felt[steps:, world], actions[: len(actions) - steps, world])
        assert not felt[:steps, world].any()


@pytest.mark.parametrize("name", ENVS)
@pytest.mark.parametrize("sd", [0.02, 0.5])
def test_measured_noise(name: str, sd: float) -> None:
    parameters = {"action_noise": {"set": sd}, "observation_noise": {"set": 3 * sd}}
    env = build(name, parameters, num_envs=64, seed=1)
    obs, _ = env.reset()
    true = env.task.observe(env.physics)
    seen, felt = [obs - true], []
    ctrl = env.physics.bind("ctrl")
    for action in random_actions(env, 60):
        obs, _, terminated, truncated, infos = env.step(action)
        assert not (terminated | truncated | infos["fault"]).any()
        felt.append(ctrl - action)
        seen.append(obs - env.task.observe(env.physics))
    first = seen[0].std()  # the first observation of an episode is noisy too
    assert first == pytest.approx(3 * sd, rel=4 / np.sqrt(2 * seen[0].size))
    for noise, expected in ((np.stack(felt), sd), (np.stack(seen), 3 * sd)):
        assert noise.std() == pytest.approx(expected, rel=0.03)
        assert abs(noise.mean()) < 4 * expected / np.sqrt(noise.size)
        for axis in (0, 1):  # white over time and worlds
            ahead, behind = (
                np.take(noise, range(1, noise.shape[axis]), axis),
                np.take(noise, range(noise.shape[axis] - 1), axis),
            )
            assert abs((ahead * behind).mean()) < 4 * expected**2 / np.sqrt(ahead.size)


def test_units_and_descriptions_are_given() -> None:
    for name, parameter in PARAMETERS.items():
        assert parameter.unit, name
        assert parameter.description, name
    assert environment("hopper").make_task().spec().compile().nu == 3
