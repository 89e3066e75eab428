"""PolicyRun: a trained policy under a shift: measured at any severity, and what came of it written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from gymnasium.spaces import Box
from numpy.typing import NDArray

from envs import SHIFTS, make_vec, unknown_name

from ..config.config import RunConfig
from ..config.seeding import derive_seed
from ..errors import UserError
from ..files.files import require_place, write_atomic
from ..runs.building import load_agent
from ..runs.evaluation import Policy, evaluate
from ..runs.run import RunDirectory
from ..stats import FloatArray
from ..versions import collect_versions
from .calibration import Calibration, Level, Sides

__all__ = ["PolicyRun", "require_absent"]

Report = Callable[[float, float], None]
"""called with every (severity, mean return) as it is measured"""


def require_absent(path: Path) -> None:
    """Raise unless nothing is at `path`: configurations may rest on what is there.

    Raises:
        UserError: when something is.
    """
    require_place(path)
    if path.exists():
        raise UserError(f"{path}: is there already, and configurations may name it; choose another --out or remove it")


class _RandomPolicy:
    """Uniformly random actions within the actuators' range."""

    def __init__(self, low: NDArray[np.floating], high: NDArray[np.floating], seed: int) -> None:
        self._low, self._high, self._rng = low, high, np.random.default_rng(seed)

    def make_actor(self, num_envs: int, /) -> _RandomPolicy:
        return self

    def act(self, obs: Any, started: NDArray[np.bool_], /) -> NDArray[np.float32]:
        return self._rng.uniform(self._low, self._high, (len(obs), *self._low.shape)).astype(np.float32)


@dataclass(frozen=True)
class PolicyRun:
    """A trained policy and the shift it is to be calibrated on.

    Attributes:
        name: of the run's folder.
        digest: of its newest checkpoint.
        config: of the run; its environment and task options are those of the calibration.
        shift: a name in SHIFTS.
        policy: what acts.
        num_threads: threads that step worlds; 0: all cores.
    """

    name: str
    digest: str
    config: RunConfig
    shift: str
    policy: Policy
    num_threads: int = 0

    @classmethod
    def open(
        cls,
        path: Path,
        env: str,
        shift: str,
        *,
        num_threads: int = 0,
        device: str | None = None,
        trust: bool = False,
    ) -> PolicyRun:
        """Load the newest checkpoint of the run at `path`, to act on `device` (see `load_agent`).

        `trust` allows code it names that was not made here.

        Raises:
            UserError: when it is no run or has not finished, is of another environment, or its checkpoint does not fit.
            EnvsError: for an unknown shift, or one the environment cannot have.
        """
        if shift not in SHIFTS:
            raise unknown_name("shift", shift, SHIFTS)
        directory = RunDirectory.open(path, trust=trust)
        directory.require_finished("shifts are calibrated by it")
        config = directory.config()
        if config.env != env:
            raise UserError(
                f"{path}: holds a policy for {config.env!r}, not for {env!r}; a policy acts where it was made"
            )
        domain = SHIFTS[shift].domain(env=env)
        probe = make_vec(config.env_import, num_envs=1, domain=domain, num_threads=1, task_options=config.task)
        probe.close()  # the shift fits, or this raises
        agent, bundle = load_agent(directory, config, device)
        return cls(directory.path.name, bundle.digest, config, shift, agent, num_threads)

    def sides(self, episodes: int, seed: int, report: Report | None = None) -> Sides:
        """Return how to measure the policy, every severity on the same episodes."""
        probe = make_vec(self.config.env_import, num_envs=1, num_threads=1, task_options=self.config.task)
        box = probe.single_action_space
        assert isinstance(box, Box)
        probe.close()
        chance = _RandomPolicy(box.low, box.high, derive_seed(seed, "random actions"))

        def policy_returns(severity: float) -> FloatArray:
            returns = self._returns(self.policy, severity, episodes, seed)
            if report is not None:
                report(severity, float(returns.mean()))
            return returns

        return Sides(policy_returns, self._returns(chance, 0.0, episodes, seed))

    def _returns(self, policy: Policy, severity: float, episodes: int, seed: int) -> FloatArray:
        return evaluate(
            policy,
            self.config.env_import,
            SHIFTS[self.shift].domain(severity, self.config.env),
            episodes=episodes,
            seed=seed,
            num_threads=self.num_threads,
            task_kwargs=self.config.task,
        ).returns

    def save(self, path: Path, result: Calibration, *, episodes: int, seed: int) -> None:
        """Write a calibration where configurations can name it."""
        content = {
            "env": self.config.env,
            "shift": self.shift,
            "severities": {level.name: _level_content(level) for level in result.found},
            "absent": {level.name: level.remark for level in result.levels if level.severity is None},
            "returns": {"policy": _short(result.policy_return), "random": _short(result.random_return)},
            "policy": {"run": self.name, "checkpoint": self.digest},
            "task": self.config.task,
            "episodes": episodes,
            "seed": seed,
            "curve": [[severity, _short(drop)] for severity, drop in result.curve],
            "versions": collect_versions(),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, yaml.safe_dump(content, sort_keys=False, default_flow_style=None))


def _level_content(level: Level) -> dict[str, Any]:
    assert level.drop is not None
    return {
        "severity": level.severity,
        "drop_wanted": level.wanted,
        "drop_searched": _short(level.searched),
        "drop": _short(level.drop.point),
        "drop_interval": [_short(level.drop.low), _short(level.drop.high)],
        "return": _short(level.mean_return),
        **({"remark": level.remark} if level.remark else {}),
    }


def _short(number: float) -> float:
    """Return the number with the digits that mean something."""
    return float(f"{number:.6g}")
