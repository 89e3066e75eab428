"""The jobs of a benchmark and their order."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..config import RunConfig
from ..methods import METHODS

__all__ = ["Job", "make_jobs"]


@dataclass(frozen=True)
class Job:
    """One run of a benchmark, as plain data: it goes to another process and into the ledger.

    Attributes:
        environment: which run configuration.
        seed: its seed.
        target: name of the target domain; None for pretraining.
        method: name of the method; None for pretraining.
        config: the resolved run configuration, JSON values.
        path: the run's folder, relative to the benchmark's.
        source: the source run's folder, likewise; None if it needs none.
    """

    environment: str
    seed: int
    target: str | None
    method: str | None
    config: dict[str, Any]
    path: str
    source: str | None

    @property
    def name(self) -> str:
        """What a person calls it."""
        if self.target is None:
            return f"{self.environment} source seed {self.seed}"
        return f"{self.environment} {self.target} {self.method} seed {self.seed}"

    def to_mapping(self) -> dict[str, Any]:
        """Return the job as JSON values."""
        return asdict(self)


def make_jobs(configs: dict[tuple[str, int], RunConfig], targets: list[str], methods: list[str]) -> list[Job]:
    """Return all jobs: every source agent first, once per environment and seed, then all that build on them.

    Args:
        configs: (environment, seed) -> resolved configuration.
        targets: names of target domains.
        methods: names of methods.
    """
    sources, transfers = [], []
    for (environment, seed), config in configs.items():
        plain = config.model_dump(mode="json")
        path = f"source/{environment}/seed{seed}"
        sources.append(Job(environment, seed, None, None, plain, path, None))
        for target in targets:
            for method in methods:
                folder = f"transfer/{environment}/{target}/{method}/seed{seed}"
                source = path if METHODS[method].needs_source else None
                transfers.append(Job(environment, seed, target, method, plain, folder, source))
    return sources + transfers
