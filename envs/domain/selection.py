"""Selection: which objects of the robot the entries of a domain act on, and whether they may."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from ..errors import EnvsError
from ..physics.fields.parameters import PARAMETERS
from ..physics.nominal import GROUPS, Nominal
from ..physics.parameter import ExplainsIdle
from .domain import Domain, Entry

__all__ = ["matching", "require_possible", "select_objects"]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]
_MOST_REASONS = 3  # of objects that a pattern matches though they never act


def select_objects(domain: Domain, nominal: Nominal) -> list[Ids]:
    """Return for every entry the indices (n,) of its objects among the parameter's `objects(nominal)`.

    Raises:
        EnvsError: when a selector matches nothing, entries overlap, or a value is impossible.
    """
    taken: dict[tuple[str, int], str] = {}
    selected = []
    for entry in domain.entries:
        chosen = _select(entry, nominal)
        default = PARAMETERS[entry.parameter].default(nominal)[chosen]
        _require_effect(entry, default)
        require_possible(entry, default, [PARAMETERS[entry.parameter].objects(nominal)[i] for i in chosen])
        for index in chosen.tolist():
            if other := taken.get((entry.parameter, index)):
                name = PARAMETERS[entry.parameter].objects(nominal)[index]
                raise EnvsError(f"{entry.name}: {name!r} is already set by {other}")
            taken[entry.parameter, index] = entry.name
        selected.append(chosen)
    return selected


def _select(entry: Entry, nominal: Nominal) -> Ids:
    """Return the indices (n,) of the objects that the entry selects, each pattern matching at least one that acts."""
    objects = PARAMETERS[entry.parameter].objects(nominal)
    idle = _idle(entry.parameter, nominal)
    chosen: set[int] = set()
    for pattern in entry.select:
        matches = [i for i in matching(pattern, objects, nominal) if objects[i] not in idle]
        if not matches:
            acting = [name for name in objects if name not in idle]
            valid = (*acting, *(group for group in GROUPS if matching(group, acting, nominal)))
            named = list(idle)
            why = "".join(f"; {named[i]}: {idle[named[i]]}" for i in matching(pattern, named, nominal)[:_MOST_REASONS])
            raise EnvsError(f"{entry.name}: {pattern!r} matches nothing; valid: {', '.join(valid) or 'none'}{why}")
        chosen.update(matches)
    return np.array(sorted(chosen), np.intp)


def _idle(parameter: str, nominal: Nominal) -> dict[str, str]:
    """Return why objects never act on what the robot does: object -> reason, those that no selector chooses."""
    row = PARAMETERS[parameter]
    return row.idle(nominal) if isinstance(row, ExplainsIdle) else {}


def matching(pattern: str, objects: Sequence[str], nominal: Nominal) -> list[int]:
    """Return the indices of the `objects` that a group, a name or a glob pattern stands for.

    A name that is there is meant as it stands, even where it reads as a pattern, such as `box[0]`; the members of a
    group are names.
    """
    if pattern in GROUPS:
        members = set(GROUPS[pattern](nominal))
        return [i for i, name in enumerate(objects) if name in members]
    return [i for i, name in enumerate(objects) if name == pattern or fnmatchcase(name, pattern)]


def _require_effect(entry: Entry, default: Array) -> None:
    """Raise unless the distribution is bounded and its operation can change one of the defaults (n,)."""
    number = f"{entry.name}: {entry.operation} {entry.distribution.describe()}"
    ends = entry.support()
    if not np.isfinite(ends).all():
        raise EnvsError(f"{number} is unbounded; must have ends, e.g. {{normal: [mean, sd, low, high]}}")
    if entry.operation == "scale" and ends != (1.0, 1.0) and not default.any():
        raise EnvsError(f"{number} changes nothing, as the default is 0; valid: set, add")
    starts = entry.distribution.support()
    if entry.in_time is not None and not entry.in_time.moves(*starts):
        raise EnvsError(
            f"{number} never moves with in_time {entry.in_time.describe()}: its limit lies behind every start, "
            f"{starts[0]:g}..{starts[1]:g}; must have one that the rate leads to"
        )


def require_possible(entry: Entry, default: Array, objects: list[str]) -> None:
    """Raise EnvsError unless every value that the entry can make of the defaults (n,) of its objects keeps the rule."""
    rule = PARAMETERS[entry.parameter].rule
    ends = entry.effective(default, np.array(entry.support()))  # (2, n)
    for low, high, name in zip(ends.min(axis=0), ends.max(axis=0), objects, strict=True):
        if not rule.admits(float(low), float(high)):
            raise EnvsError(
                f"{entry.name}: {entry.operation} {_number(entry)} would make {name!r} range over {low:g}..{high:g}; "
                f"must be {rule}"
            )


def _number(entry: Entry) -> str:
    return entry.distribution.describe() + (f" with {entry.in_time.describe()}" if entry.in_time else "")
