"""Parameters that share a field compose, and each is read back as what the simulation then uses."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from bench_worlds import bench
from worlds_compared import CHANGED, PHYSICAL, model_arrays

from envs import PARAMETERS
from envs.physics.physics import Physics

WRITTEN = tuple(p for p in PHYSICAL if hasattr(PARAMETERS[p], "writer"))
SHARING = [
    (a, b)
    for a, b in combinations(WRITTEN, 2)
    if set(PARAMETERS[a].fields) & set(PARAMETERS[b].fields)  # type: ignore[union-attr]
]
MASS, INERTIA, LOAD = (next(iter(CHANGED[p].values())) for p in ("body_mass", "body_inertia", "payload"))
STRENGTH, KP, KD = (next(iter(CHANGED[p].values())) for p in ("actuator_strength", "servo_kp", "servo_kd"))


def number(physics: Physics) -> dict[str, bytes]:
    """Return every number of world 0's model; zero has one sign."""
    return {k: (v + 0.0 if v.dtype.kind == "f" else v).tobytes() for k, v in model_arrays(physics.world(0)[0])}


def readings(parameters: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return what is read back of each parameter, all others of `parameters` set as well, (n,)."""
    _, worlds = bench({p: CHANGED[p] for p in parameters})
    return {p: np.array([values[0] for values in worlds.read(p).values()]) for p in parameters}


def expected_together() -> dict[tuple[str, str], dict[str, np.ndarray]]:
    """Return what the laws say where one parameter changes what the other is read back as."""
    physics, worlds = bench(None)
    mass = physics.model.body_mass[1:]
    servos = {p: list(worlds.read(p)) for p in ("actuator_strength", "servo_kp", "servo_kd")}
    kp = np.array([KP if name in servos["servo_kp"] else 1 for name in servos["actuator_strength"]])
    velocity = np.array([KD if name == "roller" else 1 for name in servos["actuator_strength"]])
    return {
        ("body_mass", "body_inertia"): {"body_inertia": np.full(len(mass) - 1, MASS * INERTIA)},  # the cart cannot turn
        ("body_mass", "payload"): {"body_mass": MASS * mass + LOAD, "payload": MASS * mass + LOAD - mass},
        ("actuator_strength", "servo_kp"): {"actuator_strength": STRENGTH * kp, "servo_kp": np.full(2, STRENGTH * KP)},
        ("actuator_strength", "servo_kd"): {
            "actuator_strength": STRENGTH * velocity,
            "servo_kd": np.full(2, STRENGTH * KD),
        },
    }


def test_what_shares_a_field() -> None:
    assert len(SHARING) == 18
    assert {("body_mass", "payload"), ("gravity", "gravity_tilt_x"), ("servo_kp", "servo_kd")} <= set(SHARING)


@pytest.mark.parametrize(("first", "second"), SHARING)
def test_both_readings_are_right(first: str, second: str) -> None:
    together = readings((first, second))
    alone = {p: readings((p,))[p] for p in (first, second)}
    for parameter, values in {**alone, **expected_together().get((first, second), {})}.items():
        np.testing.assert_allclose(together[parameter], values, rtol=1e-12, atol=1e-14, err_msg=parameter)


@pytest.mark.parametrize(("first", "second"), SHARING)
def test_the_order_in_the_domain_does_not_matter(first: str, second: str) -> None:
    forth, back = (bench({p: CHANGED[p] for p in pair})[0] for pair in ((first, second), (second, first)))
    assert number(forth) == number(back)


@pytest.mark.parametrize("parameter", WRITTEN)
def test_on_the_bench_neutral_is_nominal_and_three_times_is_once(parameter: str) -> None:
    nominal, _ = bench(None)
    default = PARAMETERS[parameter].default(bench(None)[1].nominal)
    assert len(default)
    neutral, _ = bench({parameter: {"scale": 1.0} if default.any() else {"add": 0.0}})
    assert number(neutral) == number(nominal)
    changed, worlds = bench({parameter: CHANGED[parameter]})
    once = number(changed)
    assert once != number(nominal)
    for _ in range(2):
        worlds.rewrite()
    assert number(changed) == once


def test_a_moving_parameter_leaves_those_it_shares_a_field_with() -> None:
    """A payload that comes and goes keeps the changed mass, and the other way round."""
    parameters: dict[str, Any] = {
        "body_mass": {"scale": 2.0},
        "payload": {"select": "hand", "add": 1.0, "in_time": {"step": [2, 3.0]}},
        "body_com_x": {"select": "hand", "add": 0.02},
    }
    physics, worlds = bench(parameters)
    nominal, hand = physics.model, physics.model.body("hand").id
    mass = physics.expand("body_mass")
    seen = []
    for step in range(4):
        worlds.advance(np.full(2, step), np.ones(2, bool))
        seen.append(mass[0, hand] - 2 * nominal.body_mass[hand])
        assert mass[0, 1] == 2 * nominal.body_mass[1]
        assert worlds.read("body_com_x")["hand"][0] == pytest.approx(0.02)
    assert len(set(np.round(seen, 12))) == 2
    assert seen[0] == pytest.approx(1.0)
