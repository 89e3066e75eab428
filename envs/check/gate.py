"""Gate: the shifts of one environment, each checked against the same nominal worlds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from ..domain.domain import Domain
from ..environments import environment
from ..errors import EnvsError, unknown_name
from ..options import merge_options
from ..physics.fidelity import NOMINAL
from ..shifts import SHIFTS
from ..tasks.groups import as_vector
from ..vector.vector_env import DomainVectorEnv
from .check import Reference, check_worlds
from .pairs.recording import AnyEnv
from .pairs.verdict import ShiftCheck, Solvability, Verdict

__all__ = ["Gate", "check_shift"]


class Gate:
    """An environment and its nominal worlds, against which shifts are checked."""

    def __init__(
        self,
        env: str,
        *,
        seed: int = 0,
        num_threads: int = 0,
        task_options: Mapping[str, Any] | None = None,
        **task_kwargs: Any,
    ) -> None:
        """Prepare; what is worked out of the nominal worlds is worked out at the first check.

        Args:
            env: a name in ENVS.
            seed: of everything random: the same seed gives the same answers.
            num_threads: threads that step worlds; 0 means all cores this process may use.
            task_options: options of the task, also those that are called like an argument here.
            **task_kwargs: options of the task.

        Raises:
            EnvsError: for an unknown environment or option.
        """
        self._task_options = merge_options(task_options, task_kwargs)
        self.task = environment(env).make_task(**self._task_options)
        self.env, self.seed = env, seed
        self._num_threads = num_threads
        self._reference = Reference(lambda num, seed: self._build(Domain(), num, seed), seed)

    def _build(self, domain: Domain, num_envs: int, seed: int) -> AnyEnv:
        env = DomainVectorEnv(
            as_vector(environment(self.env).make_task(**self._task_options)),
            domain,
            num_envs=num_envs,
            seed=seed,
            num_threads=self._num_threads,
            max_episode_steps=None,
            autoreset_mode=AutoresetMode.DISABLED,  # worlds that have ended cost nothing
        )
        low, high = env.physics.action_bounds
        if not (np.isfinite(low).all() and np.isfinite(high).all()):  # as a gym: environment may have them
            env.close()
            raise EnvsError(
                f"{self.env}: the gate draws actions uniformly between their bounds, and here they are {low.tolist()} "
                f"to {high.tolist()}; must be finite"
            )
        return env

    def domain(self, shift: str, severity: float | str | None = None) -> Domain:
        """Return the domain of a row of SHIFTS for this environment.

        Raises:
            EnvsError: for an unknown shift or a severity it cannot have.
        """
        if shift not in SHIFTS:
            raise unknown_name("shift", shift, SHIFTS)
        return SHIFTS[shift].domain(severity, self.env)

    def require_fit(self, domain: Domain) -> None:
        """Build one world of a domain, and throw it away.

        Raises:
            EnvsError: when the environment cannot have it.
        """
        self._build(domain, 1, self.seed).close()

    def check(self, shift: str, domain: Domain, severity: float | None = None) -> ShiftCheck:
        """Check a domain under the name of a shift; the one called `nominal` may be the reference itself.

        Raises:
            EnvsError: when the environment cannot have the domain.
        """
        found = check_worlds(
            self._reference.make,
            lambda num, seed: self._build(domain, num, seed),
            shift=shift,
            severity=severity,
            seed=self.seed,
            reference=self._reference,
            make_part=self._build,
        )
        is_reference = shift == "nominal" and not domain.entries and domain.fidelity == NOMINAL
        if not is_reference or found.verdict is not Verdict.NULL:
            return found
        return replace(found, verdict=Verdict.OK, message="the reference itself", solvability=self._solvability())

    def _solvability(self) -> Solvability:
        """Return how the search went in the nominal worlds."""
        search = self._reference.search
        low, high = search.interval(self.seed)
        return Solvability(low > 0, low > 0, float(search.best.mean()), float(search.random.mean()), low, high)

    def not_applicable(self, shift: str, severity: float | None, error: EnvsError) -> ShiftCheck:
        """Return the entry for a shift that this environment cannot have."""
        return ShiftCheck(shift, severity, Verdict.NOT_APPLICABLE, str(error))


def check_shift(
    env: str,
    shift: str,
    severity: float | str | None = None,
    *,
    seed: int = 0,
    num_threads: int = 0,
    task_options: Mapping[str, Any] | None = None,
    **task_kwargs: Any,
) -> ShiftCheck:
    """Check one row of SHIFTS in one environment.

    Args:
        env: a name in ENVS.
        shift: a name in SHIFTS.
        severity: a number or the name of a level; None: the default.
        seed: of everything random.
        num_threads: threads that step worlds; 0 means all cores this process may use.
        task_options: options of the task, also those that are called like an argument here.
        **task_kwargs: options of the task.

    Raises:
        EnvsError: for unknown names, a severity the shift does not have, or a shift the environment cannot have.
    """
    gate = Gate(env, seed=seed, num_threads=num_threads, task_options=task_options, **task_kwargs)
    domain = gate.domain(shift, severity)
    return gate.check(shift, domain, SHIFTS[shift].number(severity))
