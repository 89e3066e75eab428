"""Part: one of several shares of a benchmark's jobs, as `--jobs 2/4` names it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import UserError
from .grid import Job

__all__ = ["Part"]


@dataclass(frozen=True)
class Part:
    """Share `index` of `number`, from 1: of the jobs on targets as many as fall to it, and what they begin from.

    Shares are neighbours in the order of the grid, so that most of a share begins from source agents of its own.
    """

    index: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Part:
        """Read `i/n`.

        Raises:
            UserError: when it is something else, or i is none of 1 to n.
        """
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        index, number = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= index <= number:
            raise UserError(f"--jobs: {text!r}: expected i/n, part i of n, with 1 <= i <= n, as in 2/4")
        return cls(index, number)

    def select(self, jobs: Sequence[Job]) -> list[Job]:
        """Return the jobs of this part, in their order.

        Source agents are in every part that begins from them; one that nothing begins from is in the parts of its
        environment and seed.
        """
        transfers = [job for job in jobs if job.target is not None]
        begin, end = (len(transfers) * i // self.number for i in (self.index - 1, self.index))
        own = transfers[begin:end]
        used, needed = {job.source for job in transfers}, {job.source for job in own}
        beside = {(job.environment, job.seed) for job in own}
        sources = [
            job
            for job in jobs
            if job.target is None
            and (job.path in needed or (job.path not in used and (job.environment, job.seed) in beside))
        ]
        return sources + own
