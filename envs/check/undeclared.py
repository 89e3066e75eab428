"""Undeclared: what the shifted worlds do beside what their domain says, by worlds that do nothing else.

Reference worlds run beside the shifted ones, from the same seed and under the same actions. They are nominal ones that
are given the shifted worlds' own model numbers and, in every step, the commands and forces that arrived in these. So
whatever else differs, in any bit, is an extra: a gain, noise, delay, offset or another order of readings, likewise of
commands, forces, another reward or end, another start or motion. Where the shifted worlds have drawn their domain
themselves, the reference can draw the very same numbers, noise included, and no signal is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from gymnasium.vector import AutoresetMode
from mujoco import batch
from numpy.typing import NDArray

from ..domain.domain import Domain
from ..physics.fields.parameters import PARAMETERS
from ..physics.nominal import object_names
from ..physics.parameter import ChannelParameter, MorphologyParameter
from ..vector.vector_env import DomainVectorEnv
from .differences import NOT_NAMED, differs, explain_difference
from .pairs.readings import differing_fields
from .pairs.recording import AnyEnv, Recording, core, record
from .pairs.signals import Mask
from .pairs.verdict import Quantity
from .pairs.world_pair import WorldPair
from .returned import find_hidden_ends, find_no_numbers

__all__ = ["find_undeclared"]

Array = NDArray[np.float64]
_NUM_STEPS = 50  # that the reference runs


def find_undeclared(pair: WorldPair) -> list[Quantity]:
    """Return what the shifted worlds of a pair do that nothing in the domain names; empty if nothing.

    That is looked at over 50 control steps; of the worlds' own channels, what they are set to counts at any time.
    What the nominal worlds show beside themselves in the same pair, as an environment that draws from a generator
    of its own does, is no finding.
    """
    return [*find_no_numbers(pair), *find_hidden_ends(pair)] or _find_extras(pair)


def _find_extras(pair: WorldPair) -> list[Quantity]:
    """Return what differs from the reference worlds, or what channels are set to."""
    found = _compare(pair)
    if not found:
        return _set_channels(pair)
    domain = core(pair.nominal).domain
    same = WorldPair.prepare(pair.make_nominal, pair.make_nominal, pair.seed, domain)
    unstable = {_signal(quantity) for quantity in _compare(same)}
    same.nominal.close()
    same.shifted.close()
    return [quantity for quantity in found if _signal(quantity) not in unstable]


def _set_channels(pair: WorldPair) -> list[Quantity]:
    """Return the channel parameters by which the worlds' own domain, if it is another one, changes anything."""
    worlds, found = core(pair.shifted), []
    for name in dict.fromkeys(entry.parameter for entry in worlds.domain.entries):
        row = PARAMETERS[name]
        if pair.expectation.has(name) or not isinstance(row, ChannelParameter) or name.endswith(_LENGTHS):
            continue
        low, high = worlds.worlds.support(name)
        if (low, high) != (row.ideal, row.ideal):
            number = high if high != row.ideal else low
            how = "what a channel of the running worlds is set to"
            found.append(Quantity(f"undeclared {name}", row.ideal, row.ideal, number, 1e-12, how, NOT_NAMED))
    return found


_LENGTHS = ("_steps", "_interval", "_time")  # of events, pushes and gusts: without one they do nothing


def _signal(quantity: Quantity) -> str:
    return quantity.name.partition(" of ")[2].partition("[")[0]


@dataclass(frozen=True)
class _ReferenceRuns:
    """Both recordings, and which ways the pair leaves out, of `action`, `observation` and `body`."""

    shifted: Recording
    expected: Recording
    commands: Array  # (num_steps, num_envs, act_dim) that the reference's own way makes of the actions
    forces: Array  # (num_steps, num_envs, nbody, 6) of its own
    pulls: Array  # (num_steps, num_envs, nv) likewise
    excluded: frozenset[str]


