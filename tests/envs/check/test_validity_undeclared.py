"""What a shift does beside what its domain says is found, whatever it is, and what is right is left alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from broken_shifts import Extra, Factory, also, delayed, edited, hopper, shifted
from gymnasium.vector import VectorEnv

from envs import Domain, DomainVectorEnv
from envs.check import Gate, Reference, Verdict, check_worlds
from envs.check.check import _unreached
from envs.check.pairs.world_pair import WorldPair
from envs.check.probes.table import read_back
from envs.check.undeclared import find_undeclared

GRAVITY: dict[str, Any] = {"gravity": {"scale": 0.7}}
SHIFTED = shifted(**GRAVITY)


def swapped(rows: np.ndarray) -> np.ndarray:
    rows = rows.copy()
    rows[:, [1, 2]] = rows[:, [2, 1]]
    return rows


def noisy(sd: float) -> Callable[[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(0)
    return lambda rows: rows + rng.normal(0, sd, rows.shape).astype(rows.dtype)


def wrapped(**extra: Any) -> Factory:
    def make(num_envs: int, seed: int) -> VectorEnv[Any, Any, Any]:
        return Extra(SHIFTED(num_envs, seed), **extra)

    return make


def without_first(rows: np.ndarray) -> np.ndarray:
    return np.where(np.arange(rows.shape[1]) == 0, np.nan, rows)


class NoEnd(Extra):
    """Reports no end of an episode."""

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        obs, reward, terminated, truncated, info = super().step(actions)
        return obs, reward, np.zeros_like(terminated), truncated, info


def push(field: str, column: Any) -> Callable[[DomainVectorEnv], None]:
    def apply(env: DomainVectorEnv) -> None:
        env.physics.bind(field)[(slice(None), *column)] = 3.0

    return apply


def kick(env: DomainVectorEnv) -> None:
    env.physics.qvel[:, 0] += 0.01


def task_gain(env: DomainVectorEnv) -> None:
    observe = env.task.observe
    env.task.observe = lambda physics: observe(physics) * 1.02  # type: ignore[method-assign]


def task_bonus(env: DomainVectorEnv) -> None:
    reward = env.task.reward
    env.task.reward = lambda *given: {**reward(*given), "reward_bonus": np.full(env.num_envs, 0.1)}  # type: ignore


def task_start(env: DomainVectorEnv) -> None:
    reset = env.task.reset

    def higher(physics: Any, ids: Any, draws: Any) -> None:
        reset(physics, ids, draws)
        physics.qpos[ids, 1] += 0.01

    env.task.reset = higher  # type: ignore[method-assign]


def longer_step(env: DomainVectorEnv) -> None:
    env.physics.substeps += 1


# what is done -> the worlds, the quantity that is found, and its number; None where it is random
EXTRAS: dict[str, tuple[Factory, str, float | None]] = {
    "gain of a sensor": (wrapped(obs=lambda rows: rows * 1.05), "undeclared gain of observation", 1.05),
    "offset of a sensor": (wrapped(obs=lambda rows: rows + 0.1), "undeclared offset of observation", 0.1),
    "noise of a sensor": (wrapped(obs=noisy(0.02)), "undeclared noise of observation", None),
    "clip of a sensor": (wrapped(obs=lambda rows: np.clip(rows, -0.5, 0.5)), "undeclared limit of observation", 0.5),
    "entries swapped": (wrapped(obs=swapped), "undeclared order of observation", None),
    "delay of actions": (delayed(action=1, make=SHIFTED), "undeclared delay of command", 1.0),
    "delay of readings": (delayed(observation=2, make=SHIFTED), "undeclared delay of observation", 2.0),
    "clip of actions": (wrapped(act=lambda a: np.clip(a, -0.5, 0.5)), "undeclared limit of command", 0.5),
    "gain of actions": (wrapped(act=lambda a: 0.5 * a), "undeclared gain of command", 0.5),
    "noise of actions": (wrapped(act=noisy(0.1)), "undeclared noise of command", None),
    "force on a body": (wrapped(pre=push("xfrc_applied", (1, 0))), "undeclared offset of force[torso.force_x]", 3.0),
    "force on a joint": (wrapped(pre=push("qfrc_applied", (0,))), "undeclared offset of joint force[rootx]", 3.0),
    "kicks": (wrapped(pre=kick), "undeclared offset of motion[qvel.0]", 0.01),
    "offset of the reward": (wrapped(reward=lambda r: r - 0.1), "undeclared offset of reward", -0.1),
    "gain of the reward": (wrapped(reward=lambda r: 2 * r), "undeclared gain of reward", 2.0),
    "another end": (wrapped(end=lambda rows: rows[:, 0] < 1.24), "undeclared change of the end", None),
    "no end": (lambda num, seed: NoEnd(SHIFTED(num, seed)), "undeclared change of the end", 1.0),
    "no number": (wrapped(obs=without_first), "observation[qpos.rootz] not finite", 1.0),
    "infinite": (wrapped(reward=lambda r: r + np.inf), "reward not finite", 1.0),
    "gain in the task": (edited(SHIFTED, task_gain), "undeclared gain of observation", 1.02),
    "bonus in the task": (edited(SHIFTED, task_bonus), "undeclared offset of reward", 0.1),
    "another start": (edited(SHIFTED, task_start), "undeclared offset of the start[qpos.1]", 0.01),
    "longer steps": (edited(SHIFTED, longer_step), "undeclared noise of motion", None),
    "a channel more": (shifted(**GRAVITY, observation_scale={"set": 1.1}), "undeclared gain of observation", 1.1),
    "a late push": (shifted(**GRAVITY, push_impulse={"set": 1.0}), "undeclared push_impulse", 1.0),
}


def extras_of(make: Factory, intended: dict[str, Any] | None) -> dict[str, float]:
    """Return what is found beside the domain, whose own quantities are all right."""
    domain = None if intended is None else Domain.parse({"parameters": intended})
    pair = WorldPair.prepare(hopper, make, 0, domain)
    assert [q.name for q in read_back(pair) if q.wrong] == []
    return {q.name: q.measured for q in find_undeclared(pair) if q.wrong}


@pytest.mark.parametrize("name", EXTRAS)
def test_what_nothing_in_the_domain_names_is_found(name: str) -> None:
    make, title, number = EXTRAS[name]
    found = extras_of(make, GRAVITY)
    assert [quantity for quantity in found if quantity.startswith(title)] == list(found)
    assert len(found) == 1
    if number is not None:
        assert next(iter(found.values())) == pytest.approx(number, rel=1e-6)


def test_several_extras_are_all_named() -> None:
    """A reward is not judged where commands differ, as it may charge for them."""
    make = wrapped(obs=lambda rows: rows * 1.05, reward=lambda r: r + 1, pre=push("xfrc_applied", (1, 0)))
    assert list(extras_of(make, GRAVITY)) == [
        "undeclared offset of force[torso.force_x]",
        "undeclared gain of observation[qvel.rooty]",
        "undeclared offset of reward",
    ]
    make = wrapped(obs=lambda rows: rows * 1.05, act=lambda a: 0.5 * a)
    found = [name.partition("[")[0] for name in extras_of(make, GRAVITY)]
    assert found == ["undeclared gain of command", "undeclared gain of observation"]


NOISE: dict[str, Any] = {"observation_noise": {"set": 0.05}}


def test_extras_on_a_channel_that_the_domain_names_are_found_too() -> None:
    """The reference draws the same noise, to the bit."""
    noise = {**GRAVITY, **NOISE, "action_delay": {"set": 1}}
    assert extras_of(shifted(**noise), noise) == {}

    def biased(num_envs: int, seed: int) -> VectorEnv[Any, Any, Any]:
        return Extra(shifted(**noise)(num_envs, seed), obs=lambda rows: rows + 1e-3)

    found = extras_of(biased, noise)
    assert [name.partition("[")[0] for name in found] == ["undeclared offset of observation"]


def test_noise_that_is_in_step_but_not_at_reset_is_a_wrong_quantity() -> None:
    def late(num_envs: int, seed: int) -> VectorEnv[Any, Any, Any]:
        return Extra(hopper(num_envs, seed), obs=noisy(0.05), at_reset=False)

    pair = WorldPair.prepare(hopper, late, 0, Domain.parse({"parameters": NOISE}))
    wrong = [q for q in read_back(pair) if q.wrong]
    assert [(q.name, q.measured) for q in wrong] == [("observation_noise at reset", 0.0)]
    assert "noise is applied in step, but not at reset" in wrong[0].explain()
    whole = WorldPair.prepare(hopper, lambda n, s: Extra(hopper(n, s), obs=noisy(0.05)), 0, pair.expectation.domain)
    assert not [q for q in read_back(whole) if q.wrong]
    for parameter, extra in (
        ("observation_bias", lambda rows: rows + 0.1),
        ("observation_scale", lambda rows: rows * 0.9),
    ):
        domain = Domain.parse({"parameters": {parameter: {"set": 0.1 if parameter.endswith("bias") else 0.9}}})
        later = WorldPair.prepare(hopper, lambda n, s, e=extra: Extra(hopper(n, s), obs=e, at_reset=False), 0, domain)
        wrong = [q for q in read_back(later) if q.wrong]
        assert wrong
        assert all(q.name.endswith(" at reset") for q in wrong)


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(hopper)


def test_an_extra_is_a_verdict_that_names_it(reference: Reference) -> None:
    domain = Domain.parse({"parameters": GRAVITY})
    assert check_worlds(hopper, SHIFTED, intended=domain, reference=reference).verdict is Verdict.OK
    found = check_worlds(hopper, EXTRAS["offset of the reward"][0], intended=domain, reference=reference)
    assert found.verdict is Verdict.WRONG_QUANTITY
    assert found.message == (
        "undeclared offset of reward: intended 0, but the constant that is added to it is -0.1: "
        "nothing in the domain names it"
    )


def test_what_the_nominal_worlds_show_themselves_is_no_finding() -> None:
    """Such as readings with noise of a generator that no seed starts anew."""

    def make(num_envs: int, seed: int) -> VectorEnv[Any, Any, Any]:
        return Extra(hopper(num_envs, seed), obs=noisy_of)

    noisy_of = noisy(0.02)
    pair = WorldPair.prepare(
        make, lambda n, s: Extra(SHIFTED(n, s), obs=noisy_of), 0, Domain.parse({"parameters": GRAVITY})
    )
    assert find_undeclared(pair) == []


@pytest.mark.parametrize(
    ("env", "shift"), [("half_cheetah", "cheap_sensors"), ("half_cheetah", "long_cable"), ("gym:Hopper-v5", "worn")]
)
def test_shipped_shifts_have_no_extras(env: str, shift: str) -> None:
    gate = Gate(env, num_threads=1)
    domain = gate.domain(shift)
    for make_part in (gate._build, None):
        pair = WorldPair.prepare(gate._reference.make, lambda n, s: gate._build(domain, n, s), 0, make_part=make_part)
        assert find_undeclared(pair) == []


def test_a_motor_may_be_weakened_by_its_gear(reference: Reference) -> None:
    weak: dict[str, Any] = {"actuator_strength": {"scale": 0.7}}
    found = check_worlds(
        hopper, also("actuator_gear", 0.7, hopper), intended=Domain.parse({"parameters": weak}), reference=reference
    )
    assert found.verdict is Verdict.OK, found.message
    assert {q.name: q.measured for q in found.quantities}["actuator_strength[leg_joint]"] == pytest.approx(0.7)
    inverted = also("actuator_gear", -1.0, hopper)
    other = WorldPair.prepare(hopper, inverted, 0, Domain.parse({"parameters": {"actuator_strength": {"scale": 1.0}}}))
    assert {q.measured for q in read_back(other) if q.wrong} == {-1.0}


@pytest.mark.parametrize(("scale", "said"), [(1.0, False), (1.2, True)])
def test_no_edit_is_missed_where_a_parameter_starts_at_its_default(scale: float, said: bool) -> None:
    """It is measured where it has moved, whether anyone gets there or not."""
    moving = {"geom_friction": {"scale": scale, "in_time": {"step": [0.5, 30]}}}
    pair = WorldPair.prepare(hopper, hopper, 0, Domain.parse({"parameters": moving}))
    assert ("reaches no running world" in _unreached(pair)) == said
