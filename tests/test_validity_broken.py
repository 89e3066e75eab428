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
    hopper,
    mass_without_inertia,
    robot_only_friction,
    schedule,
    shifted,
    stale_constants,
)

from envs import Domain, EnvsError, ShiftCheck, Verdict, check_worlds
from envs.validity import Reference


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


MOVING = [
    {"gravity": {"scale": 1.0, "in_time": {"saw": [0.5, 40]}}},
    {"body_mass": {"scale": {"uniform": [0.9, 1.1]}, "in_time": {"drift": [0.01, 2.0]}}},
    {"dof_damping": {"select": "leg_joint", "add": 0.0, "in_time": {"cycle": [0.5, 60]}}},
    {"geom_friction": {"set": 1.0, "in_time": {"step": [0.7, 200]}}},
    {"observation_bias": {"set": 0.0, "in_time": {"drift": [0.001, 0.5]}}},
    {"action_delay": {"set": 0, "in_time": {"step": [3, 30]}}},
    {"dof_damping": {"select": "leg_joint", "scale": 1.0, "in_time": {"walk": [0.02, 0.5, 1.5]}}},
]


@pytest.mark.parametrize("parameters", MOVING, ids=lambda parameters: next(iter(parameters)))
def test_a_schedule_is_measured_where_it_has_gone(reference: Reference, parameters: dict[str, Any]) -> None:
    found = run(reference, schedule(parameters, late=0))
    moved = [quantity for quantity in found.quantities if " after " in quantity.name and quantity.known]
    assert any(abs(quantity.measured - quantity.nominal) > 0.02 * abs(quantity.nominal) for quantity in moved)
    assert found.verdict is Verdict.OK


@pytest.mark.parametrize("late", [None, 1])
@pytest.mark.parametrize("parameters", MOVING[:-1], ids=lambda parameters: next(iter(parameters)))
def test_a_schedule_that_is_late_or_stands_still_is_a_wrong_quantity(
    reference: Reference, parameters: dict[str, Any], late: int | None
) -> None:
    found = run(reference, schedule(parameters, late))
    assert found.verdict is Verdict.WRONG_QUANTITY
    assert found.worst is not None
    assert re.search(r" after \d+ steps$", found.worst.name)
    assert all(" after " in quantity.name for quantity in found.quantities if quantity.wrong)


def test_a_walk_that_stands_still_is_a_wrong_quantity(reference: Reference) -> None:
    found = run(reference, schedule(MOVING[-1], late=None))
    assert found.verdict is Verdict.WRONG_QUANTITY
    assert found.message.startswith("dof_damping[leg_joint] walk: intended 0.02, but the standard deviation")


def test_constants_that_stay_those_of_the_start_are_a_wrong_quantity(reference: Reference) -> None:
    found = run(reference, constants_of_the_start(MOVING[1]))
    assert found.verdict is Verdict.WRONG_QUANTITY
    wrong = [quantity.name for quantity in found.quantities if quantity.wrong]
    assert wrong
    assert all(re.match(r"(derived \w+|total mass) after \d+ steps$", name) for name in wrong), wrong


def test_a_schedule_is_intended_of_worlds_that_have_none(reference: Reference) -> None:
    found = run(reference, shifted(gravity={"scale": 1.2}), {"gravity": {"scale": 1.2, "in_time": {"saw": [0.5, 40]}}})
    assert found.verdict is Verdict.WRONG_QUANTITY
    assert found.message.startswith(f"gravity[*] after 32 steps: intended {9.81 * (1.2 + 0.5 * 31 / 40):.4g}, but")


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
