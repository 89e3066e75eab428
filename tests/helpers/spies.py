"""What watches a training from within, for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter

__all__ = ["AtRollout", "Records"]


class Records(KVWriter):
    """Keeps what a logger writes.

    Attributes:
        rows: (step, name -> value) of every dump.
    """

    def __init__(self) -> None:
        self.rows: list[tuple[int, dict[str, Any]]] = []

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
        self.rows.append((step, dict(key_values)))

    @property
    def repeatable(self) -> list[tuple[int, dict[str, Any]]]:
        """The rows without what hangs on the wall clock."""
        return [(step, {k: v for k, v in row.items() if not k.startswith("time/")}) for step, row in self.rows]

    def close(self) -> None:
        pass


class AtRollout(BaseCallback):
    """Does something with the agent once, at the start of rollout number `which`."""

    def __init__(self, which: int, do: Callable[[Any], object]) -> None:
        super().__init__()
        self._left, self._do = which, do

    def _on_rollout_start(self) -> None:
        if self._left == 0:
            self._do(self.model)
        self._left -= 1

    def _on_step(self) -> bool:
        return True
