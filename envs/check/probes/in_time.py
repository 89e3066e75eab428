"""In time: what parameters have become later in the episode, where profiles move them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...domain.profiles import Profile
from ..pairs.staging import core, staged
from ..pairs.trial import Trial
from ..pairs.verdict import Quantity
from ..pairs.walks import measure_walks

__all__ = ["measure_in_time"]

Array = NDArray[np.float64]
Probe = Callable[[Trial, str], list[Quantity]]
_WALK = 100  # steps a random walk is followed
_LONGEST = 999  # steps of an episode that are looked at


def measure_in_time(trial: Trial, probe_of: Callable[[str], Probe]) -> list[Quantity]:
    """Run the shifted worlds on, and measure what moves when it has moved; and random walks by their steps.

    The worlds act at random, beyond any end; those with a fault do not count from then on, and if all have one there is
    nothing more to measure.

    Args:
        trial: the worlds at their start.
        probe_of: of a parameter, what measures it in worlds that stand still.
    """
    moments = {name: _moments(trial, name) for name in filter(trial.intention.moves, trial.intention.names)}
    last = max((num_steps for chosen in moments.values() for num_steps in chosen), default=0)
    if not last:
        return []
    worlds, faultless = core(trial.shifted), np.ones(core(trial.shifted).num_envs, np.bool_)
    found: list[Quantity] = []
    with staged(trial.shifted):
        trial.shifted.reset(seed=trial.seed)
        numbers, counts = [worlds.worlds.numbers.copy()], []
        for num_steps in range(1, last + 1):
            actions = trial.random_actions[(num_steps - 1) % len(trial.random_actions)]
            faultless = faultless & ~trial.shifted.step(actions)[4]["fault"]
            if not faultless.any():
                break
            numbers.append(worlds.worlds.numbers.copy())
            counts.append(faultless)
            for name in (name for name, chosen in moments.items() if num_steps in chosen):
                measured = probe_of(name)(trial.later(num_steps, faultless), name)
                found += [replace(quantity, name=f"{quantity.name} after {num_steps} steps") for quantity in measured]
    if trial.intention.drawn and counts:
        found += measure_walks(trial.intention.domain, np.stack(numbers), np.stack(counts))
    return found


def _moments(trial: Trial, parameter: str) -> frozenset[int]:
    """Return the numbers of control steps after which to look; none for a walk of which nobody can know where it is."""
    longest = min(int(core(trial.shifted).task.max_episode_steps), _LONGEST)
    known = [(p, starts) for p, starts in trial.intention.profiles(parameter) if trial.intention.drawn or not p.random]
    return frozenset(num_steps for profile, starts in known for num_steps in _moments_of(profile, starts, longest))


def _moments_of(profile: Profile, starts: Array, longest: int) -> tuple[int, ...]:
    """Return after how many steps to look at a number that starts at one of `starts` (num_envs,).

    That is when the one that moves furthest has gone half of its way, half as much time later, and when it has turned
    back or has stood still at its end for a while: profiles that meet at one moment differ at another.
    """
    if profile.random:
        return (min(_WALK, longest),)
    elapsed, column = np.arange(longest), starts[:, None]
    ways = np.abs(profile.number(column, column, elapsed, np.zeros(longest)) - column)
    way = ways[int(np.argmax(ways.max(axis=1)))]
    if not way.any():
        return ()
    half, peak = int(np.argmax(way >= way.max() / 2)), int(np.argmax(way >= way.max() * (1 - 1e-9)))
    back = way[peak:]
    turned = peak + int(np.argmax(back <= (back.min() + back.max()) / 2))
    beyond = turned if turned > peak else peak + peak // 2 + 1
    # what holds when a step begins is there after it
    return tuple(min(step, longest - 1) + 1 for step in (half, half + half // 2 + 1, beyond))