def _compare(pair: WorldPair) -> list[Quantity]:
    """Return what differs between the shifted worlds and their reference."""
    runs = _run_reference(pair)
    if runs is None:
        return []
    shifted, expected = runs.shifted, runs.expected
    sound = shifted.sound & expected.sound
    if not sound.any():
        return []
    model, task = core(pair.nominal).physics.model, core(pair.nominal).task
    joints, bodies = object_names(model, "joint"), object_names(model, "body")
    alike = np.logical_and.accumulate(~differs(shifted.state, expected.state).any(axis=2) & sound)  # up to each moment
    states = _positions(model.nq, model.nv)
    checks: list[tuple[str, Array, Array, Mask, tuple[str, ...]]] = [
        ("the start", shifted.state[:1], expected.state[:1], sound[None], states),
    ]
    commanded = np.broadcast_to(sound, shifted.reward.shape)
    if "action" not in runs.excluded:
        names = core(pair.nominal).physics.action_names
        checks.append(("command", shifted.ctrl, runs.commands, commanded, names))
        commanded = commanded & ~differs(shifted.ctrl, runs.commands).any(axis=2)
    if "body" not in runs.excluded:
        axes = tuple(f"{body}.{axis}" for body in bodies for axis in _AXES)
        forces, own = (x.reshape(*x.shape[:2], -1) for x in (shifted.forces, runs.forces))
        checks.append(("force", forces, own, np.broadcast_to(sound, shifted.reward.shape), axes))
    pulled = tuple(f"{joints[model.dof_jntid[i]]}" for i in range(model.nv))
    checks.append(("joint force", shifted.pulls, runs.pulls, np.broadcast_to(sound, shifted.reward.shape), pulled))
    checks.append(("motion", shifted.state[1:], expected.state[1:], alike[:-1], states))
    both = alike[:-1] & alike[1:]
    if "observation" not in runs.excluded:
        checks.append(("observation", shifted.obs, expected.obs, alike, task.observation_names))
    charged = both & commanded
    checks.append(("reward", shifted.reward[:, :, None], expected.reward[:, :, None], charged, ("",)))
    found = [explain_difference(name, x, y, _spread(judged, x), names) for name, x, y, judged, names in checks]
    return [quantity for quantity in (*found, _ends(shifted, expected, both)) if quantity is not None]


def _ends(shifted: Recording, expected: Recording, judged: Mask) -> Quantity | None:
    """Return in how many of the steps `judged` (num_steps, num_envs) only one of both says that the episode ends."""
    share = float(differs(shifted.ended, expected.ended)[judged].mean()) if judged.any() else 0.0
    how = "the share of steps after which the task says otherwise whether it is over"
    return Quantity("undeclared change of the end", 0.0, 0.0, share, 1e-12, how, NOT_NAMED) if share else None


_AXES = ("force_x", "force_y", "force_z", "torque_x", "torque_y", "torque_z")


def _spread(judged: Mask, signal: Array) -> Mask:
    """Return which worlds count in each step, (num_steps, num_envs), for every entry of a signal."""
    return np.broadcast_to(judged[:, :, None], signal.shape)


def _positions(nq: int, nv: int) -> tuple[str, ...]:
    return tuple(f"qpos.{i}" for i in range(nq)) + tuple(f"qvel.{i}" for i in range(nv))


def _draws_the_same(pair: WorldPair) -> bool:
    """Return whether the reference can draw the very same numbers and noise as the shifted worlds.

    Where these are built from their domain anyway, only if it cannot follow them: else both would do the same wrong.
    """
    plain = type(pair.nominal) is DomainVectorEnv
    fits = pair.make_part is None or pair.expectation.has("control_jitter")
    return plain and fits and core(pair.shifted).domain.entries == pair.expectation.domain.entries


def _beside(pair: WorldPair, domain: Domain) -> DomainVectorEnv:
    """Return worlds of the nominal task in this domain, as many as the shifted ones."""
    source = core(pair.make_nominal(core(pair.shifted).num_envs, pair.seed))
    return DomainVectorEnv(
        source.task,
        domain,
        num_envs=source.num_envs,
        seed=pair.seed,
        max_episode_steps=None,
        autoreset_mode=AutoresetMode.DISABLED,
    )


