"""Worlds: the drawn parameter values of all worlds, and their way into the physics."""

from __future__ import annotations

from fnmatch import fnmatchcase

import mujoco
import numpy as np
from numpy.typing import NDArray

from .domain import Domain, Entry
from .errors import EnvsError
from .parameter import ChannelParameter, Writer
from .parameters import PARAMETERS
from .physics import Physics

__all__ = ["Worlds"]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]


class Worlds:
    """One set of parameter values per world.

    Attributes:
        names: names of the drawn numbers, (num_parameters,).
        drawn: (num_envs, num_parameters) the drawn numbers; NaN before the first draw.
    """

    def __init__(self, domain: Domain, physics: Physics) -> None:
        """Resolve the domain's selectors in the physics' model.

        Raises:
            EnvsError: when a selector matches nothing, entries overlap, or a value is impossible.
        """
        self.names = domain.names
        self.drawn: Array = np.full((physics.num_envs, len(self.names)), np.nan)
        self._domain, self._physics = domain, physics
        self._selected = [_select(entry, physics.model) for entry in domain.entries]
        self._columns: dict[str, list[int]] = {}  # parameter -> its entries
        for column, entry in enumerate(domain.entries):
            self._columns.setdefault(entry.parameter, []).append(column)
        self._defaults = {name: PARAMETERS[name].default(physics.model) for name in self._columns}
        for name, columns in self._columns.items():
            self._check(name, columns)
        self._effective = {name: np.tile(value, (physics.num_envs, 1)) for name, value in self._defaults.items()}
        self._writers = {name: _writer(name, physics) for name in self._columns}

    def _check(self, parameter: str, columns: list[int]) -> None:
        objects, default = PARAMETERS[parameter].objects(self._physics.model), self._defaults[parameter]
        rule = PARAMETERS[parameter].rule
        taken: dict[int, str] = {}
        for column in columns:
            entry = self._domain.entries[column]
            _require_effect(entry, default[self._selected[column]])
            for index in self._selected[column].tolist():
                if index in taken:
                    raise EnvsError(f"{entry.name}: {objects[index]!r} is already set by {taken[index]}")
                taken[index] = entry.name
                ends = entry.effective(default[[index]], np.array(entry.distribution.support()))
                if not rule.admits(float(ends.min()), float(ends.max())):
                    raise EnvsError(
                        f"{entry.name}: {entry.operation} {entry.distribution.describe()} would make "
                        f"{objects[index]!r} range over {ends.min():g}..{ends.max():g}; must be {rule}"
                    )

    def draw(self, ids: Ids, u: Array) -> None:
        """Draw the worlds `ids` (k,) anew from uniforms `u` (k, num_parameters) and write what changed."""
        values = self._domain.values(u)
        changed = (values != self.drawn[ids]).any(axis=1)
        self.drawn[ids] = values
        self.write(ids[changed])

    def write(self, ids: Ids) -> None:
        """Write the drawn values of the worlds `ids` (k,), from the defaults: repeating changes nothing."""
        if not len(ids) or not self.names:
            return
        for name, columns in self._columns.items():
            default, effective = self._defaults[name], self._effective[name]
            for column in columns:
                chosen, entry = self._selected[column], self._domain.entries[column]
                values = entry.effective(default[chosen], self.drawn[ids, column])
                if len(chosen) == len(default):
                    effective[ids] = values
                else:
                    effective[ids[:, None], chosen] = values
            self._writers[name](ids, effective[ids])
        self._physics.set_const(ids)

    def channel(self, name: str) -> Array:
        """Return a channel parameter's live effective values, (num_envs,); zeros if not in the domain."""
        if name in self._effective:
            return self._effective[name][:, 0]
        return np.zeros(self._physics.num_envs)

    def largest(self, name: str) -> float:
        """Return the largest value a channel parameter can take in this domain."""
        highs = [self._domain.entries[c].distribution.support()[1] for c in self._columns.get(name, [])]
        return max(highs, default=0.0)

    def read(self, name: str) -> dict[str, Array]:
        """Read a parameter back from where it acts: object name -> (num_envs,) effective values."""
        parameter = PARAMETERS[name]
        if isinstance(parameter, ChannelParameter):
            return {"*": self.channel(name).copy()}
        values = parameter.read(self._physics)
        return dict(zip(parameter.objects(self._physics.model), values.T.copy(), strict=True))


def _writer(name: str, physics: Physics) -> Writer:
    parameter = PARAMETERS[name]
    if isinstance(parameter, ChannelParameter):
        return lambda ids, values: None  # the channels read the effective values
    return parameter.writer(physics)


def _require_effect(entry: Entry, default: Array) -> None:
    """Raise unless the distribution is bounded and its operation can change one of the defaults (n,)."""
    number = f"{entry.name}: {entry.operation} {entry.distribution.describe()}"
    ends = entry.distribution.support()
    if not np.isfinite(ends).all():
        raise EnvsError(f"{number} is unbounded; must have ends, e.g. {{normal: [mean, sd, low, high]}}")
    if entry.operation == "scale" and ends != (1.0, 1.0) and not default.any():
        raise EnvsError(f"{number} changes nothing, as the default is 0; valid: set, add")


def _select(entry: Entry, model: mujoco.MjModel) -> Ids:
    """Return the indices (n,) of the objects that the entry selects, each pattern matching at least one."""
    objects = PARAMETERS[entry.parameter].objects(model)
    chosen: set[int] = set()
    for pattern in entry.select:
        matches = [i for i, name in enumerate(objects) if fnmatchcase(name, pattern)]
        if not matches:
            raise EnvsError(f"{entry.name}: {pattern!r} matches nothing; valid: {', '.join(objects) or 'none'}")
        chosen.update(matches)
    return np.array(sorted(chosen), np.intp)
