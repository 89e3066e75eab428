"""A delay: what went in a number of control steps ago, the number fixed or jittering."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..domain.streams import StepNoise
from .stage import Array, Ids, Stage, StageRow

__all__ = ["Delay", "delay_row"]


class Delay(Stage):
    """A ring buffer of the last rows of every world.

    With jitter j every entry has an extra delay of its own at every step, uniform on 0..j, as of a sensor or a motor
    that has a line to itself; so a later value may overtake an earlier one, and a value may be shown twice.
    """

    def __init__(
        self, delay: Array, jitter: Array, noise: StepNoise | None, num_envs: int, dim: int, longest: int
    ) -> None:
        """Delay.

        Args:
            delay: (num_envs, dim) steps.
            jitter: (num_envs, dim) most extra steps.
            noise: what draws them; None if there are none.
            num_envs: number of worlds.
            dim: entries of the signal.
            longest: most steps in all.
        """
        self._delay, self._jitter, self._noise = delay, jitter, noise
        self._history: Array = np.zeros((longest + 1, num_envs, dim))
        self._flat = self._history.reshape(-1)
        self._head = np.zeros((), np.int64)
        self._places = np.arange(num_envs * dim).reshape(num_envs, dim)  # in a row of the flat history

    def memory(self) -> dict[str, NDArray[np.generic]]:
        """Return the rows (longest + 1, num_envs, dim), and which is the newest."""
        return {"history": self._history, "head": self._head}

    def restart(self, ids: Ids, rows: Array) -> None:
        """Fill the past with `rows`."""
        self._history[:, ids] = rows

    def __call__(self, rows: Array) -> Array:
        """Return every entry of as many steps ago as its delay says."""
        length = len(self._history)
        self._head[...] = head = (int(self._head) + 1) % length
        self._history[head] = rows
        slot = head - self._delay
        if self._noise is not None:
            slot -= np.floor(self._noise.random(*rows.shape) * (self._jitter + 1))
        slot += length * (slot < 0)
        return self._flat.take(slot.astype(np.intp) * rows.size + self._places)


def delay_row(signal: str) -> StageRow:
    """Return the row of a channel that applies `<signal>_delay` and `<signal>_jitter`."""
    delay, jitter = f"{signal}_delay", f"{signal}_jitter"
    return StageRow(
        (delay, jitter),
        lambda w: Delay(
            w.values(delay),
            w.values(jitter),
            w.noise(jitter),
            w.num_envs,
            w.dim,
            w.longest(delay) + w.longest(jitter),
        ),
    )
