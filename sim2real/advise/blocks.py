"""Blocks: how far a number of a probe may be from what more steps would show.

Steps of one world follow from each other, so they are no independent observations. A probe is cut into blocks, a
stretch of steps of a world each, long enough to be nearly so, and the spread between blocks gives the interval (batch
means: Schmeiser, "Batch size effects in the analysis of simulation output", Oper. Res. 30, 1982: ten to thirty do).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Pair", "compare", "number_blocks"]

Array = NDArray[np.float64]
_FEWEST = 10


class Pair(NamedTuple):
    """One quantity in source and in target worlds; what the source itself shows is the yardstick.

    `low` and `high` are the 95 % interval of `rise`, for all entries or layers of a table together; NaN where unknown.
    """

    source: float
    target: float
    low: float = float("nan")
    high: float = float("nan")

    @property
    def rise(self) -> float:
        """Return target - source."""
        return self.target - self.source


def number_blocks(num_steps: int, num_envs: int) -> NDArray[np.intp]:
    """Return the block of every step of every world, (num_steps, num_envs); ten at least if steps allow."""
    each = min(-(-_FEWEST // num_envs), max(num_steps // 2, 1))
    block = np.arange(num_steps) * each // max(num_steps, 1)
    return (block[:, None] + each * np.arange(num_envs)[None, :]).astype(np.intp)


def compare(
    compute: Callable[[Any], Array],
    source: tuple[Any, NDArray[np.intp]],
    target: tuple[Any, NDArray[np.intp]],
    num_tests: int = 1,
) -> list[Pair]:
    """Return `compute` of both sides with the interval of its rise, a pair per number.

    Args:
        compute: rows (N, ...) -> numbers (K,), NaN where rows say nothing.
        source: rows and their blocks (N,).
        target: the same.
        num_tests: numbers that are looked at beside these K, of which the greatest counts (Bonferroni).
    """
    whole, means, errors, dofs = [], [], [], []
    for rows, ids in (source, target):
        whole.append(compute(rows))
        blocks = np.stack([compute(rows[ids == i]) for i in np.unique(ids)]) if len(ids) else whole[-1][None]
        means.append(blocks.mean(axis=0))
        errors.append(blocks.var(axis=0, ddof=1) / len(blocks) if len(blocks) > 1 else np.full(len(whole[-1]), np.nan))
        dofs.append(len(blocks) - 1.0)
    variance = errors[0] + errors[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        df = variance**2 / (errors[0] ** 2 / dofs[0] + errors[1] ** 2 / dofs[1])
    confidence = 1.0 - 0.05 / (len(variance) * num_tests)
    quantile = np.where(variance > 0.0, special.stdtrit(df, 0.5 + confidence / 2.0), 0.0)
    half = quantile * np.sqrt(variance)
    rows_of = zip(whole[0].tolist(), whole[1].tolist(), half.tolist(), strict=True)
    return [Pair(s, t, t - s - h, t - s + h) for s, t, h in rows_of]
