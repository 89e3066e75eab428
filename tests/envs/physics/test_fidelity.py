"""Fidelity changes how accurately a world is integrated, and nothing else."""

from typing import Any

import mujoco
import numpy as np
import pytest

from envs import ENVS, DomainVectorEnv, EnvsError, Fidelity, environment, make_vec

# How far from the nominal step a cheap one may end, over its length, where a fifth is not met.
NEAR = {"inverted_pendulum": 0.3, "inverted_double_pendulum": 0.3, "ant": 0.45}
every_environment = pytest.mark.parametrize("name", ENVS)


def build(name: str, fidelity: Any, num_envs: int = 4, **kwargs: Any) -> DomainVectorEnv:
    return make_vec(name, num_envs=num_envs, num_threads=1, domain={"fidelity": fidelity}, **{"seed": 0, **kwargs})


@every_environment
def test_cheap_keeps_the_control_period(name: str) -> None:
    nominal, cheap = build(name, "nominal"), build(name, "cheap")
    assert cheap.physics.ctrl_dt == nominal.physics.ctrl_dt
    assert nominal.physics.substeps == nominal.task.frame_skip
    assert cheap.physics.substeps == nominal.task.frame_skip // 2
    for env in (nominal, cheap):
        simulated = env.physics.substeps * env.physics.model.opt.timestep
        assert simulated == pytest.approx(env.physics.ctrl_dt, rel=1e-12)
        env.reset()
        env.step(np.zeros(env.action_space.shape, np.float32))
        np.testing.assert_allclose(env.physics.bind("time"), env.physics.ctrl_dt, rtol=1e-12)


@every_environment
def test_cheap_runs_2000_random_steps_soundly(name: str) -> None:
    env = build(name, "cheap", 2)
    env.reset()
    rng = np.random.default_rng(0)
    for _ in range(2000):
        obs, reward, _, _, infos = env.step(rng.uniform(-1, 1, env.action_space.shape).astype(np.float32))
        assert np.isfinite(obs).all()
        assert np.isfinite(reward).all()
        assert not infos["fault"].any()
    assert env.num_faults == 0


@every_environment
def test_one_cheap_step_is_near_the_nominal_one(name: str) -> None:
    """Along random motion, velocities differ by less than a fifth (or NEAR) of how far one control step changes them.

    Positions, from rest, differ by more: two semi-implicit steps go 3/4 a t^2, not 1/2.
    """
    nominal, cheap = build(name, "nominal", 64), build(name, "cheap", 64)
    np.testing.assert_array_equal(nominal.reset()[0], cheap.reset()[0])
    rng = np.random.default_rng(0)
    for _ in range(30):
        before, velocity = nominal.physics.qpos.copy(), nominal.physics.qvel.copy()
        cheap.physics.qpos[:], cheap.physics.qvel[:] = before, velocity
        action = rng.uniform(-1, 1, nominal.action_space.shape) * nominal.single_action_space.high
        nominal.physics.step(action)
        cheap.physics.step(action)
        changed = np.linalg.norm(nominal.physics.qvel - velocity, axis=1)
        apart = np.linalg.norm(nominal.physics.qvel - cheap.physics.qvel, axis=1)
        assert 0 < np.median(apart / changed) < NEAR.get(name, 0.2)
        # rad and m: even a foot that lands a substep later stays near, of some 20 rad/s times 50 ms at most; the
        # poles of the double pendulum whirl faster
        farthest = 0.5 if name == "inverted_double_pendulum" else 0.4
        assert np.abs(nominal.physics.qpos - cheap.physics.qpos).max() < farthest


@every_environment
def test_a_finer_timestep_comes_nearer_to_the_truth(name: str) -> None:
    ctrl_dt = build(name, "nominal").physics.ctrl_dt
    ends = []
    for parts in (8, 16, 256):
        env = build(name, {"integrator": "implicitfast", "sim_dt": ctrl_dt / parts}, 32)
        assert env.physics.substeps == parts
        env.reset()
        env.step(np.full(env.action_space.shape, 0.5, np.float32))
        ends.append(env.physics.qpos.copy())
    errors = [np.median(np.abs(end - ends[2]).max(axis=1)) for end in ends[:2]]
    assert errors[1] < 0.7 * errors[0]  # a first-order method: half the step, about half the error


