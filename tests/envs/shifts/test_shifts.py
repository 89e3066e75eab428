"""Every shift in every environment: nominal at severity zero, another at its default, refused where it is none."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np
import pytest
from worlds_compared import STATED_INERTIA

from envs import ENVS, PARAMETERS, SHIFTS, Domain, DomainVectorEnv, EnvsError, make_vec
from envs.domain.domain import Entry
from envs.domain.selection import matching
from envs.physics.nominal import Nominal
from envs.physics.parameter import ChannelParameter

CASES = [(env, shift) for env in ENVS for shift in SHIFTS if shift != "nominal"]
NUM_STEPS = 120
HOLD = 7  # steps an action stays, so that joints come to their ends; no multiple of what action_repeat holds

# What a domain may do and a robot cannot feel. It is accepted, as the model holds the quantity; the gate says NULL.
GRAVITY = ("unmodelled_gravity", "odrl_gravity_low", "odrl_gravity_high")
CARTS = ("inverted_pendulum", "inverted_double_pendulum", "cartpole_swingup")
INERT = {
    *((env, shift) for env in ("reacher", "swimmer") for shift in GRAVITY),  # they move in a horizontal plane
}


def build(env: str, domain: Domain | None, num_envs: int = 2, num_threads: int = 1) -> DomainVectorEnv:
    options: dict[str, Any] = {}
    if "terminate_when_unhealthy" in inspect.signature(ENVS[env].task).parameters:
        options["terminate_when_unhealthy"] = False
    return make_vec(env, num_envs=num_envs, num_threads=num_threads, seed=1, domain=domain, **options)


def walk(env: DomainVectorEnv, num_steps: int) -> Any:
    """Yield the observations (num_envs, obs_dim) of an episode under random actions."""
    rng = np.random.default_rng(0)
    low, high = env.action_space.low, env.action_space.high
    yield env.reset()[0]
    for step in range(num_steps):
        if step % HOLD == 0:
            action = rng.uniform(low, high).astype(np.float32)
        yield env.step(action)[0]


@functools.cache
def nominal_walk(env: str) -> np.ndarray:
    return np.stack(list(walk(build(env, None), NUM_STEPS)))


@functools.cache
def nominal_of(env: str) -> Nominal:
    return build(env, None).worlds.nominal


def unmatched(domain: Domain, nominal: Nominal) -> bool:
    """Return whether a selection of the domain has no object in the robot."""
    for entry in domain.entries:
        objects = PARAMETERS[entry.parameter].objects(nominal)
        if not all(matching(pattern, objects, nominal) for pattern in entry.select):
            return True
    return False


def idle(domain: Domain, nominal: Nominal) -> bool:
    """Return whether an entry multiplies what is zero."""
    return any(e.operation == "scale" and not _default(e, nominal).any() for e in domain.entries)


def _default(entry: Entry, nominal: Nominal) -> np.ndarray:
    """Return the nominal values (n,) of the objects that an entry selects."""
    objects = PARAMETERS[entry.parameter].objects(nominal)
    chosen = {i for pattern in entry.select for i in matching(pattern, objects, nominal)}
    return PARAMETERS[entry.parameter].default(nominal)[sorted(chosen)]


def expected_refusal(env: str, shift: str) -> str | None:
    """Return what the error says where the robot has nothing that the shift could change, None where it has."""
    row = SHIFTS[shift]
    if not callable(row.parameters) and env not in row.parameters:
        return "matches nothing"
    domain, nominal = row.domain(env=env), nominal_of(env)
    if env in STATED_INERTIA and any(entry.parameter.startswith("link_") for entry in domain.entries):
        return "states its own inertia"
    return "matches nothing" if unmatched(domain, nominal) else "changes nothing" if idle(domain, nominal) else None


@pytest.mark.parametrize(("env", "shift"), CASES)
def test_zero_is_nominal_and_the_default_is_not(env: str, shift: str) -> None:
    row, nominal = SHIFTS[shift], nominal_walk(env)
    if message := expected_refusal(env, shift):
        with pytest.raises(EnvsError, match=message):
            build(env, row.domain(env=env))
        return
    for step, obs in enumerate(walk(build(env, row.domain(0, env)), 20)):
        assert obs.tobytes() == nominal[step].tobytes()
    moved = np.zeros(2)  # largest difference so far in each world
    shifted = build(env, row.domain(env=env))
    for step, obs in enumerate(walk(shifted, NUM_STEPS)):
        moved = np.maximum(moved, np.abs(obs - nominal[step]).max(axis=1))
        if moved.min() > 1e-3:
            break
    assert shifted.num_faults == 0
    if (env, shift) in INERT:
        assert moved.max() < 1e-5  # rounding, which a double pendulum magnifies
    elif {e.parameter for e in row.domain(env=env).entries} == {"joint_range"}:
        assert moved.max() > 1e-3  # not every world comes to the end of a joint
    else:
        assert moved.min() > 1e-4


def require_every_part(worlds: DomainVectorEnv, env: str) -> None:
    """Assert that every parameter of the domain reads differently from nominal, but where it starts there or is it."""
    nominal = nominal_of(env)
    for parameter in {e.parameter for e in worlds.domain.entries}:
        entries = [e for e in worlds.domain.entries if e.parameter == parameter]
        default = dict(zip(PARAMETERS[parameter].objects(nominal), PARAMETERS[parameter].default(nominal), strict=True))
        read = worlds.worlds.read(parameter)
        timed = any(e.in_time for e in entries)
        trivial = all(e.operation == "set" and e.support() == (next(iter(default.values())),) * 2 for e in entries)
        differs = [name for name, values in read.items() if np.abs(values - default[name]).max() > 1e-12]
        assert bool(differs) != (timed or trivial), (parameter, differs)


def written(worlds: DomainVectorEnv) -> dict[str, np.ndarray]:
    """Return copies of the model fields that the domain's parameters write, and of what its channels read."""
    rows = {e.parameter: PARAMETERS[e.parameter] for e in worlds.domain.entries}
    fields = {field for row in rows.values() for field in getattr(row, "fields", ())}
    channels = {name: worlds.worlds.values(name) for name, row in rows.items() if isinstance(row, ChannelParameter)}
    return {
        name: values.copy() for name, values in (*channels.items(), *((f, worlds.physics.expand(f)) for f in fields))
    }


