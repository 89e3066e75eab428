"""What one run and one benchmark measured: the only thing the statistics and the report read.

A record is plain numbers and words, checked when it is built, so that everything after it may trust it. As
JSON it is strict: NaN and infinity have no spelling there and become null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "STATUSES",
    "TEACHER",
    "BenchResults",
    "RunRecord",
    "Status",
    "to_mapping",
]

Status: TypeAlias = Literal["finished", "failed", "missing"]
TEACHER = "teacher"  # the source of methods that need an agent which read its worlds' parameters
STATUSES: tuple[str, ...] = ("finished", "failed", "missing")
_LARGEST = 1e100
"""Size of a number beyond which a record is damaged: the third power of what is below can be computed."""
_TEXTS = ("env", "target", "method")
_TEXTS_OR_NONE = ("error", "frozen_digest", "source")
_NUMBERS_OR_NONE = ("source_return_before", "source_return_after")
_COUNTS = ("seed", "source_steps", "target_steps", "eval_steps", "episodes", "falls", "companion_steps")


@dataclass(frozen=True, eq=False)
class RunRecord:
    """One job of a benchmark: one method on one target with one seed.

    `steps` (num_evals,) are target training steps at each evaluation, the first is 0, before any training; `returns`
    and `return_sd` (num_evals,) are mean and standard deviation of the undiscounted return over the
    evaluation episodes on the target domain. `source_return_before` is the source policy's return on the
    source domain (None for scratch), `source_return_after` the final agent's. `source_steps`, `target_steps`
    and `eval_steps` are environment steps, `episodes` and `falls` count training episodes on the target and
    those that ended by termination, `eval_faults` evaluation episodes on the target in which the simulation diverged
    (None: not counted, as in earlier versions), `wall_seconds` is s. `source_steps` are those of the source
    agent, `companion_steps` those this run itself took in worlds of the source. `source` says which of an environment's
    and seed's source agents it began from: `source`, or `teacher` where the method needs one of those; None: from
    none, or unknown. A run that did not finish may hold a partial curve or none.

    Raises ValueError naming the run and the field when a value is of another kind or size than it can be, or when the
    values contradict each other.
    """

    env: str
    target: str
    method: str
    seed: int
    status: Status
    error: str | None
    steps: npt.NDArray[np.int64]
    returns: npt.NDArray[np.float64]
    return_sd: npt.NDArray[np.float64]
    source_return_before: float | None
    source_return_after: float | None
    source_steps: int
    target_steps: int
    eval_steps: int
    episodes: int
    falls: int
    frozen_digest: str | None
    wall_seconds: float
    source: str | None = None
    companion_steps: int = 0
    eval_faults: int | None = None

    def __post_init__(self) -> None:
        for name in (*_TEXTS, *_TEXTS_OR_NONE):
            value = getattr(self, name)
            if not isinstance(value, str) and (name in _TEXTS or value is not None):
                raise ValueError(f"{self.key}: {name} is {value!r:.60}, must be text")
        for name in ("steps", "returns", "return_sd"):
            dtype, kinds = (np.int64, "iu") if name == "steps" else (np.float64, "iuf")
            object.__setattr__(self, name, self._array(name, dtype, kinds))
        for name in (*_COUNTS, *(["eval_faults"] if self.eval_faults is not None else [])):
            self._check_count(name, getattr(self, name))
        for name in ("wall_seconds", *_NUMBERS_OR_NONE):
            if name not in _NUMBERS_OR_NONE or getattr(self, name) is not None:
                object.__setattr__(self, name, self._number(name, getattr(self, name)))
        self._check_curve()

    @property
    def key(self) -> str:
        """Name of the job, e.g. `hopper/heavy/frozen_encoder/seed 3`."""
        return f"{self.env}/{self.target}/{self.method}/seed {self.seed}"

    @property
    def finished(self) -> bool:
        """Whether the run ended as planned and its curve counts."""
        return self.status == "finished"

    def _array(self, name: str, dtype: type, kinds: str) -> npt.NDArray[Any]:
        """Return a field as an array of its own that nobody can write to; text, truth values and None are refused."""
        found = np.asarray(getattr(self, name))
        if found.size and found.dtype.kind not in kinds:
            raise ValueError(f"{self.key}: {name} holds what is no number, {found.ravel()[:3].tolist()!r:.60}")
        array: npt.NDArray[Any] = found.astype(dtype, copy=True)
        array.setflags(write=False)
        return array

    def _check_count(self, name: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise ValueError(f"{self.key}: {name} is {value!r:.60}, must be a whole number")
        if int(value) < 0:
            raise ValueError(f"{self.key}: {name} is {value}, must not be negative")
        if int(value) >= 2**63:
            raise ValueError(f"{self.key}: {name} is too large a number to count anything")

    def _number(self, name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
            raise ValueError(f"{self.key}: {name} is {value!r:.60}, must be a number")
        try:
            number = float(value)
        except OverflowError:  # a whole number of more than 308 digits
            number = math.inf
        if not abs(number) < _LARGEST:  # NaN included
            raise ValueError(f"{self.key}: {name} must be finite and below {_LARGEST:g} in size")
        return number

    def _check_curve(self) -> None:
        steps, returns = self.steps, self.returns
        if self.status not in STATUSES:
            raise ValueError(f"{self.key}: status is {self.status!r}, must be one of {', '.join(STATUSES)}")
        if steps.ndim != 1 or returns.shape != steps.shape or self.return_sd.shape != steps.shape:
            shapes = f"{steps.shape}, {returns.shape}, {self.return_sd.shape}"
            raise ValueError(f"{self.key}: steps, returns, return_sd must share one shape (num_evals,), are {shapes}")
        if not self.finished:
            return
        if steps.size == 0 or steps[0] != 0 or np.any(np.diff(steps) <= 0):
            raise ValueError(f"{self.key}: steps of a finished run must start at 0 and rise, are {steps}")
        if not np.all(np.abs(returns) < _LARGEST):
            raise ValueError(
                f"{self.key}: returns of a finished run must be finite and below {_LARGEST:g} in size, are {returns}"
            )
        if steps[-1] > self.target_steps:
            raise ValueError(
                f"{self.key}: last evaluation at step {steps[-1]}, but target_steps is {self.target_steps}"
            )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunRecord) and to_mapping(self) == to_mapping(other)

    def __hash__(self) -> int:
        return hash((self.env, self.target, self.method, self.seed))


@dataclass(frozen=True)
class BenchResults:
    """All records of a benchmark and what is needed to read them again in a year.

    `settings` is the resolved benchmark configuration and `versions` package -> version, both JSON values;
    `threshold_fraction` in (0, 1] places the threshold between floor and source return; `default_method` is
    the one the verdict speaks about; `created` is an ISO 8601 time. Raises ValueError on a job that occurs
    twice.
    """

    name: str
    records: tuple[RunRecord, ...]
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    threshold_fraction: float
    default_method: str
    created: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "records", tuple(self.records))
        if not 0.0 < self.threshold_fraction <= 1.0:
            raise ValueError(f"threshold_fraction is {self.threshold_fraction}, must be in (0, 1]")
        seen: set[str] = set()
        for record in self.records:
            if record.key in seen:
                raise ValueError(f"{record.key} occurs twice; a job has one record")
            seen.add(record.key)


def to_mapping(value: Any) -> Any:
    """Turn records, arrays and numbers into strict JSON values; NaN and infinity become None."""
    if isinstance(value, RunRecord | BenchResults):
        return {field.name: to_mapping(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray | np.generic):
        return to_mapping(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): to_mapping(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [to_mapping(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
