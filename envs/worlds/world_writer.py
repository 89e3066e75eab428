"""WorldWriter: from drawn numbers to effective values, and from those into the fields of the physics."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..domain.domain import Domain
from ..physics.fields.parameters import PARAMETERS
from ..physics.nominal import Nominal
from ..physics.parameter import PhysicalParameter, Writer
from ..physics.physics import Physics

__all__ = ["WorldWriter", "physical_parameters"]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]


class WorldWriter:
    """Writes the worlds that run on one compiled model.

    The values of all objects of all parameters stand in one row, so that the operations of all entries are one
    expression: effective = factor * number + offset, with (factor, offset) = (1, 0) for `set`, (default, 0) for
    `scale`, (1, default) for `add` and (0, default) for an object nobody selected.
    """

    def __init__(self, domain: Domain, selected: list[Ids], physics: Physics, nominal: Nominal) -> None:
        """Prepare writing for worlds whose default values are the nominal's."""
        self._physics, self._nominal = physics, nominal
        self.slices: dict[str, slice] = {}
        defaults, stop = [], 0
        for name in (name for name in PARAMETERS if any(e.parameter == name for e in domain.entries)):
            defaults.append(PARAMETERS[name].default(nominal))
            self.slices[name], stop = slice(stop, stop + len(defaults[-1])), stop + len(defaults[-1])
        self._default: Array = np.concatenate(defaults) if defaults else np.zeros(0)
        self._factor, self._offset = np.zeros(stop), self._default.copy()
        self._column = np.zeros(stop, np.intp)
        self._choices: list[tuple[int, Ids]] = []  # (column, places) of entries that apply to one of their objects
        for column, (entry, chosen) in enumerate(zip(domain.entries, selected, strict=True)):
            places = self.slices[entry.parameter].start + chosen
            self._column[places] = column
            self._factor[places] = self._default[places] if entry.operation == "scale" else 1.0
            self._offset[places] = self._default[places] if entry.operation == "add" else 0.0
            if entry.one_of:
                self._choices.append((column, places))
        self._writers: dict[str, Writer] = {}
        self._base: dict[str, tuple[Array, Array]] = {}  # field -> live values of all worlds, the nominal's
        self._fields: dict[str, tuple[str, ...]] = {}  # of each parameter that is written
        for name, parameter in physical_parameters(self.slices).items():
            self.include_fields(parameter.fields)
            self._fields[name] = parameter.fields
            self._writers[name] = parameter.writer(physics, nominal)

    def include_fields(self, fields: Iterable[str]) -> None:
        """Restore these fields too, as worlds may come from another compiled model."""
        for field in fields:
            if field not in self._base:
                self._base[field] = self._physics.expand(field), field_of(self._nominal.model, field)

    def effective(self, numbers: Array, picked: Ids) -> Array:
        """Return the values of all objects, (k, num_objects).

        Args:
            numbers: (k, num_parameters) the numbers of the entries.
            picked: (k, num_choices) which of its objects each entry with `one_of` applies to.
        """
        if not numbers.shape[1]:
            return np.zeros((len(numbers), 0))
        values: Array = numbers[:, self._column] * self._factor + self._offset
        for (_, places), pick in zip(self._choices, picked.T, strict=True):
            others = np.arange(len(places)) != pick[:, None]
            values[:, places] = np.where(others, self._default[places], values[:, places])
        return values

    def write(self, ids: Ids, values: Array, only: Collection[str] | None = None) -> None:
        """Put effective `values` (k, num_objects) into the worlds `ids` (k,), from the nominal's fields.

        Args:
            ids: the worlds.
            values: as `effective` returns them.
            only: the parameters to write, with all that share a field with them; None for all.
        """
        names = self._writers if only is None else [name for name in self._writers if name in only]
        fields = self._base if only is None else dict.fromkeys(f for name in names for f in self._fields[name])
        for field in fields:
            live, base = self._base[field]
            live[ids] = base
        for name in names:
            self._writers[name](ids, values[:, self.slices[name]])
        self._physics.set_const(ids, fields)


def physical_parameters(names: Iterable[str]) -> dict[str, PhysicalParameter]:
    """Return those parameters that are written into the model's fields, by name."""
    return {name: p for name in names if isinstance(p := PARAMETERS[name], PhysicalParameter)}


def field_of(model: mujoco.MjModel, field: str) -> Array:
    """Return a copy of a model field, or of an option where it is called `opt.<name>`."""
    owner, name = (model.opt, field[4:]) if field.startswith("opt.") else (model, field)
    return np.array(getattr(owner, name))
