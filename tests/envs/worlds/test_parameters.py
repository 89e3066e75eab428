"""Every physical parameter acts, as it says, on the worlds it is drawn for, and on nothing else."""

from functools import cache

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from worlds_compared import (
    CHANGED,
    PHYSICAL,
    REPRESENTATIVE,
    STATED_INERTIA,
    build,
    cases,
    derived_fields,
    nominal_value,
    random_actions,
    snapshot,
    trajectory,
)

from envs import ENVS, PARAMETERS, EnvsError

NUM_STEPS = 100
MORPHOLOGY = ("link_length", "link_thickness")
CASES = cases(tuple(ENVS))
FEW = [(n, p) for n, p in CASES if n in REPRESENTATIVE]
WRITTEN = [(n, p) for n, p in FEW if p not in MORPHOLOGY]
PLANAR = {  # the axis these robots cannot move along: a push along it or a mass off to that side does nothing
    "y": ("inverted_pendulum", "inverted_double_pendulum", "hopper", "walker2d", "half_cheetah", "cartpole_swingup"),
    "z": ("reacher", "swimmer"),
}
INERT = {(n, f"{p}_{axis}") for axis, names in PLANAR.items() for n in names for p in ("body_com", "wind")}
INERT |= {(n, "gravity") for n in PLANAR["z"]}  # it pulls where they cannot move
every_case = pytest.mark.parametrize(("name", "parameter"), CASES)
ABSENT = [
    (n, p) for n in ENVS for p in PHYSICAL if (n, p) not in CASES and (n not in STATED_INERTIA or p not in MORPHOLOGY)
]
few_cases = pytest.mark.parametrize(("name", "parameter"), FEW)


@cache
def nominal_trajectory(name: str) -> np.ndarray:
    return trajectory(build(name), NUM_STEPS)


def neutral(name: str, parameter: str) -> dict[str, float]:
    default = nominal_value(build(name, num_envs=1), parameter)
    return {"scale": 1} if default.any() else {"add": 0}


def test_every_parameter_is_covered_here() -> None:
    assert set(CHANGED) == set(PHYSICAL)
    assert {p for _, p in CASES} | {"geom_friction_spin", "geom_friction_roll", "servo_kp", "servo_kd"} == set(PHYSICAL)


def test_units_and_descriptions_are_given() -> None:
    for name in PHYSICAL:
        assert PARAMETERS[name].unit, name
        assert PARAMETERS[name].description, name


@few_cases
def test_neutral_is_bit_equal_to_no_domain(name: str, parameter: str) -> None:
    env = build(name, {parameter: neutral(name, parameter)})
    assert trajectory(env, NUM_STEPS).tobytes() == nominal_trajectory(name).tobytes()


@pytest.mark.parametrize("name", ENVS)
def test_all_neutral_at_once_is_bit_equal_to_no_domain(name: str) -> None:
    env = build(name, {p: neutral(name, p) for n, p in CASES if n == name})
    assert trajectory(env, NUM_STEPS).tobytes() == nominal_trajectory(name).tobytes()


@every_case
def test_any_other_value_moves_trajectory_and_reading(name: str, parameter: str) -> None:
    changed = build(name, {parameter: CHANGED[parameter]})
    if parameter.startswith("wind") and not nominal_value(changed, "density").any():
        fluid = {"density": {"set": 1.2}}
        a, b = (trajectory(build(name, fluid | p), 30) for p in ({}, {parameter: CHANGED[parameter]}))
        changed.reset()
    else:
        a, b = nominal_trajectory(name), trajectory(changed, NUM_STEPS)
    moved = np.abs(a - b).max()
    assert (moved < 1e-9) if (name, parameter) in INERT else (moved > 1e-6), moved
    ((operation, number),) = CHANGED[parameter].items()
    default = nominal_value(changed, parameter)
    expected = {"scale": default * number, "add": default + number, "set": default * 0 + number}[operation]
    read = changed.worlds.read(parameter)
    assert tuple(read) == PARAMETERS[parameter].objects(changed.worlds.nominal)
    np.testing.assert_allclose(np.stack(list(read.values())), np.tile(expected[:, None], 2), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("name", "parameter"), ABSENT)
def test_a_parameter_without_objects_is_refused(name: str, parameter: str) -> None:
    with pytest.raises(EnvsError, match=f"{parameter}: .* matches nothing; valid: none"):
        build(name, {parameter: CHANGED[parameter]})


@few_cases
def test_three_times_is_once_and_only_its_fields_change(name: str, parameter: str) -> None:
    env, nominal = build(name, {parameter: CHANGED[parameter]}), build(name)
    env.reset()
    nominal.reset()
    once, before = snapshot(env, 0), snapshot(nominal, 0)
    changed = {key for key in before if once[key] != before[key]}
    assert changed
    if parameter not in MORPHOLOGY:
        assert changed <= {*PARAMETERS[parameter].fields, *derived_fields()}  # type: ignore[union-attr]
    for _ in range(2):
        env.worlds.rewrite()
        assert snapshot(env, 0) == once
    env.reset()
    assert snapshot(env, 0) == snapshot(env, 1) == once


@pytest.mark.parametrize("name", ENVS)
def test_returning_to_nominal_restores_every_number(name: str) -> None:
    parameters = {
        p: {"scale" if "scale" in neutral(name, p) else "add": {"uniform": [0.0, 1.3]}}
        for n, p in CASES
        if n == name and p not in MORPHOLOGY and PARAMETERS[p].rule.admits(0.0, 1.0)
    }
    parameters |= {p: {"scale": {"uniform": [0.5, 1.5]}} for n, p in CASES if n == name and p not in parameters}
    env, nominal = build(name, parameters), build(name)
    env.reset()
    nominal.reset()
    expected = snapshot(nominal, 0)
    assert snapshot(env, 0) != expected
    scales = [entry.operation == "scale" for entry in env.domain.entries]
    env.worlds.numbers[:] = scales
    env.worlds.rewrite()
    assert {k for k, v in snapshot(env, 0).items() if v != expected[k]} == set()


@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_other_worlds_are_untouched(name: str) -> None:
    parameters = {
        p: {op: {"uniform": sorted((number * 0.8, number))} for op, number in CHANGED[p].items()}
        for n, p in FEW
        if n == name
    }
    env = build(name, parameters, num_envs=4, autoreset_mode=AutoresetMode.DISABLED)
    env.reset()
    before = [snapshot(env, world) for world in range(4)]
    drawn = env.parameters
    env.reset(options={"reset_mask": np.array([False, True, False, True])})
    after = [snapshot(env, world) for world in range(4)]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True, False]
    for values, old in zip(env.parameters.values(), drawn.values(), strict=True):
        assert (values == old).tolist() == [True, False, True, False]


@pytest.mark.parametrize(("name", "parameter"), WRITTEN)
def test_a_nominal_world_beside_a_changed_one_stays_nominal(name: str, parameter: str) -> None:
    ((operation, number),) = CHANGED[parameter].items()
    ideal = {"scale": 1.0, "add": 0.0, "set": float(nominal_value(build(name, num_envs=1), parameter)[0])}[operation]
    env = build(name, {parameter: {operation: {"choice": [ideal, number]}}})
    env.reset()
    env.worlds.numbers[:, 0] = ideal, number
    env.worlds.rewrite()
    nominal = build(name)
    nominal.reset()
    env.physics.set_state(nominal.physics.get_state())
    for action in random_actions(env, 20):
        env.step(action)
        nominal.step(action)
    for field in ("qpos", "qvel"):
        assert env.physics.bind(field)[0].tobytes() == nominal.physics.bind(field)[0].tobytes()