def _run_reference(pair: WorldPair) -> _ReferenceRuns | None:
    """Run the reference worlds beside the shifted ones; None if there can be none."""
    domain, worlds = pair.expectation.domain, core(pair.shifted)
    channels = frozenset(way for way in map(_way, pair.expectation.names) if way)
    env: AnyEnv | None
    if _draws_the_same(pair):
        env, channels = _beside(pair, worlds.domain), frozenset()
    elif pair.expectation.has("control_jitter") or (pair.moving_fields and worlds.domain.entries != domain.entries):
        return None  # how long a step lasted, or when a number was moved by others, nobody knows
    elif worlds.domain.fidelity == core(pair.nominal).domain.fidelity:
        env = pair.nominal  # nobody looks at its worlds any more, but for the copy of their model
    elif type(pair.nominal) is DomainVectorEnv:
        env = _beside(pair, Domain((), worlds.domain.fidelity))
    else:
        return None
    shifted, inner = pair.free, {_way(entry.parameter) for entry in worlds.domain.entries}
    if not _draws_the_same(pair):
        pair.shifted.reset(seed=pair.seed)  # profiles have moved the model
        _copy_model(pair, env)
    wrapped = "action" in channels and "action" not in inner  # what lies before the worlds is their action
    given = shifted.ctrl.astype(np.float32) if wrapped else pair.random_actions
    with _led(env, shifted) as own:
        expected = record(env, given[:_NUM_STEPS], pair.seed)
    if env is not pair.nominal:
        env.close()
    shifted = _first(shifted, _NUM_STEPS)
    ctrl, forces, pulls = (np.stack(own[name]) for name in ("ctrl", "forces", "pulls"))
    return _ReferenceRuns(shifted, expected, ctrl, forces, pulls, channels)


def _first(recording: Recording, num_steps: int) -> Recording:
    """Return the first steps of a recording."""
    moments = {name: getattr(recording, name)[: num_steps + 1] for name in ("truth", "obs", "state", "time")}
    steps = ("actions", "ctrl", "forces", "pulls", "reward", "ended")
    return replace(recording, **moments, **{name: getattr(recording, name)[:num_steps] for name in steps})


def _way(name: str) -> str:
    """Return what a channel's parameter acts on, `action`, `observation` or `body`; '' for one of the physics."""
    row = PARAMETERS[name]
    if not isinstance(row, ChannelParameter):
        return ""
    first = name.partition("_")[0]
    return first if first in ("action", "observation") else "body"


def _copy_model(pair: WorldPair, env: AnyEnv) -> None:
    """Give the worlds of `env` all the model's numbers that differ in the shifted ones."""
    shifted, own = core(pair.shifted).physics, core(env).physics
    entries = pair.expectation.domain.entries
    several = any(e.one_of or isinstance(PARAMETERS[e.parameter], MorphologyParameter) for e in entries)
    models = [shifted.world(i)[0] for i in range(shifted.num_envs)] if several else pair.shifted_models
    differing = {field for model in models for field in differing_fields(model, pair.nominal_model)}
    fields = sorted(differing & set(batch.MODEL_FIELDS))
    for field in fields:
        own.expand(field)[:] = shifted.expand(field)
    own.set_const(np.arange(own.num_envs), fields)


@contextmanager
def _led(env: AnyEnv, leader: Recording) -> Iterator[dict[str, list[Array]]]:
    """Let the worlds of `env` take every step with the leader's commands, forces and moving numbers of the model.

    Yields what they would have had themselves: `ctrl`, `forces` and `pulls` of each step so far.
    """
    physics = core(env).physics
    step, everyone = physics.step, np.arange(physics.num_envs)
    forces, pulls = physics.bind("xfrc_applied"), physics.bind("qfrc_applied")
    own: dict[str, list[Array]] = {"ctrl": [], "forces": [], "pulls": []}

    def step_along(ctrl: NDArray[np.floating], active: Mask | None = None) -> Mask:
        """Note the worlds' own commands and forces, and step with the leader's."""
        index = len(own["ctrl"])
        for name, values in (("ctrl", ctrl), ("forces", forces), ("pulls", pulls)):
            own[name].append(np.array(values, np.float64))
        led = leader.ctrl[index]
        forces[:], pulls[:] = leader.forces[index], leader.pulls[index]
        for field, values in leader.moving.items():
            physics.expand(field)[:] = values[index]
        if leader.moving:
            physics.set_const(everyone, list(leader.moving))
        fault = step(ctrl if np.array_equal(ctrl, led) else led, active)
        forces[:], pulls[:] = own["forces"][-1], own["pulls"][-1]
        return fault

    physics.step = step_along  # type: ignore[method-assign]
    try:
        yield own
    finally:
        physics.step = step  # type: ignore[method-assign]
