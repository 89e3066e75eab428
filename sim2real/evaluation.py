"""Evaluation: a policy's undiscounted return, on worlds and seeds that training never sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from envs import Domain, make_vec

__all__ = ["Actor", "Evaluation", "Policy", "charge", "evaluate"]

Array = NDArray[np.float64]
LARGEST_BATCH = 256  # worlds at once: enough to keep all cores busy, few enough to stay small


class Actor(Protocol):
    """Whatever acts in worlds that run side by side, and remembers of them what it needs."""

    def act(self, obs: Any, started: NDArray[np.bool_], /) -> Any:
        """Return actions (num, act_dim) for observations (num, obs_dim), once a step.

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
        returns: (episodes,) undiscounted returns, those of diverged episodes as `charge` has them.
        lengths: (episodes,) control steps.
        falls: episodes that the task ended.
        faults: episodes that ended because the simulation diverged.
        observations: (num, obs_dim) a sample of the observations met.
    """

    returns: Array
    lengths: NDArray[np.int64]
    falls: int
    faults: int
    observations: Array

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
        return {"return": self.mean, "return_sd": self.sd, **counts}

    @property
    def steps(self) -> int:
        """World-steps the evaluation took."""
        return int(self.lengths.sum())


def evaluate(
    agent: Policy,
    env: str,
    domain: Domain,
    *,
    episodes: int,
    seed: int,
    num_threads: int = 0,
    task_kwargs: dict[str, Any] | None = None,
) -> Evaluation:
    """Run the agent's mean action for exactly `episodes` episodes of `domain`, one in each world.

    The same seed gives the same worlds and initial states, so a learning curve compares like with like. No world tells
    its parameters here, not even to a teacher on the source: what counts is what an agent does where nobody knows them.
    """
    batches = [LARGEST_BATCH] * (episodes // LARGEST_BATCH)
    batches += [episodes % LARGEST_BATCH] if episodes % LARGEST_BATCH else []
    parts = [
        _evaluate_batch(agent, env, domain, num, seed + index, num_threads, task_kwargs or {})
        for index, num in enumerate(batches)
    ]
    return Evaluation(
        np.concatenate([p.returns for p in parts]),
        np.concatenate([p.lengths for p in parts]),
        sum(p.falls for p in parts),
        sum(p.faults for p in parts),
        np.concatenate([p.observations for p in parts]),
    )


def _evaluate_batch(
    agent: Policy, env: str, domain: Domain, num: int, seed: int, num_threads: int, task_kwargs: dict[str, Any]
) -> Evaluation:
    worlds = make_vec(
        env,
        num_envs=num,
        domain=domain,
        seed=seed,
        num_threads=num_threads,
        autoreset_mode=AutoresetMode.DISABLED,
        **task_kwargs,
    )
    obs, _ = worlds.reset()
    returns, lengths = np.zeros(num), np.zeros(num, np.int64)
    running, falls, faulty = np.ones(num, np.bool_), 0, np.zeros(num, np.bool_)
    actor, started = agent.make_actor(num), np.ones(num, np.bool_)
    seen = []
    while running.any():
        seen.append(obs[running][:8])
        obs, reward, terminated, truncated, infos = worlds.step(actor.act(obs.astype(np.float32), started))
        started = np.zeros(num, np.bool_)  # worlds that ended stand still
        returns += reward  # worlds that stand still give zero
        lengths += running
        falls += int((running & terminated).sum())
        faulty |= infos["fault"]
        running &= ~(terminated | truncated)
    worlds.close()
    returns[faulty] = charge(returns[faulty], lengths[faulty], worlds.max_episode_steps)
    return Evaluation(returns, lengths, falls, int(faulty.sum()), np.concatenate(seen))


def charge(returns: Array, lengths: NDArray[np.int64], limit: int | None) -> Array:
    """Return what episodes count with in which the simulation diverged.

    That is their return if it is positive, else their mean reward over the longest episode there is. Breaking the
    simulation must not pay: where reward is gained, none is gained after it; where it is a cost, it goes on.

    Args:
        returns: (episodes,) what was collected.
        lengths: (episodes,) the steps it took, at least 1.
        limit: control steps of the longest episode; None where there is none, and nothing to charge for.
    """
    missed = np.maximum(limit - lengths, 0) if limit is not None else 0
    return returns + np.minimum(returns / lengths, 0.0) * missed
