"""Worlds: the drawn parameter values of all worlds, and their way into the physics."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..domain.domain import Domain
from ..domain.selection import select_objects
from ..domain.streams import StepNoise
from ..physics.fields.parameters import PARAMETERS
from ..physics.nominal import Nominal
from ..physics.parameter import ChannelParameter, PhysicalParameter
from ..physics.physics import Physics
from .morphology import Variants
from .world_writer import physical_parameters

__all__ = ["Worlds"]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]
Mask = NDArray[np.bool_]
State = dict[str, NDArray[np.generic]]


class Worlds:
    """One set of parameter values per world.

    Attributes:
        nominal: what defaults come from.
        names: names of the drawn numbers, (num_parameters,).
        num_draws: uniform numbers that decide a world.
        drawn: (num_envs, num_parameters) the numbers drawn at the start of the episode; NaN before the first.
        numbers: (num_envs, num_parameters) those of now, which differ where a profile moves them.
    """

    def __init__(self, domain: Domain, physics: Physics, nominal: Nominal, noise: StepNoise) -> None:
        """Resolve the domain's selectors.

        Args:
            domain: where worlds are drawn from.
            physics: what is written to.
            nominal: what selectors choose from.
            noise: of the profiles.

        Raises:
            EnvsError: when a selector matches nothing, entries overlap, or a value is impossible.
        """
        self.nominal, self.names, self.num_draws = nominal, domain.names, domain.num_draws
        self.domain, self._physics, self._noise = domain, physics, noise
        num_envs = physics.num_envs
        self._selected = select_objects(domain, nominal)
        self._sizes = np.array([len(s) for s, e in zip(self._selected, domain.entries, strict=True) if e.one_of])
        self.drawn: Array = np.full((num_envs, len(self.names)), np.nan)
        self.numbers: Array = self.drawn.copy()
        self._picked: Ids = np.zeros((num_envs, len(self._sizes)), np.intp)
        self._variants = Variants(domain, self._selected, physics, nominal)
        self._channels = {
            name: np.tile(PARAMETERS[name].default(nominal), (num_envs, 1))
            for name in self._variants.standard.slices
            if isinstance(PARAMETERS[name], ChannelParameter)
        }
        self._timed = [(c, e.in_time) for c, e in enumerate(domain.entries) if e.in_time is not None]
        physical = physical_parameters(self._variants.standard.slices)
        self._moving = _sharing_fields({domain.entries[c].parameter for c, _ in self._timed}, physical)
        physics.moves({field for name in self._moving for field in physical[name].fields})

    def draw(self, ids: Ids, u: Array) -> None:
        """Draw the worlds `ids` (k,) anew from uniforms `u` (k, num_draws) and write what changed."""
        values = self._variants.rounded(self.domain.values(u))
        picked = np.minimum(u[:, len(self.names) :] * self._sizes, self._sizes - 1).astype(np.intp)
        changed = (values != self.numbers[ids]).any(axis=1) | (picked != self._picked[ids]).any(axis=1)
        self.drawn[ids], self.numbers[ids], self._picked[ids] = values, values, picked
        self._write(ids[changed])

    def advance(self, elapsed: NDArray[np.int64], active: Mask) -> None:
        """Move the numbers that have a profile on to the coming control step, and write them.

        Args:
            elapsed: (num_envs,) control steps done in each world's episode.
            active: (num_envs,) the worlds that will step.
        """
        if not self._timed:
            return
        random = sum(profile.random for _, profile in self._timed)
        noise = iter(self._noise.standard_normal(len(elapsed), random).T if random else ())
        zeros, before = np.zeros(len(elapsed)), self.numbers.copy()
        for column, profile in self._timed:
            rows = next(noise) if profile.random else zeros
            moved = profile.number(self.drawn[:, column], self.numbers[:, column], elapsed, rows)
            self.numbers[:, column] = np.where(active, moved, self.numbers[:, column])
        self._write(np.flatnonzero((self.numbers != before).any(axis=1)), timed_only=True)

    def rewrite(self) -> None:
        """Write all worlds that were ever drawn, from the defaults: repeating changes nothing."""
        self._write(np.flatnonzero(~np.isnan(self.numbers).any(axis=1)))

    def _write(self, ids: Ids, *, timed_only: bool = False) -> None:
        if not len(ids) or not self.names:
            return
        values = self._variants.standard.effective(self.numbers[ids], self._picked[ids])
        for name, live in self._channels.items():
            part = values[:, self._variants.standard.slices[name]]
            live[ids] = np.floor(part + 0.5) if PARAMETERS[name].rule.integer else part
        if timed_only and not self._moving:
            return
        for writer, rows in self._variants.group(values):
            own = values[rows]
            if writer is not self._variants.standard:  # its defaults are others
                own = writer.effective(self.numbers[ids[rows]], self._picked[ids[rows]])
            writer.write(ids[rows], own, self._moving if timed_only else None)

    def values(self, name: str) -> Array:
        """Return a channel parameter's live effective values, (num_envs, n); the ideal ones if not in the domain."""
        if name in self._channels:
            return self._channels[name]
        return np.tile(PARAMETERS[name].default(self.nominal), (self._physics.num_envs, 1))

    def support(self, name: str) -> tuple[float, float]:
        """Return the least and greatest value a channel parameter can take in this domain."""
        default = PARAMETERS[name].default(self.nominal)
        ends = [np.array([PARAMETERS[name].ideal])]  # type: ignore[union-attr]  # also where there is no such object
        for entry, chosen in zip(self.domain.entries, self._selected, strict=True):
            if entry.parameter == name:
                ends.extend(entry.effective(default[chosen], np.array(entry.support())))
        return float(min(e.min() for e in ends)), float(max(e.max() for e in ends))

    def read(self, name: str) -> dict[str, Array]:
        """Read a parameter back from where it acts: object name -> (num_envs,) effective values."""
        parameter = PARAMETERS[name]
        objects = parameter.objects(self.nominal)
        values = self.values(name) if isinstance(parameter, ChannelParameter) else parameter.read(self._physics)
        return dict(zip(objects, values.T.copy(), strict=True))

    def get_state(self) -> State:
        """Return the numbers of all worlds."""
        return {"drawn": self.drawn.copy(), "numbers": self.numbers.copy(), "picked": self._picked.copy()}

    def set_state(self, state: State) -> None:
        """Continue from what `get_state` returned."""
        self.drawn[:], self.numbers[:], self._picked[:] = state["drawn"], state["numbers"], state["picked"]
        self.rewrite()


def _sharing_fields(names: set[str], physical: Mapping[str, PhysicalParameter]) -> frozenset[str]:
    """Return the physical parameters in `names`, and all others that write a field one of them writes."""
    chosen = names & physical.keys()
    while True:
        fields = {field for name in chosen for field in physical[name].fields}
        more = {name for name, parameter in physical.items() if fields & set(parameter.fields)}
        if more <= chosen:
            return frozenset(chosen)
        chosen |= more
