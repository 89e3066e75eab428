"""Forces on bodies and a jittering control period, read back from what the bodies do."""

from typing import Any

import mujoco
import numpy as np
import pytest
from channel_worlds import MASS, Bench, bench, run
from scipy import stats

from envs import DomainVectorEnv, Fidelity
from envs.physics.physics import Physics

BODIES = {"ball": slice(2, 5), "brick": slice(8, 11)}  # linear velocities in qvel
STEPS, CTRL_DT = 20, 0.02


def momenta(env: DomainVectorEnv, num_steps: int) -> dict[str, np.ndarray]:
    """Return each free body's momentum after every control step, (num_steps + 1, num_envs, 3), kg m/s.

    It is that of the centre of mass, which for the brick is not the origin of its frame.
    """
    env.reset()
    out: dict[str, list[np.ndarray]] = {name: [] for name in BODIES}
    still = np.zeros(env.action_space.shape)
    for step in range(num_steps + 1):
        if step:
            env.step(still)
        for world in range(env.num_envs):
            model, data = env.physics.world(world)
            mujoco.mj_forward(model, data)
            mujoco.mj_subtreeVel(model, data)
            for name in BODIES:
                index = model.body(name).id
                out[name].append(model.body_mass[index] * data.subtree_linvel[index])
    return {name: np.array(rows).reshape(num_steps + 1, env.num_envs, 3) for name, rows in out.items()}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("integrator", ["Euler", "RK4", "implicitfast"])
def test_steady_force_accelerates_by_force_over_mass(body: str, integrator: str) -> None:
    force = np.array([1.0, -2.0, 0.5])
    parameters = {f"steady_force_{axis}": {"select": body, "set": f} for axis, f in zip("xyz", force, strict=True)}
    env = bench(parameters, task=Bench(integrator))
    p = momenta(env, STEPS)
    time = CTRL_DT * np.arange(STEPS + 1)[:, None, None]
    np.testing.assert_allclose(p.pop(body), np.broadcast_to(time * force, (STEPS + 1, 2, 3)), atol=1e-12)
    for others in p.values():
        assert not others.any()
    velocity = env.physics.qvel[:, BODIES["ball"]]
    if body == "ball":
        np.testing.assert_allclose(velocity, np.tile(force / MASS["ball"] * CTRL_DT * STEPS, (2, 1)), atol=1e-12)


def test_a_force_on_a_cart_acts_along_its_rail_alone() -> None:
    env = bench({"steady_force_x": {"set": {"uniform": [1, 3]}}, "steady_force_y": {"set": 5.0}}, 4)
    run(env, STEPS)
    force = env.worlds.read("steady_force_x")["cart_a"]
    assert len(set(force)) == 4
    np.testing.assert_allclose(env.physics.qvel[:, 0], force * CTRL_DT * STEPS, rtol=1e-12)
    np.testing.assert_allclose(env.physics.qvel[:, 1], np.full(4, 5 * CTRL_DT * STEPS), rtol=1e-12)


@pytest.mark.parametrize("jitter", [0.0, 0.4])
@pytest.mark.parametrize("interval", [1, 3, 8])
def test_a_push_gives_exactly_its_impulse_and_comes_once_an_interval(interval: int, jitter: float) -> None:
    parameters = {"push_impulse": {"select": "ball", "set": 0.7}, "push_interval": {"set": interval}}
    timed = {"control_jitter": {"set": jitter}} if jitter else {}
    p = momenta(bench({**parameters, **timed}, 8), STEPS)
    gained = np.diff(p["ball"], axis=0)  # (STEPS, num_envs, 3)
    pushed = (np.arange(STEPS) % interval == 0) & (np.arange(STEPS) >= interval)  # the first after one interval
    size = np.linalg.norm(gained, axis=2)
    np.testing.assert_allclose(size[pushed], np.full((pushed.sum(), 8), 0.7), rtol=1e-12)
    assert not gained[~pushed].any()  # what ends is cleared
    assert not gained[:, :, 2].any()
    assert not p["brick"].any()


