"""The jobs of a benchmark and their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..config.config import RunConfig
from ..methods import METHODS
from ..runs.teachers import is_teacher, teacher_config
from ..stats.records import TEACHER

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
            return f"{self.environment} {self.source_kind} seed {self.seed}"
        return f"{self.environment} {self.target} {self.method} seed {self.seed}"

    @property
    def source_kind(self) -> str | None:
        """What source agent this job makes or begins from: `source`, or `teacher` for a method that needs one."""
        path = self.path if self.target is None else self.source
        return None if path is None else path.split("/")[0]

    def to_mapping(self) -> dict[str, Any]:
        """Return the job as JSON values."""
        return asdict(self)


def make_jobs(
    configs: Mapping[tuple[str, int], RunConfig],
    targets: Sequence[str],
    methods: Sequence[str],
    watch_oracle: Callable[[RunConfig], RunConfig] = lambda config: config,
) -> list[Job]:
    """Return all jobs: every source agent first, once per environment and seed, then all that build on them.

    Methods that need a teacher have a source agent of their own, of the same settings but for the encoder, unless the
    configured one is a teacher.

    Args:
        configs: (environment, seed) -> resolved configuration.
        targets: names of target domains.
        methods: names of methods.
        watch_oracle: configuration -> that of runs which have the source's budget.
    """
    sources, transfers = [], []
    for (environment, seed), config in configs.items():
        plain, watched = (found.model_dump(mode="json") for found in (config, watch_oracle(config)))
        path = teacher_path = f"source/{environment}/seed{seed}"
        sources.append(Job(environment, seed, None, None, plain, path, None))
        teacher = plain
        if any(METHODS[method].needs_teacher for method in methods) and not is_teacher(config):
            teacher = teacher_config(config).model_dump(mode="json")
            teacher_path = f"{TEACHER}/{environment}/seed{seed}"
            sources.append(Job(environment, seed, None, None, teacher, teacher_path, None))
        for target in targets:
            for method in methods:
                folder = f"transfer/{environment}/{target}/{method}/seed{seed}"
                source = path if METHODS[method].needs_source else None
                own = plain if METHODS[method].budget == "target" else watched
                if METHODS[method].needs_teacher:
                    own, source = teacher, teacher_path
                transfers.append(Job(environment, seed, target, method, own, folder, source))
    return sources + transfers
