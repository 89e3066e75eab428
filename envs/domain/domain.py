"""Domain: a distribution of worlds. A fixed world is the case in which every distribution is Constant.

In YAML:

    fidelity: cheap
    parameters:
      body_mass: {scale: {uniform: [0.7, 1.3]}}
      dof_damping:
        - {select: thigh_joint, scale: 2.0}
        - {select: "*foot*", add: {uniform: [0.0, 0.5]}}
      actuator_strength: {one_of: "*", scale: 0.5}           # one motor, another one every episode
      gravity: {scale: 1.0, in_time: {cycle: [0.1, 200]}}    # moves within the episode
      action_delay: {set: {choice: [0, 1, 2]}}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import EnvsError, unknown_name
from ..physics.fidelity import NOMINAL, Fidelity
from ..physics.fields.parameters import PARAMETERS
from .distributions import Constant, Distribution, Uniform, parse_distribution
from .profiles import Profile, parse_profile

__all__ = ["OPERATIONS", "Domain", "Entry"]

Array = NDArray[np.float64]
OPERATIONS = ("set", "scale", "add")
_BESIDE_OPERATION = ("select", "one_of", "in_time")


@dataclass(frozen=True)
class Entry:
    """One parameter of some objects: an operation on their defaults, and the distribution of its number.

    Attributes:
        parameter: a name in PARAMETERS.
        operation: `set` (the number is the value), `scale` (times the default) or `add` (plus the default).
        distribution: of the number, drawn once per world and episode for all selected objects.
        select: names or glob patterns of bodies, geoms, joints, actuators or observation entries, or a group such
            as `@base`.
        one_of: whether it applies to one of them only, drawn per world and episode.
        in_time: how the number moves within the episode; None: it stays.
    """

    parameter: str
    operation: str
    distribution: Distribution
    select: tuple[str, ...] = ("*",)
    one_of: bool = False
    in_time: Profile | None = None

    @property
    def name(self) -> str:
        """Return the name the drawn number is reported under: the parameter and, if given, its selection."""
        objects = ("one of " if self.one_of else "") + ",".join(self.select)
        return self.parameter if objects == "*" else f"{self.parameter}[{objects}]"

    def support(self) -> tuple[float, float]:
        """Return the least and the greatest number that can occur within an episode."""
        low, high = self.distribution.support()
        return self.in_time.support(low, high) if self.in_time else (low, high)

    def effective(self, default: Array, number: Array) -> Array:
        """Apply the operation: `default` (n,), `number` (k,); return (k, n)."""
        column = number[:, None]
        if self.operation == "set":
            return np.broadcast_to(column, (len(number), len(default)))
        return default * column if self.operation == "scale" else default + column


@dataclass(frozen=True)
class Domain:
    """A distribution of worlds: entries, and the fidelity all its worlds are simulated at."""

    entries: tuple[Entry, ...] = ()
    fidelity: Fidelity = NOMINAL

    @staticmethod
    def parse(mapping: Mapping[str, Any], cheap: Fidelity = NOMINAL) -> Domain:
        """Read a domain from a mapping with the keys `fidelity` and `parameters`, both optional.

        Args:
            mapping: as in the module's docstring.
            cheap: what `fidelity: cheap` stands for; each task names its own.

        Raises:
            EnvsError: for an unknown key, parameter, operation or distribution, naming the valid ones.
        """
        for key in mapping:
            if key not in ("fidelity", "parameters"):
                raise unknown_name("key in domain", key, ("fidelity", "parameters"))
        fidelity = Fidelity.parse(mapping.get("fidelity", "nominal"), cheap)
        parameters = {} if mapping.get("parameters") is None else mapping["parameters"]
        if not isinstance(parameters, Mapping):
            raise EnvsError(f"parameters: expected a mapping from parameter to operation, got {parameters!r}")
        entries = []
        for name, value in parameters.items():
            if name not in PARAMETERS:
                raise unknown_name("parameter", name, PARAMETERS)
            several = isinstance(value, list)
            if several and not value:
                raise EnvsError(f"parameters.{name}: an empty list; give an operation, or leave the parameter out")
            for index, item in enumerate(value if several else [value]):
                entries.append(_parse_entry(name, item, f"parameters.{name}" + (f"[{index}]" if several else "")))
        names = [e.name for e in entries]
        if duplicate := next((n for n in names if names.count(n) > 1), None):
            raise EnvsError(f"parameters.{duplicate}: given twice; each selection of a parameter may stand once")
        return Domain(tuple(entries), fidelity)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the drawn numbers, (num_parameters,)."""
        return tuple(e.name for e in self.entries)

    @property
    def random_columns(self) -> tuple[int, ...]:
        """Return the positions in `names` of the numbers that differ from world to world, in their order."""
        supports = [e.distribution.support() for e in self.entries]
        return tuple(column for column, (low, high) in enumerate(supports) if low < high)

    @property
    def random_names(self) -> tuple[str, ...]:
        """Return the names of the numbers that differ from world to world: what distinguishes worlds."""
        return tuple(self.names[column] for column in self.random_columns)

    @property
    def num_draws(self) -> int:
        """Return how many uniform numbers decide a world: one an entry, and one for each that chooses an object."""
        return len(self.entries) + sum(e.one_of for e in self.entries)

    def values(self, u: Array) -> Array:
        """Turn uniform numbers (num, at least num_parameters) into drawn values (num, num_parameters)."""
        low, high, others = self._uniform
        values: Array = np.minimum(low + u[:, : len(low)] * (high - low), high)  # rounding may overshoot
        for column in others:
            values[:, column] = self.entries[column].distribution.ppf(u[:, column])
        return values

    @cached_property
    def _uniform(self) -> tuple[Array, Array, list[int]]:
        """The ends of all entries, exact for those that are uniform, and the columns of the others.

        A world is drawn at every restart: one expression for all uniform entries is what makes that cheap.
        """
        uniform = [isinstance(e.distribution, Uniform) for e in self.entries]
        ends = [e.distribution.support() if u else (0.0, 0.0) for e, u in zip(self.entries, uniform, strict=True)]
        low, high = np.array(ends).reshape(-1, 2).T
        return low, high, [column for column, u in enumerate(uniform) if not u]

    def sample(self, rng: np.random.Generator, num: int) -> Array:
        """Draw `num` worlds; return (num, num_parameters)."""
        return self.values(rng.random((num, len(self.entries))))

    def describe(self) -> list[dict[str, str]]:
        """Return one row per entry: parameter, objects, operation, distribution, unit of its value."""
        return [
            {
                "parameter": e.parameter,
                "objects": ("one of " if e.one_of else "") + ", ".join(e.select),
                "operation": e.operation,
                "distribution": e.distribution.describe() + (f", {e.in_time.describe()}" if e.in_time else ""),
                "unit": PARAMETERS[e.parameter].unit,
            }
            for e in self.entries
        ]

    def to_mapping(self) -> dict[str, Any]:
        """Return what `parse` reads back, the fidelity spelled out."""
        parameters: dict[str, list[dict[str, Any]]] = {}
        for e in self.entries:
            key = "one_of" if e.one_of else "select"
            select = {} if e.select == ("*",) and not e.one_of else {key: list(e.select)}
            timed = {"in_time": e.in_time.to_mapping()} if e.in_time else {}
            row = {**select, e.operation: e.distribution.to_mapping(), **timed}
            parameters.setdefault(e.parameter, []).append(row)
        fidelity = {k: v for k, v in vars(self.fidelity).items() if v is not None}
        return {"fidelity": fidelity or "nominal", "parameters": parameters}


