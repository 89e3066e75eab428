"""Solvability: whether some simple policy does better than random actions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .divergence import Visits
from .pairs.recording import AnyEnv, core, has_state
from .pairs.verdict import Solvability
from .pairs.world_pair import WorldPair, WorldsFactory

__all__ = ["Search", "judge", "search"]

Array = NDArray[np.float64]
Policy = Callable[[Array], NDArray[np.float32]]  # (num_envs, obs_dim) -> (num_envs, act_dim)

_NUM_POLICIES = 64
_EACH = 2  # worlds for each of them at first
_FINALISTS = 4
_NUM_FINAL = 32  # worlds for the best, and for random actions
_NUM_STEPS = 100  # of an episode that count: enough to tell a policy from none
_AT_ONCE = 3  # control steps: an episode that is over by then gave nobody a chance


@dataclass(frozen=True)
class Search:
    """What a search found: (num_worlds,) returns of the best policy and of random actions in the same worlds.

    Attributes:
        best: returns of the policy found.
        random: returns of uniformly random actions.
        longest: control steps of the longest episode of any policy.
    """

    best: Array
    random: Array
    longest: int

    def interval(self, seed: int) -> tuple[float, float]:
        """Return the 95 % percentile bootstrap interval of the mean difference between pairs of worlds.

        With 32 pairs the percentile interval is narrow by 2 % (Hesterberg 2015, Am. Stat. 69, section 4.1).
        """
        difference = self.best - self.random
        rng = np.random.default_rng(seed)
        means = difference[rng.integers(0, len(difference), (2000, len(difference)))].mean(axis=1)
        low, high = np.quantile(means, (0.025, 0.975))
        return float(low), float(high)


class _Linear:
    """Policies tanh(W z + b) over standardised observations z, some of them for each world.

    Sizes differ, so that among them are ones that do nearly nothing and ones that switch between the ends.
    """

    def __init__(self, visits: Visits, low: Array, high: Array, seed: int) -> None:
        rng = np.random.default_rng(seed)
        obs_dim, act_dim = len(visits.mean), len(low)
        size = np.geomspace(0.05, 3.0, _NUM_POLICIES)[:, None]
        self._weight = rng.standard_normal((_NUM_POLICIES, act_dim, obs_dim)) * size[:, :, None] / np.sqrt(obs_dim)
        self._bias = rng.standard_normal((_NUM_POLICIES, act_dim)) * size
        self._mean, self._sd = visits.mean, visits.sd
        self._middle, self._half = (high + low) / 2, (high - low) / 2

    def of(self, which: NDArray[np.intp]) -> Policy:
        """Return what acts in world i by policy which[i]."""

        def act(obs: Array) -> NDArray[np.float32]:
            z = np.clip((obs - self._mean) / self._sd, -10, 10)
            signal = np.einsum("nao,no->na", self._weight[which], z) + self._bias[which]
            return np.asarray(self._middle + self._half * np.tanh(signal), np.float32)

        return act


def search(make: WorldsFactory, visits: Visits, seed: int) -> Search:
    """Search 64 random linear policies, then compare the best with random actions on seeds of their own.

    All run at once, the finalists again on more worlds: the winner of a noisy contest is not the best of it. That a
    random search over linear policies is enough to make sense of these tasks: Mania et al. 2018, Simple random
    search of static linear policies is competitive for reinforcement learning (arXiv 1803.07055).
    """
    env, final = make(_NUM_POLICIES * _EACH, seed), make(_NUM_FINAL, seed)
    space = core(env).single_action_space
    low, high = (np.asarray(x, np.float64) for x in (space.low, space.high))  # type: ignore[attr-defined]
    policies = _Linear(visits, low, high, seed)
    every = np.repeat(np.arange(_NUM_POLICIES), _EACH)
    returns, lengths = _episode(env, policies.of(every), seed)
    finalists = np.argsort(-returns.reshape(_NUM_POLICIES, _EACH).mean(axis=1), kind="stable")[:_FINALISTS]
    some = np.repeat(finalists, _NUM_FINAL // _FINALISTS)
    again, more = _episode(final, policies.of(some), seed + 1)
    winner = finalists[np.argmax(again.reshape(_FINALISTS, -1).mean(axis=1))]
    best, own = _episode(final, policies.of(np.full(_NUM_FINAL, winner)), seed + 2)
    rng = np.random.default_rng(seed)
    random, _ = _episode(final, lambda obs: rng.uniform(low, high, (len(obs), len(low))).astype(np.float32), seed + 2)
    env.close()
    final.close()
    return Search(best, random, int(max(lengths.max(), more.max(), own.max())))


def _episode(env: AnyEnv, policy: Policy, seed: int) -> tuple[Array, NDArray[np.int64]]:
    """Return every world's return over its first episode, 100 steps of it at most, and its length in steps."""
    obs, _ = env.reset(seed=seed)
    num = core(env).num_envs
    returns, lengths, running = np.zeros(num), np.zeros(num, np.int64), np.ones(num, np.bool_)
    for _ in range(min(_NUM_STEPS, core(env).task.max_episode_steps)):
        obs, reward, terminated, truncated, _ = env.step(policy(obs))
        returns += np.where(running, reward, 0.0)
        lengths += running
        running &= ~(terminated | truncated)
        if not running.any():
            break
    return returns, lengths


def judge(make: WorldsFactory, visits: Visits, nominal: Search, pair: WorldPair, seed: int) -> Solvability:
    """Search in the shifted worlds and compare with how the search went in the nominal ones."""
    found = search(make, visits, seed)
    low, high = found.interval(seed)
    known = nominal.interval(seed)[0] > 0
    reason, over = "", False
    if _actions_do_nothing(pair):
        known, reason = True, "trajectories under different actions coincide: actions have no effect"
    elif found.longest <= _AT_ONCE < nominal.longest:
        over, known, reason = (
            True,
            True,
            f"episodes end at once: the longest of any policy has {found.longest} control steps",
        )
    elif known and low <= 0:
        reason = (
            f"the best of {_NUM_POLICIES} linear policies does not beat random actions, "
            f"{found.best.mean():.4g} against {found.random.mean():.4g}, which it does in the nominal world"
        )
    solvable = not reason and low > 0
    return Solvability(known, solvable, float(found.best.mean()), float(found.random.mean()), low, high, reason, over)


def _actions_do_nothing(pair: WorldPair) -> bool:
    """Return whether two different sequences of actions lead to the same states, to the bit, in every world.

    Where no state can be seen, to the same observations and rewards.
    """
    still, free = pair.still, pair.free
    if has_state(pair.shifted):
        return bool((still.state == free.state).all())
    return bool((still.truth == free.truth).all() and (still.reward == free.reward).all())
