"""What a domain says of contacts is what MuJoCo's contacts have."""

from typing import Any

import mujoco
import numpy as np
import pytest
from bench_worlds import BENCH, bench, pressed
from worlds_compared import build, random_actions

from envs import EnvsError
from envs.physics.fidelity import NOMINAL
from envs.physics.physics import Physics

FRICTION = ("geom_friction", "geom_friction_spin", "geom_friction_roll")
COLUMNS = {**dict(zip(FRICTION, (0, 2, 3), strict=True)), "contact_time_constant": 0, "contact_damping_ratio": 1}


def contact_values(data: mujoco.MjData, parameter: str) -> dict[str, float]:
    """Return what MuJoCo uses in the contacts of each geom with the floor."""
    model = data.model
    found: dict[str, set[float]] = {}
    for contact in data.contact:
        names = [model.geom(int(g)).name or f"geom{g}" for g in contact.geom]
        if "floor" in names:
            values = contact.friction if parameter in FRICTION else contact.solref
            found.setdefault(next(n for n in names if n != "floor"), set()).add(float(values[COLUMNS[parameter]]))
    assert all(len(values) == 1 for values in found.values())
    return {name: values.pop() for name, values in found.items()}


def bench_contacts(parameter: str, entry: Any) -> tuple[dict[str, float], dict[str, float]]:
    """Return what real contacts have, and what is read back, for the geoms the parameter names."""
    physics, worlds = bench({parameter: entry} if entry else None, 1)
    read = {name: float(values[0]) for name, values in worlds.read(parameter).items()}
    real = contact_values(pressed(physics), parameter)
    assert read.keys() <= real.keys()
    return {name: real[name] for name in read}, read


@pytest.mark.parametrize("parameter", COLUMNS)
@pytest.mark.parametrize("entry", [None, {"scale": 2.5}, {"scale": 0.4}, {"set": 0.07}, {"add": 0.001}])
def test_contacts_have_what_is_read_back(parameter: str, entry: Any) -> None:
    real, read = bench_contacts(parameter, entry)
    nominal, _ = bench_contacts(parameter, None)
    assert real == pytest.approx(read, rel=1e-12)
    for name, value in nominal.items():
        op, number = next(iter(entry.items())) if entry else ("scale", 1.0)
        expected = {"scale": value * number, "set": number, "add": value + number}[op]
        assert real[name] == pytest.approx(expected, rel=1e-12)


def test_nominal_contacts_follow_mujocos_rules() -> None:
    """The larger friction; the mean by solmix (3 to 1); of a higher priority, all from that geom alone."""
    expected = {
        "geom_friction": {"six": 0.8, "own": 0.3, "direct": 1.0},
        "geom_friction_spin": {"six": 0.02, "own": 0.004},
        "geom_friction_roll": {"six": 0.002},
        "contact_time_constant": {"six": 0.75 * 0.03 + 0.25 * 0.02, "own": 0.05, "slick": 0.02},
        "contact_damping_ratio": {"six": 0.75 * 0.8 + 0.25 * 1.0, "own": 0.5, "slick": 1.0},
    }
    for parameter, values in expected.items():
        real, read = bench_contacts(parameter, None)
        assert real == pytest.approx(values), parameter
        assert read == pytest.approx(values), parameter


@pytest.mark.parametrize("parameter", COLUMNS)
def test_one_geom_alone(parameter: str) -> None:
    nominal, _ = bench_contacts(parameter, None)
    for factor in (0.5, 3.0):
        real, read = bench_contacts(parameter, {"select": "six", "scale": factor})
        assert real == pytest.approx(read, rel=1e-12)
        assert real == pytest.approx({**nominal, "six": nominal["six"] * factor}, rel=1e-12)


def test_a_time_constant_below_two_timesteps_is_read_back_as_that() -> None:
    real, read = bench_contacts("contact_time_constant", {"set": 0.001})
    assert set(read.values()) == {0.004}
    assert set(real.values()) == {0.001}  # as written: MuJoCo raises it where it solves
    unsafe = BENCH.replace('<option timestep="0.002"/>', '<option timestep="0.002"><flag refsafe="disable"/></option>')
    _, worlds = bench({"contact_time_constant": {"set": 0.001}}, 1, unsafe)
    assert worlds.read("contact_time_constant")["six"].tolist() == pytest.approx([0.001])


def test_raising_the_timestep_does_not_spoil_a_factor() -> None:
    coarse = BENCH.replace('timestep="0.002"', 'timestep="0.016"')
    _, worlds = bench({"contact_time_constant": {"set": 0.08}}, 1, coarse)
    values = {name: float(v[0]) for name, v in worlds.read("contact_time_constant").items()}
    assert values == pytest.approx(dict.fromkeys(values, 0.08))


@pytest.mark.parametrize(
    ("parameter", "select", "valid"),
    [
        ("geom_friction", "slick", "six, own, direct"),
        ("geom_friction_spin", "direct", "six, own"),
        ("geom_friction_roll", "own", "six"),
        ("contact_time_constant", "direct", "six, own, slick"),
    ],
)
def test_a_geom_whose_contacts_do_not_have_it_is_refused(parameter: str, select: str, valid: str) -> None:
    with pytest.raises(EnvsError, match=rf"{parameter}\[{select}\]: '{select}' matches nothing; valid: ") as error:
        bench({parameter: {"select": select, "scale": 2}})
    assert all(name in str(error.value) for name in valid.split(", "))