def test_push_directions_are_uniform_and_new_for_every_push() -> None:
    env = bench({"push_impulse": {"set": {"choice": [1.0, 2.0]}}, "push_interval": {"set": 1}}, 40)
    env.reset()
    applied, angles = env.physics.bind("xfrc_applied"), []
    for step in range(60):
        env.step(np.zeros(env.action_space.shape))
        if step:
            angle = np.arctan2(applied[:, 1:, 1], applied[:, 1:, 0])
            np.testing.assert_allclose(angle, np.tile(angle[:, :1], (1, 4)))  # all bodies of a world the same way
            angles.append(angle[:, 0])
    drawn = np.stack(angles)
    assert stats.kstest(drawn.ravel(), "uniform", (-np.pi, 2 * np.pi)).pvalue > 1e-3
    turn = np.exp(1j * np.diff(drawn, axis=0))
    assert abs(turn.mean()) < 4 / np.sqrt(turn.size)


def test_the_interval_starts_anew_with_each_episode() -> None:
    env = bench({"push_impulse": {"set": 1.0}, "push_interval": {"set": 5}}, 2)
    env.reset()
    still = np.zeros(env.action_space.shape)
    for _ in range(3):
        env.step(still)
    env.reset(options={"reset_mask": np.array([True, False])})
    applied = env.physics.bind("xfrc_applied")
    pushed = []
    for _ in range(12):
        env.step(still)
        pushed.append(applied[:, 1:, :2].any(axis=(1, 2)))
    np.testing.assert_array_equal(np.flatnonzero(np.array(pushed)[:, 0]), [5, 10])
    np.testing.assert_array_equal(np.flatnonzero(np.array(pushed)[:, 1]), [2, 7])


@pytest.mark.parametrize("time", [1, 6])
def test_gusts_have_their_sd_and_correlation_from_the_first_step_on(time: int) -> None:
    num, steps = 400, 60
    env = bench({"gust_force": {"select": "ball", "set": 2.0}, "gust_time": {"set": time}}, num)
    env.reset()
    applied, forces = env.physics.bind("xfrc_applied"), []
    ball = mujoco.mj_name2id(env.physics.model, mujoco.mjtObj.mjOBJ_BODY, "ball")
    for _ in range(steps):
        env.step(np.zeros(env.action_space.shape))
        forces.append(applied[:, ball, :3].copy())
    force = np.stack(forces)
    assert not force[:, :, 2].any()
    assert not np.delete(applied, ball, axis=1).any()
    for axis in (0, 1):
        f = force[:, :, axis]
        assert f.std() == pytest.approx(2.0, rel=0.03)
        assert f[0].std() == pytest.approx(2.0, rel=0.12)
        for lag in (1, 2, 5):
            assert np.mean(f[lag:] * f[:-lag]) / 4 == pytest.approx(np.exp(-lag / time), abs=0.05)
    assert abs(np.corrcoef(force[:, :, 0].ravel(), force[:, :, 1].ravel())[0, 1]) < 0.08


def test_one_gust_blows_on_all_bodies_of_a_world() -> None:
    env = bench({"gust_force": [{"select": "ball", "set": 1.0}, {"select": "brick", "set": 3.0}]}, 3)
    run(env, 4)
    applied = env.physics.bind("xfrc_applied")[:, :, :2]
    np.testing.assert_allclose(3 * applied[:, 3], applied[:, 4], rtol=1e-12)
    assert not applied[:, :3].any()
    assert len(set(applied[:, 3, 0])) == 3


def test_forces_act_in_the_step_after_a_restart_and_compose() -> None:
    parameters: dict[str, Any] = {
        "steady_force_x": {"select": "ball", "set": 1.0},
        "push_impulse": {"select": "brick", "set": 0.3},
        "push_interval": {"set": 4},
        "gust_force": {"select": "brick", "set": 1e-3},
    }
    env = bench(parameters, 2, max_episode_steps=3)  # restarts within the step
    env.reset()
    for step in range(1, 10):
        env.step(np.zeros(env.action_space.shape))
        elapsed = step % 3
        np.testing.assert_allclose(env.physics.qvel[:, 2], np.full(2, 0.5 * CTRL_DT * elapsed), atol=1e-12)
        assert np.abs(env.physics.qvel[:, BODIES["brick"]]).max() < 1e-2  # no episode lives to see the push


