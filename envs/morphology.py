"""Variants: the compiled models of worlds whose robots are built differently."""

from __future__ import annotations

from collections import OrderedDict

import mujoco
import numpy as np
from numpy.typing import NDArray

from .domain import Domain, Entry
from .nominal import Nominal
from .parameters import PARAMETERS
from .physics import EXPANDABLE, Physics
from .world_writer import WorldWriter, field_of

__all__ = ["Variants", "is_morphology"]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]
Key = tuple[float, ...]

DIGITS = 2  # compiling takes milliseconds, so values are rounded to hundredths and models are kept
_MOST = 512


def is_morphology(entry: Entry) -> bool:
    """Return whether the entry changes how the robot is built."""
    return hasattr(PARAMETERS[entry.parameter], "edit")


class Variants:
    """One WorldWriter for every build that worlds have drawn; without such entries there is one build."""

    def __init__(self, domain: Domain, selected: list[Ids], physics: Physics, nominal: Nominal) -> None:
        """Prepare for a domain."""
        self._domain, self._selected, self._physics, self._nominal = domain, selected, physics, nominal
        self.standard = WorldWriter(domain, selected, physics, nominal)
        self._places = [
            (e.parameter, PARAMETERS[e.parameter].objects(nominal)[i], self.standard.slices[e.parameter].start + i)
            for e, chosen in zip(domain.entries, selected, strict=True)
            if is_morphology(e)
            for i in chosen.tolist()
        ]
        self._writers: OrderedDict[Key, WorldWriter] = OrderedDict()
        self._fields: set[str] = set()  # that differ in any build so far

    def group(self, values: Array) -> list[tuple[WorldWriter, Ids]]:
        """Return the writers for rows of effective `values` (k, num_objects), each with its rows (n,)."""
        if not self._places:
            return [(self.standard, np.arange(len(values)))]
        rounded = np.round(values[:, [place for *_, place in self._places]], DIGITS)
        keys, rows = np.unique(rounded, axis=0, return_inverse=True)
        return [(self._writer(tuple(key)), np.flatnonzero(rows.ravel() == i)) for i, key in enumerate(keys.tolist())]

    def _writer(self, key: Key) -> WorldWriter:
        if key not in self._writers:
            model = self._physics.variant(lambda spec: self._edit(spec, key))
            self._fields |= _differing(model, self._nominal.model)
            nominal = Nominal(model, self._nominal.observation_names, self._nominal.action_names)
            self._writers[key] = WorldWriter(self._domain, self._selected, self._physics, nominal)
            if len(self._writers) > _MOST:
                self._writers.popitem(last=False)
        self._writers.move_to_end(key)
        self._writers[key].include_fields(self._fields)
        return self._writers[key]

    def _edit(self, spec: mujoco.MjSpec, key: Key) -> None:
        changes: dict[str, dict[str, float]] = {}
        for (parameter, name, _), value in zip(self._places, key, strict=True):
            if value != 1.0:
                changes.setdefault(parameter, {})[name] = value
        for parameter, values in changes.items():
            PARAMETERS[parameter].edit(spec, values)  # type: ignore[union-attr]


def _differing(model: mujoco.MjModel, nominal: mujoco.MjModel) -> set[str]:
    return {f for f in EXPANDABLE if not np.array_equal(field_of(model, f), field_of(nominal, f))}
