"""Profiles: how a parameter's number moves within an episode, as data.

Time is counted in control steps since the episode began. In YAML a profile stands beside the operation whose number
it moves: `{scale: 1.0, in_time: {cycle: [0.3, 200]}}`. Walk, drift, saw and triangle are
the even forms of the perturbation schedules in Dulac-Arnold et al. 2021, Challenges of real-world reinforcement
learning, doi:10.1007/s10994-021-05961-4 (there random_walk, drift_pos and _neg, cyclic_pos and _neg, saw_wave); a cycle
is a sine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import EnvsError, is_number, number_hint, unknown_name

__all__ = ["PROFILES", "Cycle", "Drift", "Profile", "Saw", "Step", "Triangle", "Walk", "parse_profile"]

Array = NDArray[np.float64]
Steps = NDArray[np.int64]


class Profile(Protocol):
    """What turns the number drawn at the start of an episode into the one of a later step."""

    @property
    def random(self) -> bool:
        """Return whether it needs noise."""
        ...

    def number(self, start: Array, now: Array, elapsed: Steps, noise: Array) -> Array:
        """Return the numbers of the next step, (n,).

        Args:
            start: (n,) as drawn.
            now: (n,) of the last step.
            elapsed: (n,) control steps done since the episode began.
            noise: (n,) standard normal numbers; zeros where `random` is False.
        """
        ...

    def support(self, low: float, high: float) -> tuple[float, float]:
        """Return the least and the greatest number that can occur when drawn ones lie in [low, high]."""
        ...

    def moves(self, low: float, high: float) -> bool:
        """Return whether any number that is drawn in [low, high] moves at all."""
        ...

    def describe(self) -> str:
        """Return it as a person writes it, e.g. `cycle(0.3, 200)`."""
        ...

    def to_mapping(self) -> Any:
        """Return what `parse_profile` reads back."""
        ...


class _Named:
    """What all profiles share: `{name: [arguments]}`."""

    random: ClassVar[bool] = False

    def describe(self) -> str:
        """Return e.g. `cycle(0.3, 200)`."""
        return f"{type(self).__name__.lower()}({', '.join(f'{v:g}' for v in self._arguments())})"

    def moves(self, low: float, high: float) -> bool:
        """Return True: what needs no limit moves from wherever it starts."""
        return True

    def to_mapping(self) -> Any:
        """Return e.g. `{'cycle': [0.3, 200]}`."""
        return {type(self).__name__.lower(): list(self._arguments())}

    def _arguments(self) -> tuple[float, ...]:
        return astuple(self)  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True)
class Walk(_Named):
    """Random walk with steps of standard deviation `sd`, held within [low, high]."""

    sd: float
    low: float
    high: float
    random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _require(self.sd > 0, self, "sd > 0")
        _require(self.low < self.high, self, "low < high")

    def number(self, start: Array, now: Array, elapsed: Steps, noise: Array) -> Array:
        """Return now + sd noise, clipped."""
        return np.clip(now + self.sd * noise, self.low, self.high)

    def support(self, low: float, high: float) -> tuple[float, float]:
        """Return the ends; a start outside them is met once."""
        return min(low, self.low), max(high, self.high)


@dataclass(frozen=True)
class Drift(_Named):
    """Straight line of slope `rate` per step that ends at `limit`."""

    rate: float
    limit: float

    def __post_init__(self) -> None:
        _require(self.rate != 0, self, "rate != 0")

    def number(self, start: Array, now: Array, elapsed: Steps, noise: Array) -> Array:
        """Return start + rate t, but not beyond the limit."""
        line = start + self.rate * elapsed
        return (
            np.minimum(line, np.maximum(start, self.limit))
            if self.rate > 0
            else np.maximum(line, np.minimum(start, self.limit))
        )

    def support(self, low: float, high: float) -> tuple[float, float]:
        """Return the ends, the limit one of them."""
        return (low, max(high, self.limit)) if self.rate > 0 else (min(low, self.limit), high)

    def moves(self, low: float, high: float) -> bool:
        """Return whether the limit lies ahead of any start."""
        return self.limit > low if self.rate > 0 else self.limit < high


@dataclass(frozen=True)
class _Periodic(_Named):
    """What comes back after `period` steps, up to `amplitude` away from the start."""

    amplitude: float
    period: float

    def __post_init__(self) -> None:
        _require(self.amplitude != 0, self, "amplitude != 0")
        _require(self.period >= 2, self, "period >= 2 control steps")

    def support(self, low: float, high: float) -> tuple[float, float]:
        """Return the ends, from the start to one amplitude away."""
        return low + min(0.0, self.amplitude), high + max(0.0, self.amplitude)


@dataclass(frozen=True)
class Cycle(_Periodic):
    """Sine around the start."""

    def number(self, start: Array, now: Array, elapsed: Steps, noise: Array) -> Array:
        """Return start + amplitude sin(2 pi t / period)."""
        moved: Array = start + self.amplitude * np.sin(2 * np.pi * elapsed / self.period)
        return moved

    def support(self, low: float, high: float) -> tuple[float, float]:
        """Return the ends, one amplitude to either side."""
        return low - abs(self.amplitude), high + abs(self.amplitude)


@dataclass(frozen=True)
class Saw(_Periodic):
    """Ramp from the start to one amplitude away, then back at once."""

    def number(self, start: Array, now: Array, elapsed: Steps, noise: Array) -> Array:
        """Return start + amplitude (t mod period) / period."""
        moved: Array = start + self.amplitude * (elapsed % self.period) / self.period
        return moved


@dataclass(frozen=True)
class Triangle(_Periodic):
    """Ramp from the start to one amplitude away and a ramp back."""

    def number(self, start: Array, now: Array, elapsed: Steps, noise: Array) -> Array:
        """Return start + amplitude (1 - |1 - 2 (t mod period) / period|)."""
        moved: Array = start + self.amplitude * (1 - np.abs(1 - 2 * (elapsed % self.period) / self.period))
        return moved


@dataclass(frozen=True)
class Step(_Named):
    """A change that comes at control step `at` and stays."""

    change: float
    at: float

    def __post_init__(self) -> None:
        _require(self.change != 0, self, "change != 0")
        _require(self.at >= 1, self, "at >= 1 control step")

    def number(self, start: Array, now: Array, elapsed: Steps, noise: Array) -> Array:
        """Return start, plus the change from `at` on."""
        return start + self.change * (elapsed >= self.at)

    def support(self, low: float, high: float) -> tuple[float, float]:
        """Return the ends before and after the change."""
        return low + min(0.0, self.change), high + max(0.0, self.change)


PROFILES: dict[str, type[Walk | Drift | Cycle | Saw | Triangle | Step]] = {
    cls.__name__.lower(): cls for cls in (Walk, Drift, Cycle, Saw, Triangle, Step)
}


def parse_profile(value: Any, where: str) -> Profile:
    """Read a profile such as `{cycle: [0.3, 200]}`.

    Args:
        value: what stands in the configuration.
        where: the key it stands under, named in errors.

    Raises:
        EnvsError: when it is no known profile with fitting numbers.
    """
    if not isinstance(value, Mapping) or len(value) != 1:
        raise EnvsError(f"{where}: expected one of {{{', '.join(PROFILES)}: [...]}}, got {value!r}")
    ((name, arguments),) = value.items()
    if name not in PROFILES:
        raise EnvsError(f"{where}: {unknown_name('profile', name, PROFILES)}")
    cls = PROFILES[name]
    wanted = [f.name for f in fields(cls)]
    if not isinstance(arguments, list | tuple) or not all(map(is_number, arguments)) or len(arguments) != len(wanted):
        hint = "".join(map(number_hint, arguments)) if isinstance(arguments, list) else ""
        raise EnvsError(f"{where}.{name}: expected the numbers [{', '.join(wanted)}], got {arguments!r}{hint}")
    try:
        return cls(*map(float, arguments))
    except EnvsError as error:
        raise EnvsError(f"{where}: {error}") from None


def _require(holds: bool, profile: _Named, rule: str) -> None:
    if not holds:
        raise EnvsError(f"{profile.describe()}: must have {rule}")
