"""Expectation: the values that a domain asks for, worked out apart from everything that writes or reads them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...domain.distributions import Constant
from ...domain.domain import Domain, Entry
from ...domain.profiles import Profile
from ...domain.selection import select_objects
from ...errors import EnvsError
from ...physics.fields.parameters import PARAMETERS
from ...physics.nominal import Nominal
from ...vector.vector_env import DomainVectorEnv

__all__ = ["Expectation"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Expectation:
    """What every object of every parameter of a domain should be, in every world.

    Attributes:
        domain: what was asked for.
        nominal: where defaults come from.
        names: parameters the domain changes, in the order of PARAMETERS.
        drawn: whether the worlds have drawn the domain's numbers themselves.
        distance: (num_envs,) how far profiles have moved the numbers of each world.
    """

    def __init__(self, domain: Domain, nominal: Nominal, worlds: DomainVectorEnv, num_steps: int = 0) -> None:
        """Take the numbers that `worlds` have drawn; a domain that is not theirs must be fixed.

        Args:
            domain: what was asked for.
            nominal: where defaults come from.
            worlds: as they are after `num_steps` control steps.
            num_steps: of the episode, in which profiles have moved their numbers.

        Raises:
            EnvsError: when a number is neither fixed nor drawn.
        """
        self.domain, self.nominal, self._num = domain, nominal, worlds.num_envs
        self.names = tuple(name for name in PARAMETERS if any(e.parameter == name for e in domain.entries))
        selected = select_objects(domain, nominal)
        self.drawn = worlds.domain == domain
        self._starts = self._drawn(worlds)
        numbers, picked = self._moved(worlds, num_steps), self._picks(worlds)
        self.distance: Array = np.abs(numbers - self._starts).sum(axis=1)
        self._values = {name: self._tiled(PARAMETERS[name].default(nominal)) for name in self.names}
        self._named = {name: np.zeros(len(PARAMETERS[name].objects(nominal)), np.bool_) for name in self.names}
        for column, (entry, chosen) in enumerate(zip(domain.entries, selected, strict=True)):
            values = entry.effective(PARAMETERS[entry.parameter].default(nominal)[chosen], numbers[:, column])
            applies = np.ones(values.shape, np.bool_)
            if entry.one_of:
                applies = np.arange(len(chosen)) == next(picked)[:, None]
            part = self._values[entry.parameter]
            part[:, chosen] = np.where(applies, values, part[:, chosen])
            self._named[entry.parameter][chosen] = True

    def _moved(self, worlds: DomainVectorEnv, num_steps: int) -> Array:
        """Return the number of every entry in every world now, (num_envs, num_parameters).

        What a profile makes of one follows from where it started; where a walk is, only the worlds know, and of others'
        worlds nobody: NaN.
        """
        numbers = self._starts.copy()
        for column, entry in enumerate(self.domain.entries if num_steps else ()):
            if entry.in_time is None:
                continue
            start, elapsed = self._starts[:, column], np.full(self._num, num_steps - 1)  # when the last step began
            if entry.in_time.random:
                numbers[:, column] = worlds.worlds.numbers[:, column] if self.drawn else np.nan
            else:
                numbers[:, column] = entry.in_time.number(start, start, elapsed, np.zeros(self._num))
        return numbers

    def _drawn(self, worlds: DomainVectorEnv) -> Array:
        """Return what every entry's number is when the episode starts, (num_envs, num_parameters)."""
        if self.drawn:
            return worlds.worlds.drawn.copy()
        fixed = [e.distribution for e in self.domain.entries if isinstance(e.distribution, Constant) and not e.one_of]
        if len(fixed) < len(self.domain.entries):
            raise EnvsError("intended: the worlds have not drawn this domain's numbers, so each must be a fixed one")
        return self._tiled(np.array([distribution.value for distribution in fixed]))

    def _picks(self, worlds: DomainVectorEnv) -> Iterator[NDArray[np.intp]]:
        return iter(worlds.worlds.get_state()["picked"].T if self.drawn else ())

    def _tiled(self, row: Array) -> Array:
        return np.tile(np.asarray(row, np.float64), (self._num, 1))

    def has(self, name: str) -> bool:
        """Return whether the domain sets the parameter."""
        return name in self.names

    def moves(self, name: str) -> bool:
        """Return whether the parameter changes within the episode."""
        return any(e.in_time is not None for e in self.entries(name))

    def profiles(self, name: str) -> Iterator[tuple[Profile, Array]]:
        """Yield the profiles that move the parameter, and where their numbers start, (num_envs,)."""
        for entry, starts in zip(self.domain.entries, self._starts.T, strict=True):
            if entry.parameter == name and entry.in_time is not None:
                yield entry.in_time, starts

    def entries(self, name: str) -> tuple[Entry, ...]:
        """Return the domain's entries for a parameter."""
        return tuple(e for e in self.domain.entries if e.parameter == name)

    def objects(self, name: str) -> tuple[str, ...]:
        """Return the names of the parameter's objects, (n,)."""
        return PARAMETERS[name].objects(self.nominal)

    def values(self, name: str) -> Array:
        """Return the intended effective values, (num_envs, n); the defaults if the domain does not set them."""
        if name in self._values:
            return self._values[name]
        return self._tiled(PARAMETERS[name].default(self.nominal))

    def nominal_value(self, name: str) -> float:
        """Return the default of a parameter whose objects all have the same one, as those of channels."""
        return float(PARAMETERS[name].default(self.nominal)[0])

    def by_object(self, name: str) -> dict[str, Array]:
        """Return object name -> intended values (num_envs,); empty for a parameter that does not exist."""
        if name not in PARAMETERS:
            return {}
        return dict(zip(self.objects(name), self.values(name).T, strict=True))

    def largest(self, name: str) -> int:
        """Return the greatest intended value of a parameter that counts; 0 if the domain does not set it."""
        return int(self.values(name).max()) if self.has(name) else 0

    def named(self, name: str) -> Mask:
        """Return which of the parameter's objects the domain selects, (n,)."""
        if name in self._named:
            return self._named[name]
        return np.zeros(len(self.objects(name)), np.bool_)