@pytest.mark.parametrize(("env", "shift"), CASES)
def test_every_pair_keeps_the_contract(env: str, shift: str) -> None:
    """Quantities move; three writings are one; worlds mind their own; threads change nothing; arrays are their own."""
    if expected_refusal(env, shift):
        return  # as the test above shows
    domain = SHIFTS[shift].domain(env=env)
    one, two = (build(env, domain, num_envs=4, num_threads=threads) for threads in (1, 2))
    for worlds in (one, two):
        worlds.reset()
    require_every_part(one, env)
    before = written(one)
    for _ in range(3):
        one.worlds.rewrite()
    for name, values in written(one).items():
        assert values.tobytes() == before[name].tobytes(), name
    seen = []
    for first, second in zip(walk(one, 10), walk(two, 10), strict=True):
        assert first.tobytes() == second.tobytes()
        assert not any(np.shares_memory(first, obs) for obs in seen)
        seen.append(first)
    before, obs, state = written(one), seen[-1], one.physics.get_state()["rows"]
    anew, _ = one.reset(options={"reset_mask": np.array([True, False, False, False])})
    assert anew[1:].tobytes() == obs[1:].tobytes()
    assert one.physics.get_state()["rows"][1:].tobytes() == state[1:].tobytes()
    for name, values in written(one).items():
        assert values[1:].tobytes() == before[name][1:].tobytes(), name


def test_refusals_and_inert_pairs_are_few() -> None:
    refused = {case for case in CASES if expected_refusal(*case)}
    for env in ("hopper", "half_cheetah", "walker2d", "ant"):
        own = {shift for name, shift in refused if name == env}
        assert own <= {"asymmetric", "odrl_morph_torso", "odrl_morph_torso_thin"}, (env, own)
    assert not refused & set(INERT)
    assert {env for env, shift in refused if shift == "off_centre"} == set(CARTS)  # a base that slides, never turns
    assert not {env for env, shift in refused if shift in ("payload", "springy", "rubbing")}
