"""Strength, servo gains and force limits, measured in the forces that actuators give."""

from typing import Any

import mujoco
import numpy as np
import pytest
from bench_worlds import BENCH, bench
from worlds_compared import build

from envs import EnvsError

SERVO, SOFT, ROLLER, PULLER, ENDLESS = range(5)
CONTROL = np.array([1.0, 2.0, 3.0, 3.0, 1.0])


def forces(parameters: Any, source: str = BENCH, velocity: float = 0.0) -> np.ndarray:
    """Return the force (nu,) of every actuator at CONTROL, all positions 0, all joints at `velocity`."""
    physics, _ = bench(parameters, 1, source)
    model, data = physics.world(0)
    mujoco.mj_resetData(model, data)
    data.ctrl[:], data.qvel[-3:] = CONTROL, velocity
    mujoco.mj_forward(model, data)
    return np.array(data.actuator_force)


def read(parameters: Any, name: str) -> dict[str, float]:
    _, worlds = bench(parameters, 1)
    return {key: float(values[0]) for key, values in worlds.read(name).items()}


def test_nominal_forces() -> None:
    np.testing.assert_allclose(forces(None), [30, 2, 15, 3, 1])  # soft: 3 x 2 N m, held to 2
    np.testing.assert_allclose(forces(None, velocity=0.5), [29, 2, 12.5, 3, 1])


def test_strength_multiplies_the_whole_law() -> None:
    np.testing.assert_allclose(forces({"actuator_strength": {"scale": 0.5}}, velocity=0.5), [14.5, 2, 6.25, 1.5, 0.5])
    one = {"actuator_strength": {"select": "roller", "scale": 2}}
    np.testing.assert_allclose(forces(one, velocity=0.5), [29, 2, 25, 3, 1])
    assert read(one, "actuator_strength") == {"servo": 1, "soft": 1, "roller": 2, "puller": 1, "endless": 1}


def test_servo_gains() -> None:
    assert set(read(None, "servo_kp")) == {"servo", "soft"}
    assert set(read(None, "servo_kd")) == {"servo", "roller"}
    np.testing.assert_allclose(forces({"servo_kp": {"scale": 0.5}}, velocity=0.5), [14, 2, 12.5, 3, 1])
    np.testing.assert_allclose(forces({"servo_kd": {"scale": 3}}, velocity=0.5), [27, 2, 37.5, 3, 1])
    both = {"servo_kp": {"scale": 0.5}, "servo_kd": {"scale": 3}, "actuator_strength": {"scale": 2}}
    np.testing.assert_allclose(forces(both, velocity=0.5), [24, 2, 75, 6, 2])
    assert read(both, "servo_kp") == {"servo": 1.0, "soft": 1.0}  # 0.5 x 2: the gain the joint feels
    assert read(both, "servo_kd") == {"servo": 6.0, "roller": 6.0}
    assert read(both, "actuator_strength") == {"servo": 1, "soft": 1, "roller": 6, "puller": 2, "endless": 2}


@pytest.mark.parametrize("parameter", ["servo_kp", "servo_kd"])
def test_servo_gains_are_those_of_a_model_file(parameter: str) -> None:
    changes = {
        "servo_kp": (('kp="30"', 'kp="60"'), ('kp="3"', 'kp="6"')),
        "servo_kd": (('kv="2"', 'kv="4"'), ('"5"', '"10"')),
    }
    source = BENCH
    for old, new in changes[parameter]:
        assert source.count(old) == 1
        source = source.replace(old, new)
    ours, _ = bench({parameter: {"scale": 2}})
    theirs, _ = bench(None, source=source)
    np.testing.assert_array_equal(ours.world(0)[0].actuator_gainprm, theirs.model.actuator_gainprm)
    np.testing.assert_array_equal(ours.world(0)[0].actuator_biasprm, theirs.model.actuator_biasprm)
    for _ in range(50):
        ours.step(np.tile(CONTROL, (2, 1)))
        theirs.step(np.tile(CONTROL, (2, 1)))
    assert ours.qpos.tobytes() == theirs.qpos.tobytes()


def test_force_limits() -> None:
    """Own limit of soft: -1..2; of puller, a motor: its control range; servo, roller and endless have none."""
    assert read(None, "actuator_force_limit") == {"soft": 1, "puller": 1}
    np.testing.assert_allclose(forces({"actuator_force_limit": {"scale": 0.4}}), [30, 0.8, 15, 1.2, 1])
    stronger = {"actuator_force_limit": {"scale": 0.4}, "actuator_strength": {"scale": 2}}
    np.testing.assert_allclose(forces(stronger), [60, 0.8, 30, 1.2, 2])  # a limit does not grow with the strength
    np.testing.assert_allclose(forces({"actuator_force_limit": {"scale": 2}}), [30, 4, 15, 3, 1])
    assert read({"actuator_force_limit": {"set": 0.3}}, "actuator_force_limit") == pytest.approx(
        {"soft": 0.3, "puller": 0.3}
    )
    with pytest.raises(EnvsError, match="'endless' matches nothing; valid: soft, puller"):
        bench({"actuator_force_limit": {"select": "endless", "set": 0.5}})


def test_a_limit_of_one_world_binds_in_it_alone() -> None:
    env = build("hopper", {"actuator_force_limit": {"scale": {"choice": [0.25, 1.0]}}}, num_envs=8)
    env.reset()
    limit = env.parameters["actuator_force_limit"]
    force = env.physics.bind("actuator_force")
    env.step(np.ones(env.action_space.shape, np.float32))
    assert set(limit) == {0.25, 1.0}
    np.testing.assert_allclose(force, limit[:, None].repeat(3, 1))


def test_muscles_are_no_motors() -> None:
    muscle = BENCH.replace(
        '<motor name="endless" joint="rail"/>', '<muscle name="biceps" joint="rail" lengthrange="0 1"/>'
    )
    _, worlds = bench(None, 1, muscle)
    assert "biceps" not in worlds.read("actuator_strength").keys() | worlds.read("actuator_force_limit").keys()
