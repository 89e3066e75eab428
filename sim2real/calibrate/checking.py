"""Checking: which shifts of an environment are put through the gate, and what a policy makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from envs import SHIFTS, Domain, EnvsError, environment
from envs.check import Gate, ShiftCheck

from ..config.config import RunConfig, load_config
from ..config.seeding import derive_seed
from ..config.trust import code_of_names
from ..config.user_code import Code, import_names
from ..errors import UserError
from ..runs.building import load_agent
from ..runs.evaluation import Policy, evaluate
from ..runs.progress import Reporter
from ..runs.run import RunDirectory
from ..stats import Interval, interval, mean

__all__ = ["CheckedShift", "Checks", "PolicyReturns"]

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class PolicyReturns:
    """Mean returns of a policy in the nominal and in the shifted worlds, with 95 % intervals over episodes."""

    nominal: Interval
    shifted: Interval


@dataclass(frozen=True)
class CheckedShift:
    """A row of the result: what the gate found, and returns if there is a policy and the shift applies."""

    check: ShiftCheck
    returns: PolicyReturns | None = None

    def to_mapping(self) -> dict[str, Any]:
        """Return everything as what JSON can hold."""
        returns = self.returns and {
            name: {"mean": i.point, "low": i.low if i.known else None, "high": i.high if i.known else None}
            for name, i in (("nominal", self.returns.nominal), ("shifted", self.returns.shifted))
        }
        return {**self.check.to_mapping(), "returns": returns}


@dataclass(frozen=True)
class _Job:
    """A shift to check: its name, severity, and how its domain is made; `asked` if the user named it."""

    name: str
    severity: float | None
    domain: Callable[[], Domain]
    asked: bool


class Checks:
    """The shifts of one environment to be checked."""

    def __init__(
        self,
        env: str,
        *,
        shifts: list[str],
        every: bool = False,
        severity: str | None = None,
        policy: Path | None = None,
        episodes: int = 100,
        seed: int = 0,
        num_threads: int = 0,
        device: str | None = None,
        trust: bool = False,
    ) -> None:
        """Resolve names; nothing is simulated yet.

        Args:
            env: an environment, or the path of a configuration, whose task options and targets then count.
            shifts: names of shifts, or of the configuration's targets.
            every: all targets of the configuration and all shifts, beside `shifts`.
            severity: number or level, of all `shifts`.
            policy: run directory of an agent that is evaluated too.
            episodes: of each evaluation.
            seed: of everything random.
            num_threads: threads that step worlds; 0: all cores.
            device: where the policy acts (see `load_agent`).
            trust: whether code that was not made here may be loaded.

        Raises:
            UserError: for options that do not go together, a policy of another environment or an unfinished run, or
                code that must not be loaded.
            EnvsError: for an unknown environment or shift, or a severity it cannot have.
        """
        if not shifts and not every:
            raise UserError("check: name at least one --shift, or give --all")
        if severity is not None and every:
            raise UserError("--severity: is of the shifts named by --shift and does not go with --all")
        self._config = _config_of(env, trust)
        code = self._config.code if self._config else code_of_names({"env": env}, trust=trust)
        self.env = self._config.env if self._config else env
        run = None if policy is None else RunDirectory.open(policy, trust=trust)
        self._policy, task, run_code = _open_policy(run, self.env, code, device)
        self._env = import_names(self.env, {**run_code, **code})
        environment(self._env)
        if self._config and policy is not None and self._config.task != task:
            raise UserError(f"{policy}: its task has options {task}, {env} has {self._config.task}; must be the same")
        self._task = self._config.task if self._config else task
        self._gate = Gate(self._env, seed=derive_seed(seed, "check"), num_threads=num_threads, task_options=self._task)
        self._seed, self._episodes, self._num_threads = seed, episodes, num_threads
        names = [*shifts, *((*self._targets(), *SHIFTS) if every else ())]
        self._jobs = [self._job(name, severity, name in shifts) for name in dict.fromkeys(names)]

    def _targets(self) -> dict[str, Any]:
        return dict(self._config.targets) if self._config else {}

    def _job(self, name: str, severity: str | None, asked: bool) -> _Job:
        if self._config is not None and name in self._config.targets:
            if severity is not None:
                raise UserError(f"--severity: target {name!r} of the configuration has its own")
            config, target = self._config, self._config.targets[name]
            number = SHIFTS[target.shift].number(target.severity) if target.shift else None
            return _Job(name, number, lambda: config.target_domain(name, self._gate.task), asked)
        level = _number_or_level(severity)
        if asked:
            self._gate.domain(name, level)  # raises for a wrong name or severity before anything takes time
        return _Job(name, SHIFTS[name].number(level), lambda: self._gate.domain(name, level), asked)

    def run(self, report: Reporter) -> list[CheckedShift]:
        """Check one shift after the other.

        Raises:
            EnvsError: when the environment cannot have a shift that was asked for by name.
        """
        rows = []
        for done, job in enumerate(self._jobs):
            report(done, len(self._jobs), job.name)
            rows.append(self._check(job))
        return rows

    def _check(self, job: _Job) -> CheckedShift:
        try:
            domain = job.domain()
            self._gate.require_fit(domain)
        except EnvsError as error:
            if job.asked:
                raise
            return CheckedShift(self._gate.not_applicable(job.name, job.severity, error))
        check = self._gate.check(job.name, domain, job.severity)
        if self._policy is None:
            return CheckedShift(check)
        return CheckedShift(check, PolicyReturns(self._nominal_return, self._return(domain)))

    @cached_property
    def _nominal_return(self) -> Interval:
        return self._return(Domain())

    def _return(self, domain: Domain) -> Interval:
        """Return that of the policy's mean action, on the same episodes in every domain."""
        assert self._policy is not None
        returns = evaluate(
            self._policy,
            self._env,
            domain,
            episodes=self._episodes,
            seed=derive_seed(self._seed, "evaluate"),
            num_threads=self._num_threads,
            task_kwargs=self._task,
        ).returns
        return interval([returns], mean, np.random.default_rng(derive_seed(self._seed, "bootstrap")))


def _config_of(env: str, trust: bool) -> RunConfig | None:
    path = Path(env)
    return load_config(path, trust=trust) if path.suffix in _SUFFIXES or path.is_file() else None


def _open_policy(
    directory: RunDirectory | None, env: str, code: Code, device: str | None
) -> tuple[Policy | None, dict[str, Any], Code]:
    """Return the newest agent of a run, its task's options, and its code, which must be that of the environment."""
    if directory is None:
        return None, {}, {}
    path = directory.path
    directory.require_finished("shifts are checked by it")
    config = directory.config()
    if config.env != env:
        raise UserError(f"{path}: holds a policy for {config.env!r}, not for {env!r}; a policy acts where it was made")
    for name, file in config.code.items():
        if (other := code.get(name, file)).sha256 != file.sha256:
            raise UserError(f"{path}: module {name!r} is {file.describe()}, and here it is {other.describe()}")
    return load_agent(directory, config, device)[0], config.task, config.code


def _number_or_level(text: str | None) -> float | str | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return text