def touching_state(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a position and velocity in which the robot touches the ground."""
    env = build(name, num_envs=1)
    env.reset()
    for action in random_actions(env, 200):
        env.step(action)
        model, data = env.physics.world(0)
        mujoco.mj_forward(model, data)
        if data.ncon >= 2:
            return env.physics.qpos.copy(), env.physics.qvel.copy()
    raise AssertionError("no contact in the whole trajectory")


@pytest.mark.parametrize("name", ["hopper", "half_cheetah", "ant"])
def test_friction_of_real_contacts(name: str) -> None:
    """Under MuJoCo's maximum rule the robot's own coefficients alone would leave 0.1 and 0.5 the same."""
    state = touching_state(name)

    def friction(entry: Any) -> dict[str, float]:
        env = build(name, {"geom_friction": entry} if entry else None, num_envs=1)
        env.reset()
        env.physics.qpos[:], env.physics.qvel[:] = state
        model, data = env.physics.world(0)
        mujoco.mj_forward(model, data)
        return contact_values(data, "geom_friction")

    nominal = friction(None)
    assert nominal
    for factor in (0.1, 0.5, 2.0):
        assert friction({"scale": factor}) == pytest.approx({g: mu * factor for g, mu in nominal.items()}, rel=1e-12)
        assert friction({"set": factor}) == pytest.approx(dict.fromkeys(nominal, factor), rel=1e-12)


def test_a_stiffer_contact_sinks_in_less() -> None:
    """At rest the penetration is that of a spring: it goes with the square of the time constant."""
    depths = []
    for factor in (0.5, 1.0, 2.0):
        physics, _ = bench({"contact_time_constant": {"scale": factor}}, 1)
        for _ in range(1000):
            physics.step(np.zeros((1, physics.model.nu)))
        depths.append(0.1 - physics.qpos[0, 2])
    np.testing.assert_allclose([depths[1] / depths[0], depths[2] / depths[1]], 4, rtol=0.2)


@pytest.mark.parametrize("geoms", ['geom1="floor" geom2="six"', 'geom1="six" geom2="floor"'])
def test_the_friction_of_a_pair_with_the_ground_is_that_of_its_geom(geoms: str) -> None:
    """The pair states its own coefficients, and those of the geoms do nothing; between moving geoms it is no ground."""
    pair = f'<pair {geoms} condim="6" friction="1 1 .1 .2 .2"/>'
    pairs = f'<contact>{pair}<pair geom1="own" geom2="ear"/></contact><actuator>'
    source = BENCH.replace("<actuator>", pairs)
    for parameter, own in (("geom_friction", 1.0), ("geom_friction_spin", 0.1)):
        _, plain = bench(None, 1)
        expected = {**{name: float(v[0]) for name, v in plain.read(parameter).items()}, "six": own}
        for operation, number in (("scale", 2.0), ("set", 0.7)):
            physics, worlds = bench({parameter: {operation: number}}, 1, source)
            aim = {name: 2 * v if operation == "scale" else 0.7 for name, v in expected.items()}
            assert {name: float(v[0]) for name, v in worlds.read(parameter).items()} == pytest.approx(aim)
            real = contact_values(pressed(physics), parameter)
            assert {name: real[name] for name in aim} == pytest.approx(aim)
    physics, worlds = bench({"geom_friction": {"select": "six", "scale": 0.1}}, 1, source)
    assert contact_values(pressed(physics), "geom_friction")["six"] == pytest.approx(0.1)


@pytest.mark.parametrize(("parameter", "own"), [("contact_time_constant", 0.04), ("contact_damping_ratio", 0.7)])
def test_the_softness_of_a_pair_with_the_ground_is_that_of_its_geom(parameter: str, own: float) -> None:
    pairs = '<contact><pair geom1="floor" geom2="six" solref="0.04 0.7"/></contact><actuator>'
    source = BENCH.replace("<actuator>", pairs)
    expected = {**{name: float(v[0]) for name, v in bench(None, 1)[1].read(parameter).items()}, "six": own}
    for operation, number in (("scale", 2.0), ("set", 0.07)):
        physics, worlds = bench({parameter: {operation: number}}, 1, source)
        aim = {name: 2 * v if operation == "scale" else 0.07 for name, v in expected.items()}
        assert {name: float(v[0]) for name, v in worlds.read(parameter).items()} == pytest.approx(aim)
        assert {n: v for n, v in contact_values(pressed(physics), parameter).items() if n in aim} == pytest.approx(aim)


def test_the_softness_of_a_pair_of_stiffness_and_damping_is_no_object() -> None:
    pairs = '<contact><pair geom1="floor" geom2="six" solref="-100 -1"/></contact><actuator>'
    with pytest.raises(EnvsError, match=r"'six' matches nothing; valid: own, slick; six: a <contact><pair>"):
        bench({"contact_time_constant": {"select": "six", "scale": 2}}, 1, BENCH.replace("<actuator>", pairs))


def test_excluded_pairs_and_switched_off_contacts_are_no_objects() -> None:
    excluded = BENCH.replace("<actuator>", '<contact><exclude body1="puck" body2="world"/></contact><actuator>')
    _, worlds = bench(None, 1, excluded)
    assert "six" not in worlds.read("geom_friction")
    off = BENCH.replace('<option timestep="0.002"/>', '<option><flag contact="disable"/></option>')
    physics = Physics(mujoco.MjSpec.from_string(off), 1, frame_skip=1, fidelity=NOMINAL)
    assert physics.model.opt.disableflags
    _, worlds = bench(None, 1, off)
    assert worlds.read("geom_friction") == worlds.read("contact_damping_ratio") == {}