@every_environment
def test_choices_reach_the_model(name: str) -> None:
    chosen = {
        **{"integrator": "Euler", "iterations": 7, "ls_iterations": 9, "cone": "elliptic", "solver": "CG"},
        **{"tolerance": 1e-6, "impratio": 3.0, "noslip_iterations": 2},
    }
    option, nominal = build(name, chosen).physics.model.opt, build(name, "nominal").physics.model.opt
    assert option.integrator == mujoco.mjtIntegrator.mjINT_EULER
    assert option.cone == mujoco.mjtCone.mjCONE_ELLIPTIC
    assert option.solver == mujoco.mjtSolver.mjSOL_CG
    assert (option.iterations, option.ls_iterations, option.noslip_iterations) == (7, 9, 2)
    assert (option.tolerance, option.impratio) == (1e-6, 3.0)
    assert option.timestep == nominal.timestep
    for field in dir(option):
        if not field.startswith("_") and field not in chosen:
            own, other = getattr(option, field), getattr(nominal, field)
            assert np.array_equal(own, other) or callable(own), field


@pytest.mark.parametrize(
    ("fidelity", "neutral"),
    [
        ({"solver": "PGS"}, {"solver": "Newton"}),
        ({"solver": "CG"}, {"tolerance": 1e-8}),
        ({"tolerance": 1e-2}, {"impratio": 1.0}),
        ({"impratio": 10.0, "cone": "elliptic"}, {"noslip_iterations": 0}),
        ({"noslip_iterations": 5}, {"cone": "pyramidal"}),
    ],
)
def test_solver_choices_move_contacts_and_the_models_own_do_not(fidelity: Any, neutral: Any) -> None:
    ends = []
    for chosen in ("nominal", neutral, fidelity):
        env = build("half_cheetah", chosen, 2)
        env.reset()
        rng = np.random.default_rng(0)
        for _ in range(40):
            env.step(rng.uniform(-1, 1, env.action_space.shape).astype(np.float32))
        ends.append(env.physics.qpos.tobytes())
    assert ends[0] == ends[1] != ends[2]


def test_describe() -> None:
    assert Fidelity(solver="PGS", tolerance=0, noslip_iterations=3).describe() == (
        "solver=PGS, tolerance=0, noslip_iterations=3"
    )
    assert Fidelity().describe() == "nominal"
    assert environment("hopper").make_task().cheap.describe() == "integrator=implicitfast, sim_dt=0.004"


@pytest.mark.parametrize(
    ("fidelity", "message"),
    [
        ({"integrator": ["RK4"]}, r"unknown fidelity.integrator \['RK4'\].*valid: Euler, RK4, implicit, implicitfast"),
        ({"cone": {"elliptic": 1}}, r"unknown fidelity.cone .*valid: elliptic, pyramidal"),
        ({"integrator": 4}, "unknown fidelity.integrator 4"),
        ({"sim_dt": [0.1]}, r"fidelity.sim_dt: must be a number > 0, got \[0.1\]"),
        ({"sim_dt": "1e400"}, "got '1e400': that is an infinite number, the largest is 1.8e.308"),
        ({"sim_dt": "1e-3"}, "fidelity.sim_dt: must be a number > 0, got '1e-3': that is a text, write 1.0e-3"),
        ({"sim_dt": 10**400}, "fidelity.sim_dt: must be at most 1000, got 1000"),
        ({"iterations": 2**40}, "fidelity.iterations: must be at most"),
        ({"solver": "newton"}, r"unknown fidelity.solver 'newton' \(did you mean 'Newton'\?\); valid: CG, Newton, PGS"),
        ({"tolerance": -1e-9}, "fidelity.tolerance: must be a number >= 0, got -1e-09"),
        ({"tolerance": 2}, "fidelity.tolerance: must be at most 1, got 2"),
        ({"impratio": 0}, "fidelity.impratio: must be a number > 0, got 0"),
        ({"noslip_iterations": 1.5}, "fidelity.noslip_iterations: must be an integer >= 0, got 1.5"),
        ({"noslip_iterations": -1}, "fidelity.noslip_iterations: must be an integer >= 0, got -1"),
        ({"noslip_iterations": True}, "fidelity.noslip_iterations: must be an integer >= 0, got True"),
        ({"iterations": 0}, "fidelity.iterations: must be an integer > 0, got 0"),
    ],
)
def test_values_of_the_wrong_type_are_refused(fidelity: Any, message: str) -> None:
    with pytest.raises(EnvsError, match=message):
        build("hopper", fidelity)


@pytest.mark.parametrize("sim_dt", [5e-324, 1e-300, 1e-12])
def test_a_timestep_that_would_take_forever_is_refused(sim_dt: float) -> None:
    with pytest.raises(EnvsError, match=r"fidelity\.sim_dt: .* more than 10,000 steps of a control step of 0\.008 s"):
        make_vec("hopper", num_envs=1, domain={"fidelity": {"sim_dt": sim_dt}})
