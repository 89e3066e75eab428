"""In time: what parameters have become later in the episode, where profiles move them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...domain.profiles import Profile
from ..pairs.recording import core, endless
from ..pairs.verdict import Quantity
from ..pairs.walks import measure_walks
from ..pairs.world_pair import WorldPair

__all__ = ["measure_in_time"]

Array = NDArray[np.float64]
Probe = Callable[[WorldPair, str], list[Quantity]]
_WALK = 100  # steps a random walk is followed
_LONGEST = 999  # steps of an episode that are looked at


def measure_in_time(pair: WorldPair, probe_of: Callable[[str], Probe]) -> list[Quantity]:
    """Run the shifted worlds on, and measure what moves when it has moved; and random walks by their steps.

    The worlds act at random, beyond any end; those with a fault do not count from then on, and if all have one there is
    nothing more to measure.

    Args:
        pair: the worlds at their start.
        probe_of: of a parameter, what measures it in worlds that stand still.
    """
    moments = {name: _moments(pair, name) for name in filter(pair.expectation.moves, pair.expectation.names)}
    last = max((num_steps for chosen in moments.values() for num_steps in chosen), default=0)
    if not last:
        return []
    worlds, faultless = core(pair.shifted), np.ones(core(pair.shifted).num_envs, np.bool_)
    found: list[Quantity] = []
    with endless(pair.shifted):
        pair.shifted.reset(seed=pair.seed)
        numbers, counts = [worlds.worlds.numbers.copy()], []
        for num_steps in range(1, last + 1):
            actions = pair.random_actions[(num_steps - 1) % len(pair.random_actions)]
            faultless = faultless & ~pair.shifted.step(actions)[4]["fault"]
            if not faultless.any():
                break
            numbers.append(worlds.worlds.numbers.copy())
            counts.append(faultless)
            for name in (name for name, chosen in moments.items() if num_steps in chosen):
                measured = probe_of(name)(pair.later(num_steps, faultless), name)
                found += [replace(quantity, name=f"{quantity.name} after {num_steps} steps") for quantity in measured]
    if pair.expectation.drawn and counts:
        found += measure_walks(pair.expectation.domain, np.stack(numbers), np.stack(counts))
    return found


def _moments(pair: WorldPair, parameter: str) -> frozenset[int]:
    """Return the numbers of control steps after which to look; none for a walk of which nobody can know where it is."""
    longest = min(int(core(pair.shifted).task.max_episode_steps), _LONGEST)
    known = [
        (p, starts) for p, starts in pair.expectation.profiles(parameter) if pair.expectation.drawn or not p.random
    ]
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
