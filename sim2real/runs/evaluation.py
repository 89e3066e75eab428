"""Evaluation: a policy's undiscounted return, on worlds and seeds that training never sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from envs import Domain, DomainVectorEnv, make_vec

from ..config.config import MOST_EPISODES
from ..errors import UserError

__all__ = ["Actor", "Evaluation", "EvaluationWorlds", "Policy", "describe_broken", "evaluate", "settle_faults"]

Array = NDArray[np.float64]
LARGEST_BATCH = 256  # worlds at once: enough to keep all cores busy, few enough to stay small


class Actor(Protocol):
    """Whatever acts in worlds that run side by side, and remembers of them what it needs."""

    def act(self, obs: Any, started: NDArray[np.bool_], /) -> Any:
        """Return actions (num, act_dim) for observations (num, obs_dim), or a dictionary of groups, once a step.

        `started` (num,) says which of these are the first observations of an episode.
        """
        ...


class Policy(Protocol):
    """Whatever turns observations into actions."""

    def make_actor(self, num_envs: int, /) -> Actor:
        """Return what acts in `num_envs` worlds, with no episode begun."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """What some episodes gave.

    Attributes:
        returns: (episodes,) undiscounted returns, as `settle_faults` has them.
        lengths: (episodes,) control steps.
        falls: episodes that the task ended.
        faults: episodes that ended because the simulation diverged.
        observations: (num, obs_dim) a sample of the observations met.
        terms: reward term -> (episodes,) its sum over each episode, as collected; diverged episodes are not settled.
        not_finite: reward term or observation -> episodes that it ended by not being finite while the simulation was
            sound; they count among the faults.
    """

    returns: Array
    lengths: NDArray[np.int64]
    falls: int
    faults: int
    observations: Array
    terms: Mapping[str, Array]
    not_finite: Mapping[str, int] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """Mean return."""
        return float(self.returns.mean())

    @property
    def sd(self) -> float:
        """Standard deviation of the return over episodes, n - 1 in the denominator."""
        return float(self.returns.std(ddof=1)) if len(self.returns) > 1 else 0.0

    @property
    def standard_error(self) -> float:
        """Standard error of the mean return, over episodes of this one policy."""
        return self.sd / float(np.sqrt(len(self.returns)))

    def point(self) -> dict[str, Any]:
        """Return what a learning curve keeps of this."""
        counts = {"falls": self.falls, "faults": self.faults, "eval_steps": self.steps}
        return {"return": self.mean, "return_sd": self.sd, **counts, "rewards": self.mean_terms}

    @property
    def mean_terms(self) -> dict[str, float]:
        """Mean sum of every reward term over an episode, by its name without a leading `reward_`."""
        return {name.removeprefix("reward_"): float(sums.mean()) for name, sums in self.terms.items()}

    @property
    def steps(self) -> int:
        """World-steps the evaluation took."""
        return int(self.lengths.sum())


class EvaluationWorlds:
    """Worlds of one domain in which a policy is evaluated, once or at every point of a learning curve.

    The same seed gives the same worlds and initial states every time, so a curve compares like with like. No world
    shows its parameters here, not even to a teacher on the source: what counts is what an agent does where nobody knows
    them.
    """

    def __init__(
        self,
        env: str,
        domain: Domain,
        *,
        episodes: int,
        seed: int,
        num_threads: int = 0,
        task_kwargs: dict[str, Any] | None = None,
    ) -> None:
        """Plan for exactly `episodes` episodes of `domain`, one in each world; worlds are built once they are needed.

        Raises:
            UserError: for more than MOST_EPISODES.
        """
        if episodes > MOST_EPISODES:
            raise UserError(f"episodes: {episodes:,} are asked for, at most {MOST_EPISODES:,} are evaluated at once")
        self._sizes = [LARGEST_BATCH] * (episodes // LARGEST_BATCH)
        self._sizes += [episodes % LARGEST_BATCH] if episodes % LARGEST_BATCH else []
        self._arguments: dict[str, Any] = {
            "domain": domain,
            "num_threads": num_threads,
            "task_options": task_kwargs or {},
        }
        self._env, self._seed = env, seed
        self._worlds: dict[int, DomainVectorEnv] = {}

    def evaluate(self, agent: Policy) -> Evaluation:
        """Run the agent's mean action in every world for one episode.

        Raises:
            UserError: as `settle_faults`.
        """
        before = self._not_finite()
        batches = [_evaluate_batch(agent, self._of(num), self._seed + i) for i, num in enumerate(self._sizes)]
        broken = self._not_finite() - before
        returns, lengths, faulty = (np.concatenate(parts) for parts in zip(*(b[:3] for b in batches), strict=True))
        return Evaluation(
            settle_faults(returns, lengths, faulty, batches[0].limit, broken),
            lengths,
            sum(b.falls for b in batches),
            int(faulty.sum()),
            np.concatenate([b.observations for b in batches]),
            {name: np.concatenate([b.terms[name] for b in batches]) for name in batches[0].terms},
            broken,
        )

    def _not_finite(self) -> Counter[str]:
        """Return what of the task's own was not finite so far, by name."""
        return sum((Counter(worlds.not_finite) for worlds in self._worlds.values()), Counter())

    def _of(self, num: int) -> DomainVectorEnv:
        """Return `num` worlds, built at the first call."""
        if num not in self._worlds:
            mode = AutoresetMode.DISABLED
            self._worlds[num] = make_vec(self._env, num_envs=num, seed=0, autoreset_mode=mode, **self._arguments)
        return self._worlds[num]

    def close(self) -> None:
        """Close all worlds."""
        while self._worlds:
            self._worlds.popitem()[1].close()


