"""Variants: the compiled models of worlds whose robots are built differently."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..domain.domain import Domain, Entry
from ..domain.selection import require_possible
from ..errors import EnvsError
from ..physics.fields.parameters import PARAMETERS
from ..physics.nominal import Nominal
from ..physics.parameter import MorphologyParameter
from ..physics.physics import EXPANDABLE, Physics
from .placement import forget_total_mass, settle
from .world_writer import WorldWriter, field_of

__all__ = ["DIGITS", "Variants", "is_morphology"]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]
Key = tuple[float, ...]

DIGITS = 2  # compiling takes milliseconds, so numbers are rounded to hundredths when drawn, and models are kept
_MOST = 512
# What mj_setConst computes from the rest follows by itself, and for the tree of bounding volumes that worlds share.
_DERIVED = frozenset(mujoco.MjModel._setconst_outputs) - frozenset(mujoco.MjModel._setconst_inputs)
_WRITTEN = tuple(field for field in EXPANDABLE if field not in _DERIVED)


def is_morphology(entry: Entry) -> bool:
    """Return whether the entry changes how the robot is built."""
    return isinstance(PARAMETERS[entry.parameter], MorphologyParameter)


class Variants:
    """One WorldWriter for every build that worlds have drawn; without such entries there is one build."""

    def __init__(self, domain: Domain, selected: list[Ids], physics: Physics, nominal: Nominal) -> None:
        """Prepare for a domain.

        Raises:
            EnvsError: when a robot's build is to change within an episode, cannot change at all or by so little, or
                when one of its extreme builds does not compile.
        """
        for entry in filter(is_morphology, domain.entries):
            _require_build(entry, physics)
        self._domain, self._selected, self._physics, self._nominal = domain, selected, physics, nominal
        self.standard = WorldWriter(domain, selected, physics, nominal)
        self._places = [
            (e.parameter, PARAMETERS[e.parameter].objects(nominal)[i], self.standard.slices[e.parameter].start + i)
            for e, chosen in zip(domain.entries, selected, strict=True)
            if is_morphology(e)
            for i in chosen.tolist()
        ]
        self._columns = [column for column, entry in enumerate(domain.entries) if is_morphology(entry)]
        self._models: dict[Key, mujoco.MjModel] = {}  # compiled, but no world's yet
        self._writers: OrderedDict[Key, WorldWriter] = OrderedDict()
        self._fields: set[str] = set()  # that differ in any build so far
        self._compile_ends()

    def rounded(self, numbers: Array) -> Array:
        """Round those of the drawn `numbers` (k, num_parameters) that say how robots are built, in place."""
        if self._columns:
            numbers[:, self._columns] = np.round(numbers[:, self._columns], DIGITS)
        return numbers

    def _compile_ends(self) -> None:
        """Compile every entry's least and greatest build, so that what is impossible is said before a world is one."""
        start = 0
        for entry, chosen in zip(self._domain.entries, self._selected, strict=True):
            if not is_morphology(entry):
                continue
            stop = start + len(chosen)
            for number in dict.fromkeys(np.round(entry.support(), DIGITS).tolist()):
                key = [1.0] * len(self._places)
                key[start:stop] = self._key(entry.effective(np.ones(stop - start), np.array([number])))[0].tolist()
                try:
                    self._models[tuple(key)] = self._compile(tuple(key))
                    self._require_possible(self._models[tuple(key)])
                except EnvsError as error:
                    raise EnvsError(f"{entry.name}: {entry.operation} {number:g}: {error}") from None
            start = stop

    def _require_possible(self, model: mujoco.MjModel) -> None:
        """Raise EnvsError where the other entries can make something impossible of this build, such as no mass."""
        nominal = Nominal(model, self._nominal.observation_names, self._nominal.action_names)
        for entry, chosen in zip(self._domain.entries, self._selected, strict=True):
            if not is_morphology(entry):
                parameter = PARAMETERS[entry.parameter]
                names = [parameter.objects(nominal)[i] for i in chosen.tolist()]
                require_possible(entry, parameter.default(nominal)[chosen], names)

    @staticmethod
    def _key(values: Array) -> Array:
        return np.round(values, DIGITS)  # again: 1 + 0.07 is not 1.07

    def group(self, values: Array) -> list[tuple[WorldWriter, Ids]]:
        """Return the writers for rows of effective `values` (k, num_objects), each with its rows (n,)."""
        if not self._places:
            return [(self.standard, np.arange(len(values)))]
        rounded = self._key(values[:, [place for *_, place in self._places]])
        keys, rows = np.unique(rounded, axis=0, return_inverse=True)
        return [(self._writer(tuple(key)), np.flatnonzero(rows.ravel() == i)) for i, key in enumerate(keys.tolist())]

    def _writer(self, key: Key) -> WorldWriter:
        if key not in self._writers:
            model = self._models.pop(key, None) or self._compile(key)
            self._require_possible(model)
            self._fields |= _differing(model, self._nominal.model)
            nominal = Nominal(model, self._nominal.observation_names, self._nominal.action_names)
            self._writers[key] = WorldWriter(self._domain, self._selected, self._physics, nominal)
            if len(self._writers) > _MOST:
                self._writers.popitem(last=False)
        self._writers.move_to_end(key)
        self._writers[key].include_fields(self._fields)
        return self._writers[key]

    def _compile(self, key: Key) -> mujoco.MjModel:
        """Return the model of this build, standing on its feet; the nominal one where nothing changes.

        Raises:
            EnvsError: when MuJoCo cannot compile it.
        """
        changes: dict[str, dict[str, float]] = {}
        for (parameter, name, _), value in zip(self._places, key, strict=True):
            if value != 1.0:
                changes.setdefault(parameter, {})[name] = value
        if not changes:
            return self._nominal.model

        def edit(spec: mujoco.MjSpec) -> None:
            for parameter, values in changes.items():
                PARAMETERS[parameter].edit(spec, values)  # type: ignore[union-attr]

        def edit_alone(spec: mujoco.MjSpec) -> None:
            edit(spec)
            forget_total_mass(spec)

        def edit_and_settle(spec: mujoco.MjSpec) -> None:
            edit(spec)
            settle(spec, self._before, after)

        try:
            after = self._physics.variant(edit_alone)
            return self._physics.variant(edit_and_settle)
        except EnvsError:
            raise
        except (ValueError, mujoco.FatalError) as error:
            built = "; ".join(f"{p} of {', '.join(v)}" for p, v in changes.items())
            reason = ", ".join(str(error).removeprefix("Error: ").strip().splitlines())
            raise EnvsError(f"MuJoCo cannot compile the robot with this {built}: {reason}") from error

    @cached_property
    def _before(self) -> mujoco.MjModel:
        return self._physics.variant(forget_total_mass)


def _require_build(entry: Entry, physics: Physics) -> None:
    if not physics.compiles:
        raise EnvsError(f"{entry.name}: compiles the model anew, but a gym: environment brings its own")
    if entry.in_time is not None:
        raise EnvsError(f"{entry.name}: in_time {entry.in_time.describe()}: a build stays for the episode")
    nominal = 0.0 if entry.operation == "add" else 1.0  # all defaults are 1
    ends = np.array(entry.support())
    if (ends != nominal).any() and (np.round(ends, DIGITS) == nominal).all():
        raise EnvsError(
            f"{entry.name}: {entry.operation} {entry.distribution.describe()} changes nothing, as builds go in steps "
            f"of {10.0**-DIGITS:g}; must reach {nominal - 10.0**-DIGITS:g} or {nominal + 10.0**-DIGITS:g}"
        )


def _differing(model: mujoco.MjModel, nominal: mujoco.MjModel) -> set[str]:
    return {f for f in _WRITTEN if not np.array_equal(field_of(model, f), field_of(nominal, f))}
