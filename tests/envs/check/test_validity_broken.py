"""The gate finds what is broken in shifts that look right, and says what."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from broken_shifts import (
    Factory,
    also,
    attribute_on_wrapper,
    constants_of_the_start,
    delayed,
    edited_copy,
    edited_spec,
    faulty,
    hopper,
    mass_without_inertia,
    robot_only_friction,
    schedule,
    shifted,
    stale_constants,
)

from envs import Domain, DomainVectorEnv, EnvsError, make_vec
from envs.check import Reference, ShiftCheck, Verdict, check_worlds
from envs.check.pairs.walks import compute_square_step
from envs.check.pairs.world_pair import WorldPair
from envs.check.probes.table import read_back
from envs.domain.profiles import Cycle, Drift, Step, Triangle, Walk


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(hopper)


def run(reference: Reference, make: Factory, intended: dict[str, Any] | None = None) -> ShiftCheck:
    domain = None if intended is None else Domain.parse({"parameters": intended})
    return check_worlds(hopper, make, intended=domain, reference=reference)


def trajectory(make: Factory) -> np.ndarray:
    env = make(4, 0)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    return np.stack([env.step(rng.uniform(-1, 1, (4, 3)).astype(np.float32))[0] for _ in range(30)])


def test_robot_only_friction_is_a_wrong_quantity(reference: Reference) -> None:
    low, high = robot_only_friction(0.1), robot_only_friction(0.5)
    assert trajectory(low).tobytes() == trajectory(high).tobytes()  # the fixture is what it claims to be
    for value, make in ((0.1, low), (0.5, high)):
        found = run(reference, make, {"geom_friction": {"set": value}})
        assert found.verdict is Verdict.WRONG_QUANTITY
        assert found.worst is not None
        assert (found.worst.intended, found.worst.measured) == (value, 1.0)
        assert f"intended {value:g}, but the sliding friction of the geom's contacts with the ground is 1" in (
            found.message
        )
        assert "the larger coefficient of its two geoms" in found.message


def test_a_limit_that_never_binds_is_null(reference: Reference) -> None:
    found = run(reference, shifted(joint_range={"select": "thigh_joint", "scale": 1.5}))
    assert found.verdict is Verdict.NULL
    assert "limits that never bind: thigh_joint may move over -3.93..0 instead of -2.62..0" in found.message
    assert found.worst is not None
    assert found.worst.measured == pytest.approx(1.5, rel=1e-9)  # it is where it should be, but nobody gets there
    assert found.divergence is not None
    assert found.divergence.null
    assert set(found.divergence.entries.values()) == {0.0}


def test_mass_without_inertia_is_a_wrong_quantity(reference: Reference) -> None:
    found = run(reference, mass_without_inertia(1.5), {"body_mass": {"scale": 1.5}})
    assert found.verdict is Verdict.WRONG_QUANTITY
    by_name = {q.name: q for q in found.quantities}
    assert not by_name["body_mass[torso]"].wrong
    assert not by_name["total mass"].wrong
    assert by_name["inertia of torso"].wrong
    assert by_name["inertia of torso"].intended == pytest.approx(1.5)
    assert by_name["inertia of torso"].measured == 1.0
    assert "inertia" in found.message
    assert "mass is 1.5 times the nominal one, its inertia does not fit that" in found.message


def test_constants_out_of_date_are_a_wrong_quantity(reference: Reference) -> None:
    found = run(reference, stale_constants(1.5), {"body_mass": {"scale": 1.5}})
    assert found.verdict is Verdict.WRONG_QUANTITY
    wrong = {q.name for q in found.quantities if q.wrong}
    assert wrong == {"total mass", "derived dof_M0", "derived body_invweight0", "derived dof_invweight0"}


@pytest.mark.parametrize(
    ("make", "intended"),
    [
        (edited_copy(1.5), {"body_mass": {"scale": 1.5}}),
        (edited_spec(2.0), {"dof_damping": {"scale": 2.0}}),
        (attribute_on_wrapper(5.0), {"gravity": {"set": 5.0}}),
    ],
    ids=["copy", "spec", "wrapper"],
)
def test_an_edit_that_reaches_no_running_model_is_a_wrong_quantity(
    reference: Reference, make: Factory, intended: dict[str, Any]
) -> None:
    found = run(reference, make, intended)
    assert found.verdict is Verdict.WRONG_QUANTITY
    assert "as in the nominal world" in found.message
    assert "the edit reaches no running world" in found.message
    assert "never leads apart" in found.message
    assert found.divergence is not None
    assert found.divergence.null


@pytest.mark.parametrize(("parameter", "way"), [("action_delay", "action"), ("observation_delay", "observation")])
@pytest.mark.parametrize("error", [-1, 1])
def test_a_delay_off_by_one_is_a_wrong_quantity(reference: Reference, parameter: str, way: str, error: int) -> None:
    found = run(reference, delayed(**{way: 2 + error}), {parameter: {"set": 2}})
    assert found.verdict is Verdict.WRONG_QUANTITY
    assert found.worst is not None
    assert (found.worst.intended, found.worst.measured) == (2, 2 + error)
    assert found.message.startswith(parameter)
    assert "off by one" in found.message


@pytest.mark.parametrize(("parameter", "way"), [("action_delay", "action"), ("observation_delay", "observation")])
def test_the_same_wrapper_is_right_with_the_right_delay(reference: Reference, parameter: str, way: str) -> None:
    found = run(reference, delayed(**{way: 2}), {parameter: {"set": 2}})
    assert found.verdict is Verdict.OK, found.message


def saw(size: float, period: int) -> dict[str, Any]:
    return {"saw": [size, period]}


MOVING: dict[str, dict[str, Any]] = {
    "saw": {"gravity": {"scale": 1.0, "in_time": saw(0.5, 40)}},
    "drift": {"body_mass": {"scale": {"uniform": [0.9, 1.1]}, "in_time": {"drift": [0.01, 1.6]}}},
    "cycle": {"dof_damping": {"select": "leg_joint", "add": 0.0, "in_time": {"cycle": [0.5, 60]}}},
    "step": {"geom_friction": {"set": 1.0, "in_time": {"step": [0.7, 200]}}},
    "bias": {"observation_bias": {"set": 0.0, "in_time": {"drift": [0.001, 0.5]}}},
    "delay": {"action_delay": {"set": 0, "in_time": {"step": [3, 30]}}},
    "some": {"gravity": {"scale": {"uniform": [0.5, 0.7]}, "in_time": {"drift": [0.002, 0.55]}}},  # most do not move
    "one of": {"actuator_strength": {"one_of": "*", "scale": 1.0, "in_time": saw(-0.5, 50)}},
    "no limit": {"action_rate_limit": {"one_of": "*", "set": 0.5, "in_time": saw(0.5, 40)}},
    "two": {
        "body_mass": {"scale": 1.5, "in_time": {"triangle": [0.5, 60]}},
        "payload": {"select": "torso", "set": 0.0, "in_time": {"drift": [0.01, 3.0]}},
    },
}
WALKS: dict[str, dict[str, Any]] = {
    "wide": {"dof_damping": {"select": "leg_joint", "scale": 1.0, "in_time": {"walk": [0.02, 0.5, 1.5]}}},
    "narrow": {"gravity": {"scale": 1.0, "in_time": {"walk": [0.05, 0.95, 1.05]}}},
    "beside another": {
        "dof_damping": [
            {"select": "thigh_joint", "scale": 1.1},
            {"select": "foot_joint", "scale": 1.0, "in_time": {"walk": [0.02, 0.5, 1.5]}},
        ]
    },
    "with company": {
        "body_mass": {"scale": 1.5},
        "body_inertia": {"scale": 1.0, "in_time": {"walk": [0.02, 0.5, 1.5]}},
        "link_thickness": {"select": "leg", "scale": 1.3},
    },
    "whole numbers": {"action_delay": {"set": 2, "in_time": {"walk": [0.2, 0.0, 4.0]}}},
    "one of": {"actuator_strength": {"one_of": "*", "scale": 1.0, "in_time": {"walk": [0.02, 0.5, 1.0]}}},
}


def wrong(make: Factory) -> list[str]:
    """Return the names of the quantities that are wrong, which are all measured without a warning."""
    return [quantity.name for quantity in read_back(WorldPair.prepare(hopper, make, 0)) if quantity.wrong]


@pytest.mark.thorough
@pytest.mark.parametrize("name", MOVING)
def test_a_schedule_is_measured_where_it_has_gone(name: str) -> None:
    for make in (schedule(MOVING[name]), faulty(schedule(MOVING[name]), 5, at=8)):
        pair = WorldPair.prepare(hopper, make, 0)
        later = [quantity for quantity in read_back(pair) if " after " in quantity.name]
        assert later
        assert not any(quantity.wrong for quantity in later)
        assert any(abs(quantity.measured - quantity.nominal) > 0.01 for quantity in later)


@pytest.mark.thorough
@pytest.mark.parametrize("late", [None, 1])
@pytest.mark.parametrize("name", MOVING)
def test_a_schedule_that_is_late_or_stands_still_is_a_wrong_quantity(name: str, late: int | None) -> None:
    found = wrong(schedule(MOVING[name], late))
    assert found
    assert all(re.search(r" after \d+ steps$", quantity) for quantity in found), found


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("saw", Drift(0.5 / 40, 3.0)),  # never falls
        ("saw", Triangle(1.0, 80)),  # the same ramp, and a slow way back
        ("drift", Drift(0.01, 3.0)),  # ignores its limit
        ("cycle", Cycle(0.5, 64)),
        ("step", Step(0.7, 201)),
    ],
    ids=str,
)
def test_another_schedule_is_a_wrong_quantity(name: str, profile: Any) -> None:
    assert wrong(schedule(MOVING[name], profile=profile))


@pytest.mark.parametrize("name", WALKS)
def test_a_walk_is_measured_by_its_steps(name: str) -> None:
    parameters = WALKS[name]
    assert not wrong(schedule(parameters))
    assert not wrong(faulty(schedule(parameters), 5, at=8))
    assert any(quantity.endswith(" walk") for quantity in wrong(schedule(parameters, late=None)))


@pytest.mark.parametrize("profile", [Walk(0.026, 0.5, 1.5), Walk(0.015, 0.5, 1.5)], ids=str)
def test_another_walk_is_a_wrong_quantity(profile: Walk) -> None:
    found = wrong(schedule(WALKS["wide"], profile=profile))
    assert found == ["dof_damping[leg_joint] walk"]


def test_a_walk_beyond_its_ends_is_a_wrong_quantity() -> None:
    found = wrong(schedule(WALKS["narrow"], profile=Walk(0.05, 0.5, 1.5)))
    assert found == ["gravity walk", "gravity walk's ends"]


@pytest.mark.parametrize("sd", [0.02, 0.1, 0.5])
def test_the_square_of_a_step_is_known_in_closed_form(sd: float) -> None:
    walk, start = Walk(sd, 0.9, 1.2), np.array([0.9, 0.95, 1.0, 1.2, 1.3])
    noise = np.random.default_rng(0).standard_normal((400_000, 1))
    drawn = np.square(walk.number(start, start, np.zeros(5, int), noise) - start).mean(axis=0)
    np.testing.assert_allclose(compute_square_step(walk, start), drawn, rtol=0.02)


def test_the_worlds_own_limit_of_time_is_lifted() -> None:
    """A world that starts anew would be at the beginning of its schedule."""

    def short(num_envs: int, seed: int) -> DomainVectorEnv:
        domain = {"fidelity": "cheap", "parameters": MOVING["two"]}
        return make_vec("hopper", num_envs=num_envs, seed=seed, domain=domain, num_threads=1, max_episode_steps=25)

    assert not wrong(short)


def test_a_schedule_is_measured_in_an_environment_of_gymnasiums() -> None:
    domain = {"parameters": {"gravity": {"scale": 1.0, "in_time": saw(0.5, 40)}}}
    pair = WorldPair.prepare(
        lambda num, seed: make_vec("gym:Hopper-v5", num_envs=num, seed=seed),
        lambda num, seed: make_vec("gym:Hopper-v5", num_envs=num, seed=seed, domain=domain),
        0,
    )
    found = {quantity.name: quantity for quantity in read_back(pair)}
    assert not any(quantity.wrong for quantity in found.values())
    assert found["gravity[*] after 21 steps"].measured == pytest.approx(9.81 * 1.25)
    assert pair.shifted_models[0].opt.gravity[2] == -9.81  # the start's, though the world has gone on


def test_constants_that_stay_those_of_the_start_are_a_wrong_quantity() -> None:
    found = wrong(constants_of_the_start(MOVING["drift"]))
    assert found
    assert all(re.match(r"(derived \w+|total mass) after \d+ steps$", name) for name in found), found


def test_a_schedule_is_a_verdict(reference: Reference) -> None:
    """Also one that moves nothing before the states that are compared first."""
    assert run(reference, schedule(MOVING["step"])).verdict is Verdict.OK
    found = run(reference, schedule(MOVING["step"], late=None))
    assert found.verdict is Verdict.WRONG_QUANTITY
    assert " after 201 steps: intended 1.7, but" in found.message


def test_a_schedule_is_intended_of_worlds_that_have_none(reference: Reference) -> None:
    moving = {"gravity": {"scale": 1.2, "in_time": saw(0.5, 40)}}
    found = run(reference, shifted(gravity={"scale": 1.2}), moving)
    assert found.verdict is Verdict.WRONG_QUANTITY
    assert found.message.startswith(f"gravity[*] after 32 steps: intended {9.81 * (1.2 + 0.5 * 31 / 40):.4g}, but")
    walking = {"gravity": {"scale": 1.2, "in_time": {"walk": [0.01, 0.5, 1.5]}}}  # where it is nobody knows
    assert run(reference, shifted(gravity={"scale": 1.2}), walking).verdict is Verdict.OK


def test_motors_without_force_are_unsolvable(reference: Reference) -> None:
    found = run(reference, shifted(actuator_strength={"scale": 0.0}))
    assert found.verdict is Verdict.UNSOLVABLE
    assert "actions have no effect" in found.message
    assert found.solvability is not None
    assert found.solvability.word == "no"


def test_a_task_that_is_over_at_once_is_unsolvable(reference: Reference) -> None:
    found = run(reference, shifted(dof_damping={"scale": 2.0}, task_kwargs={"healthy_z_range": (1.4, float("inf"))}))
    assert found.verdict is Verdict.UNSOLVABLE
    assert "episodes end at once: the longest of any policy has 1 control steps" in found.message


def test_worlds_like_the_nominal_ones_are_null(reference: Reference) -> None:
    found = run(reference, shifted(body_mass={"scale": 1.0}, action_delay={"set": 0}))
    assert found.verdict is Verdict.NULL
    assert not any(q.wrong for q in found.quantities)
    assert "changes nothing" in found.message


def test_what_was_found_goes_into_json(reference: Reference) -> None:
    found = run(reference, shifted(dof_damping={"scale": 2.0}))
    content = json.loads(json.dumps(found.to_mapping(), allow_nan=False))
    assert content["verdict"] == "OK"
    assert content["ok"] is True
    assert content["divergence"]["worst"]["value"] == max(content["divergence"]["entries"].values()) > 0
    assert content["solvability"]["word"] == "yes"
    assert {row["name"] for row in content["quantities"]} >= {"dof_damping[thigh_joint]"}


def test_intended_numbers_that_nobody_drew_are_refused(reference: Reference) -> None:
    with pytest.raises(EnvsError, match="intended: the worlds have not drawn this domain's numbers"):
        run(reference, edited_copy(1.5), {"body_mass": {"scale": {"uniform": [1.0, 2.0]}}})


@pytest.mark.parametrize("field", ["geom_friction", "opt.gravity"])
def test_what_is_edited_besides_is_a_wrong_quantity(reference: Reference, field: str) -> None:
    doubled = {"dof_damping": {"scale": 2.0}}
    assert run(reference, shifted(**doubled), doubled).verdict is Verdict.OK
    more = also(field, 0.5, shifted(**doubled))
    found = run(reference, more, doubled)
    assert found.verdict is Verdict.WRONG_QUANTITY
    assert f"nothing in the domain names ({field}) is 1" in found.message


def test_a_shift_in_which_no_world_survives_a_step_is_unsolvable_not_null(reference: Reference) -> None:
    found = run(reference, shifted(wind_x={"set": 1e12}, density={"set": 1e3}))
    assert found.divergence is not None
    assert (found.divergence.steps, found.divergence.null) == (0, False)
    assert (found.verdict, found.message) == (Verdict.UNSOLVABLE, "every world diverges in its first step")