def evaluate(agent: Policy, env: str, domain: Domain, **keywords: Any) -> Evaluation:
    """Evaluate once, in worlds built for that; arguments and errors are those of EvaluationWorlds."""
    with closing(EvaluationWorlds(env, domain, **keywords)) as worlds:
        return worlds.evaluate(agent)


def settle_faults(
    returns: Array,
    lengths: NDArray[np.int64],
    faulty: NDArray[np.bool_],
    limit: int | None,
    not_finite: Mapping[str, int] | None = None,
) -> Array:
    """Return what episodes count with, (episodes,): sound ones with their return, diverged ones with the lowest.

    That is the lowest of all that episodes are known to have come to: sound ones to their return, diverged ones to what
    they had collected, or, where that is a cost, to what it would have been at its mean over the longest episode. So,
    as far as episodes show, breaking the simulation does not pay, be reward a gain or a cost.

    Args:
        returns: (episodes,) what was collected.
        lengths: (episodes,) the steps it took; in the last step of a diverged episode nothing is collected.
        faulty: (episodes,) which have diverged.
        limit: control steps of the longest episode; None where there is none.
        not_finite: what of the task's own ended episodes, for the message.

    Raises:
        UserError: when all diverged in their first step: nothing is known then.
    """
    if not faulty.any():
        return returns
    steps = lengths - faulty
    known = steps > 0
    if not known.any():
        named = f" ({describe_broken(not_finite)})" if not_finite else ""
        raise UserError(
            f"evaluation: all {len(returns)} episodes diverged in their first step, nothing was measured{named}"
        )
    mean = returns[known] / steps[known]
    missed = np.where(faulty, 0 if limit is None else limit - steps, 0)[known]
    lowest = (returns[known] + np.minimum(mean, 0.0) * missed).min()
    return np.where(faulty, lowest, returns)


def describe_broken(counts: Mapping[str, int]) -> str:
    """Say which numbers of the task's own were not finite, and how often."""
    names = ", ".join(f"{name} ({number:,})" for name, number in counts.items())
    return (
        "the environment's own code returned numbers that are NaN, infinite or beyond single precision while the "
        f"simulation was sound, which ended these episodes: {names}"
    )


class _Batch(NamedTuple):
    """Episodes that ran side by side: returns, lengths, which have diverged, terms, each (num,); falls; the limit."""

    returns: Array
    lengths: NDArray[np.int64]
    faulty: NDArray[np.bool_]
    falls: int
    limit: int | None
    observations: Array
    terms: dict[str, Array]


def _evaluate_batch(agent: Policy, worlds: DomainVectorEnv, seed: int) -> _Batch:
    num = worlds.num_envs
    obs, _ = worlds.reset(seed=seed)
    returns, lengths = np.zeros(num), np.zeros(num, np.int64)
    running, falls, faulty = np.ones(num, np.bool_), 0, np.zeros(num, np.bool_)
    terms = {name: np.zeros(num) for name in worlds.reward_terms}
    actor, started = agent.make_actor(num), np.ones(num, np.bool_)
    seen = []
    while running.any():
        seen.append((obs["policy"] if isinstance(obs, dict) else obs)[running][:8])
        obs, reward, terminated, truncated, infos = worlds.step(actor.act(obs, started))
        started = np.zeros(num, np.bool_)  # worlds that ended stand still
        returns += reward  # worlds that stand still give zero
        for name, sums in terms.items():
            sums += infos[name]
        lengths += running
        falls += int((running & terminated).sum())
        faulty |= infos["fault"]
        running &= ~(terminated | truncated)
    return _Batch(returns, lengths, faulty, falls, worlds.max_episode_steps, np.concatenate(seen), terms)