def _parse_entry(parameter: str, value: Any, where: str) -> Entry:
    if not isinstance(value, Mapping):
        raise EnvsError(f"{where}: expected {{operation: number or distribution}}, got {value!r}")
    keys = [k for k in value if k not in _BESIDE_OPERATION]
    for key in keys:
        if key not in OPERATIONS:
            raise EnvsError(f"{where}: {unknown_name('operation', key, (*OPERATIONS, *_BESIDE_OPERATION))}")
    if len(keys) != 1:
        raise EnvsError(f"{where}: needs exactly one of {', '.join(OPERATIONS)}, got {keys}")
    distribution = parse_distribution(value[keys[0]], f"{where}.{keys[0]}")
    _require_integers(parameter, distribution, where)
    in_time = parse_profile(value["in_time"], f"{where}.in_time") if "in_time" in value else None
    return Entry(parameter, keys[0], distribution, _parse_selection(value, where), "one_of" in value, in_time)


def _parse_selection(value: Mapping[str, Any], where: str) -> tuple[str, ...]:
    if "select" in value and "one_of" in value:
        raise EnvsError(f"{where}: give select or one_of, not both")
    key = "one_of" if "one_of" in value else "select"
    select = value.get(key, "*")
    patterns = (select,) if isinstance(select, str) else tuple(select) if isinstance(select, list) else ()
    if not patterns or not all(isinstance(p, str) for p in patterns):
        raise EnvsError(f"{where}.{key}: expected a name, a pattern or a list of them, got {select!r}")
    return patterns


def _require_integers(parameter: str, distribution: Distribution, where: str) -> None:
    if not PARAMETERS[parameter].rule.integer:
        return
    numbers = [distribution.value] if isinstance(distribution, Constant) else getattr(distribution, "values", None)
    if numbers is None or any(n != int(n) for n in numbers):
        raise EnvsError(
            f"{where}: {parameter} counts {PARAMETERS[parameter].unit}; expected an integer or "
            f"{{choice: [integers]}}, got {distribution.describe()}"
        )
