"""Distributions of a parameter's value, as data.

Each is given by its quantile function (inverse CDF), so that one uniform number per parameter and world
decides a world: drawing is vectorised over worlds and parameters, and any source of uniforms will do. In YAML
a plain number is a `Constant`; anything else names its distribution: `{uniform: [0.7, 1.3]}`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any, Protocol

import numpy as np
import scipy  # its parts, which take long, are imported when they are first named
from numpy.typing import NDArray

from ..errors import EnvsError, is_number, number_hint, unknown_name

__all__ = [
    "DISTRIBUTIONS",
    "Choice",
    "Constant",
    "Distribution",
    "LogUniform",
    "Normal",
    "Uniform",
    "parse_distribution",
]

Array = NDArray[np.float64]


class Distribution(Protocol):
    """A one-dimensional distribution of a parameter's value."""

    def ppf(self, u: Array) -> Array:
        """Map uniform numbers in [0, 1), any shape, to values of the same shape."""
        ...

    def support(self) -> tuple[float, float]:
        """Return the smallest and the largest value that can occur."""
        ...

    def describe(self) -> str:
        """Return the distribution as a person writes it, e.g. `uniform(0.7, 1.3)`."""
        ...

    def to_mapping(self) -> Any:
        """Return what `parse_distribution` reads back."""
        ...


@dataclass(frozen=True)
class Constant:
    """Always `value`."""

    value: float

    def ppf(self, u: Array) -> Array:
        """Return `value` in the shape of `u`."""
        return np.full_like(u, self.value)

    def support(self) -> tuple[float, float]:
        """Return (value, value)."""
        return self.value, self.value

    def describe(self) -> str:
        """Return the number."""
        return f"{self.value:g}"

    def to_mapping(self) -> Any:
        """Return the number."""
        return self.value


class _Named:
    """What the distributions with a name in YAML share: `{name: [arguments]}`."""

    def describe(self) -> str:
        """Return e.g. `uniform(0.7, 1.3)`."""
        return f"{type(self).__name__.lower()}({', '.join(f'{v:g}' for v in self._arguments())})"

    def to_mapping(self) -> Any:
        """Return e.g. `{'uniform': [0.7, 1.3]}`."""
        return {type(self).__name__.lower(): list(self._arguments())}

    def _arguments(self) -> tuple[float, ...]:
        return astuple(self)  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True)
class Uniform(_Named):
    """Uniform on [low, high]."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _require(self.low <= self.high, self, "low <= high")

    def ppf(self, u: Array) -> Array:
        """Return low + u (high - low)."""
        return np.minimum(self.low + u * (self.high - self.low), self.high)  # rounding may overshoot

    def support(self) -> tuple[float, float]:
        """Return (low, high)."""
        return self.low, self.high


@dataclass(frozen=True)
class LogUniform(_Named):
    """Uniform in the logarithm on [low, high]: for scales, where halving and doubling are equally far."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _require(0 < self.low <= self.high, self, "0 < low <= high")

    def ppf(self, u: Array) -> Array:
        """Return low (high / low)**u."""
        return np.minimum(self.low * np.power(self.high / self.low, u), self.high)  # rounding may overshoot

    def support(self) -> tuple[float, float]:
        """Return (low, high)."""
        return self.low, self.high


@dataclass(frozen=True)
class Normal(_Named):
    """Normal with `mean` and standard deviation `sd`, truncated to [low, high]."""

    mean: float
    sd: float
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        _require(self.sd > 0, self, "sd > 0 (a fixed value is written as a plain number)")
        _require(self.low < self.high, self, "low < high")
        _require(math.isfinite(self.low) or self.high == math.inf, self, "a low end if it has a high one")

    def ppf(self, u: Array) -> Array:
        """Return the truncated normal's quantiles: mean + sd F^-1(F(a) + u (F(b) - F(a)))."""
        a, b = (
            scipy.special.ndtr((self.low - self.mean) / self.sd),
            scipy.special.ndtr((self.high - self.mean) / self.sd),
        )
        inside = np.clip(a + u * (b - a), 1e-12, 1 - 1e-12)  # u = 0 would be -inf on an open side
        return np.clip(self.mean + self.sd * scipy.special.ndtri(inside), self.low, self.high)

    def support(self) -> tuple[float, float]:
        """Return (low, high)."""
        return self.low, self.high

    def _arguments(self) -> tuple[float, ...]:
        return tuple(v for v in astuple(self) if math.isfinite(v))


@dataclass(frozen=True)
class Choice(_Named):
    """One of `values`, each with the same probability."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        _require(len(self.values) > 0, self, "at least one value")

    def ppf(self, u: Array) -> Array:
        """Return values[floor(u n)]."""
        index = np.minimum((u * len(self.values)).astype(np.int64), len(self.values) - 1)
        return np.asarray(self.values, np.float64)[index]

    def support(self) -> tuple[float, float]:
        """Return the smallest and the largest of the values."""
        return min(self.values), max(self.values)

    def _arguments(self) -> tuple[float, ...]:
        return self.values


DISTRIBUTIONS: dict[str, type[Uniform | LogUniform | Normal | Choice]] = {
    cls.__name__.lower(): cls for cls in (Uniform, LogUniform, Normal, Choice)
}


def parse_distribution(value: Any, where: str) -> Distribution:
    """Read a distribution: a number, or `{uniform: [low, high]}` and the like.

    Args:
        value: what stands in the configuration.
        where: the key it stands under, named in errors.

    Raises:
        EnvsError: when it is neither a number nor a known distribution with fitting numbers.
    """
    if is_number(value):
        return Constant(float(value))
    if not isinstance(value, Mapping) or len(value) != 1:
        named = f"{{{', '.join(DISTRIBUTIONS)}: [...]}}"
        raise EnvsError(f"{where}: expected a number or one of {named}, got {value!r}{number_hint(value)}")
    ((name, arguments),) = value.items()
    if name not in DISTRIBUTIONS:
        raise EnvsError(f"{where}: {unknown_name('distribution', name, DISTRIBUTIONS)}")
    if not isinstance(arguments, list | tuple) or not all(is_number(a) for a in arguments):
        hint = "".join(map(number_hint, arguments)) if isinstance(arguments, list) else ""
        raise EnvsError(f"{where}.{name}: expected a list of numbers, got {arguments!r}{hint}")
    numbers = [float(a) for a in arguments]
    cls = DISTRIBUTIONS[name]
    try:
        return Choice(tuple(numbers)) if cls is Choice else cls(*numbers)  # type: ignore[arg-type]
    except TypeError:
        wanted = ", ".join(f.name for f in fields(cls))
        raise EnvsError(f"{where}.{name}: expected [{wanted}], got {arguments!r}") from None
    except EnvsError as error:
        raise EnvsError(f"{where}: {error}") from None


def _require(holds: bool, distribution: Distribution, rule: str) -> None:
    if not holds:
        raise EnvsError(f"{distribution.describe()}: must have {rule}")