def test_control_jitter_is_uniform_and_new_every_step() -> None:
    num, steps, jitter = 200, 40, 0.3
    env = bench({"control_jitter": {"set": {"choice": [0.0, jitter]}}}, num)
    env.reset()
    time, clock = env.physics.bind("time"), [np.zeros(num)]
    for _ in range(steps):
        env.step(np.zeros(env.action_space.shape))
        clock.append(time.copy())
    factor = np.diff(np.stack(clock), axis=0) / CTRL_DT
    steady = env.parameters["control_jitter"] == 0
    assert 60 < steady.sum() < 140
    np.testing.assert_allclose(factor[:, steady], 1.0, rtol=1e-9)
    drawn = factor[:, ~steady]
    assert stats.kstest(drawn.ravel(), "uniform", (1 - jitter, 2 * jitter)).pvalue > 1e-3
    for ahead, behind in ((drawn[1:], drawn[:-1]), (drawn[:, 1:], drawn[:, :-1])):
        assert abs(np.corrcoef(ahead.ravel(), behind.ravel())[0, 1]) < 4 / np.sqrt(ahead.size)
    np.testing.assert_array_equal(env.physics.expand("opt.timestep"), np.full(num, 0.005))  # restored to the bit


def test_control_jitter_composes_with_a_timestep_that_someone_else_sets() -> None:
    env = bench({"control_jitter": {"set": 0.5}}, 3)
    env.reset()
    mine = env.physics.expand("opt.timestep")
    mine[:] = [0.001, 0.005, 0.02]
    before = mine.copy()
    for _ in range(5):
        env.step(np.zeros(env.action_space.shape))
    np.testing.assert_array_equal(mine, before)
    mean = env.physics.bind("time") / (5 * env.physics.substeps)
    assert (np.abs(mean / before - 1) < 0.5).all()
    assert (mean != before).all()


def test_a_stretched_step_is_that_of_a_model_compiled_with_its_timestep() -> None:
    env = bench({"control_jitter": {"set": 0.5}}, 2)
    env.reset()
    action = np.full(env.action_space.shape, 2.0)
    env.step(action)
    for world in range(2):
        h = env.physics.bind("time")[world] / env.physics.substeps
        spec = Bench().spec()
        spec.option.timestep = h
        model = spec.compile()
        data = mujoco.MjData(model)
        bench_env = bench({}, 2)
        bench_env.reset()
        data.qpos[:], data.ctrl[:] = bench_env.physics.qpos[world], 2.0
        mujoco.mj_step(model, data, nstep=env.physics.substeps)
        np.testing.assert_allclose(env.physics.qpos[world], data.qpos, rtol=1e-12)
        np.testing.assert_allclose(env.physics.qvel[world], data.qvel, rtol=1e-12)


FLEX = """
<mujoco><option timestep="0.002" integrator="Euler"/><worldbody><body name="bed" pos="0 0 1">
<flexcomp name="cloth" type="grid" count="3 3 1" spacing=".1 .1 .1" radius=".01" mass="1" dim="2">
<elasticity young="1e4" poisson="0.1" thickness="1e-2" elastic2d="both" damping="0.1"/></flexcomp></body></worldbody>
<actuator/></mujoco>
"""


def test_constants_that_hold_the_timestep_follow_it() -> None:
    spec = mujoco.MjSpec.from_string(FLEX)
    physics = Physics(spec, 2, frame_skip=1, fidelity=Fidelity(), num_threads=1)
    physics.expand("opt.timestep")[1] = 0.003
    physics.set_const(np.array([1]), ("opt.timestep",))
    stretched, _ = physics.world(1)
    spec.option.timestep = 0.003
    compiled = spec.compile()
    assert compiled.nefm0dof > 0
    np.testing.assert_array_equal(stretched.efm0_L, compiled.efm0_L)
    assert (physics.world(0)[0].efm0_L != compiled.efm0_L).any()


def test_rewards_keep_the_nominal_period() -> None:
    calm, jittery = (bench(p, 2) for p in ({}, {"control_jitter": {"set": 0.5}}))
    for env in (calm, jittery):
        env.reset()
    assert calm.physics.ctrl_dt == jittery.physics.ctrl_dt == pytest.approx(CTRL_DT)
    still = np.zeros(calm.action_space.shape)
    np.testing.assert_array_equal(calm.step(still)[1], jittery.step(still)[1])
