"""Check: nominal and shifted worlds side by side, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..domain.domain import Domain
from ..physics.fields.parameters import PARAMETERS
from ..physics.parameter import ChannelParameter
from .divergence import Visits, compute_divergence, visit
from .pairs.readings import differing_fields
from .pairs.verdict import Divergence, Quantity, ShiftCheck, Solvability, Verdict
from .pairs.world_pair import PartFactory, WorldPair, WorldsFactory, joint_ids
from .probes.table import read_back
from .solvability import Search, judge, search
from .undeclared import find_undeclared

__all__ = ["Reference", "check_worlds"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """What is worked out once of the nominal world, for all its shifts.

    Attributes:
        make: builds nominal worlds.
        seed: of everything random.
    """

    make: WorldsFactory
    seed: int = 0

    @cached_property
    def visits(self) -> Visits:
        """Return where random actions lead."""
        return visit(self.make, self.seed)

    @cached_property
    def search(self) -> Search:
        """Return how a search for a policy goes."""
        return search(self.make, self.visits, self.seed)


def check_worlds(
    make_nominal: WorldsFactory,
    make_shifted: WorldsFactory,
    *,
    shift: str = "shift",
    severity: float | None = None,
    intended: Domain | None = None,
    seed: int = 0,
    reference: Reference | None = None,
    make_part: PartFactory | None = None,
) -> ShiftCheck:
    """Check whether shifted worlds are what they are meant to be, differ from the nominal ones and can be solved.

    Args:
        make_nominal: (num_envs, seed) -> nominal worlds; wrappers around them are allowed.
        make_shifted: the same for shifted ones; the gate asks for both without a time limit of their own.
        shift: what to call it.
        severity: what to say of it.
        intended: the domain that the shifted worlds should come from; None: the one they say they do.
        seed: of everything random: the same seed gives the same answer.
        reference: of the nominal worlds, to be used again.
        make_part: (domain, num_envs, seed) -> shifted worlds of a part of the domain, so that channels which hide
            one another can be measured one by one.

    Raises:
        EnvsError: when the domain does not fit the worlds.
    """
    reference = reference or Reference(make_nominal, seed)
    pair = WorldPair.prepare(make_nominal, make_shifted, seed, intended, make_part)
    quantities = tuple(read_back(pair))
    extras = tuple(find_undeclared(pair)) if not any(q.wrong for q in quantities) else ()
    divergence = compute_divergence(make_nominal, make_shifted, reference.visits, pair, seed)
    solvability = judge(make_shifted, reference.visits, reference.search, pair, seed)
    verdict, message = _conclude(pair, reference, quantities, extras, divergence, solvability)
    pair.nominal.close()
    pair.shifted.close()
    return ShiftCheck(shift, severity, verdict, message, (*quantities, *extras), divergence, solvability)


def _conclude(
    pair: WorldPair,
    reference: Reference,
    quantities: tuple[Quantity, ...],
    extras: tuple[Quantity, ...],
    divergence: Divergence,
    solvability: Solvability,
) -> tuple[Verdict, str]:
    """Return the verdict, the first that applies, and why."""
    same = "" if not divergence.null else f"; {divergence.describe_steps()} never leads apart"
    if wrong := sorted((q for q in quantities if q.wrong), key=lambda q: -q.excess):
        rest = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        return Verdict.WRONG_QUANTITY, wrong[0].explain() + rest + _unreached(pair) + same
    if more := [q.explain() for q in extras if q.wrong]:
        if solvability.over_at_once:
            return Verdict.UNSOLVABLE, "; ".join((solvability.reason, *more))
        return Verdict.WRONG_QUANTITY, "; ".join(more)
    if divergence.null:
        return Verdict.NULL, f"changes nothing: {divergence.describe_steps()} never leads apart" + (
            _idle_limits(pair, reference) + _unreached(pair)
        )
    if not divergence.steps:
        return Verdict.UNSOLVABLE, "every world diverges in its first step"
    if solvability.known and not solvability.solvable:
        return Verdict.UNSOLVABLE, solvability.reason
    name, value = divergence.worst
    whole = "" if divergence.one_step else f", over {divergence.describe_steps()}"
    return Verdict.OK, f"{name} diverges most, by {value:.3g} of its one-step change{whole}"


def _unreached(pair: WorldPair) -> str:
    """Return a remark if a domain of the physics leaves the running model as it was."""
    expectation = pair.expectation
    changed = [
        name
        for name in expectation.names
        if not isinstance(PARAMETERS[name], ChannelParameter)
        and (
            expectation.values(name) != PARAMETERS[name].default(expectation.nominal)
        ).any()  # a profile may start there
    ]
    if changed and not differing_fields(pair.shifted_models[0], pair.nominal_model):
        return "; no number of the running model differs from the nominal one: the edit reaches no running world"
    return ""


def _idle_limits(pair: WorldPair, reference: Reference) -> str:
    """Return a remark on limits that were moved but met neither at their old nor at their new place."""
    if not pair.expectation.has("joint_range"):
        return ""
    nominal, shifted = pair.nominal_model, pair.shifted_models[0]
    idle = []
    for name, joint in joint_ids(nominal).items():
        at = nominal.jnt_qposadr[joint]
        met = np.array((reference.visits.lowest[at], reference.visits.highest[at]))
        before, after = nominal.jnt_range[joint], shifted.jnt_range[joint]
        inside = (np.array((1, -1)) * (met - (before, after)) > 0).all(axis=0)
        if (before != after).any() and inside[before != after].all():
            idle.append(
                f"{name} may move over {_range(after)} instead of {_range(before)}, but moves over {_range(met)}"
            )
    return f"; limits that never bind: {', '.join(idle)}" if idle else ""


def _range(ends: Array) -> str:
    return f"{ends[0]:.3g}..{ends[1]:.3g}"
