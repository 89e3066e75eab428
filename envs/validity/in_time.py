"""In time: what a parameter has become later in the episode, where a profile moves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..domain import Entry
from ..parameters import PARAMETERS
from ..profiles import Profile, Walk
from .signals import CONFIDENCE
from .staging import core, staged
from .trial import Trial
from .verdict import Quantity

__all__ = ["measure_in_time"]

Array = NDArray[np.float64]
_WALK = 60  # steps a random walk is followed
_CLEAR = 5.0  # steps' sd from its ends at which they do not hold a walk back


def measure_in_time(trial: Trial, parameter: str, probe: Callable[[Trial, str], list[Quantity]]) -> list[Quantity]:
    """Return what `probe` measures at moments by which the profiles of the parameter have moved it, and a walk's steps.

    Nothing comes of a parameter that does not move, or of a moment by which a world diverges.
    """
    found: list[Quantity] = []
    for num_steps in _moments(trial, parameter):
        later = trial.after(num_steps)
        measured = probe(later, parameter) if later else []
        found += [replace(quantity, name=f"{quantity.name} after {num_steps} steps") for quantity in measured]
    walks = [entry for entry in trial.intention.entries(parameter) if isinstance(entry.in_time, Walk)]
    return found + [quantity for entry in walks for quantity in _steps_of_walk(trial, entry)]


def _moments(trial: Trial, parameter: str) -> list[int]:
    """Return the numbers of control steps after which to look."""
    longest = int(core(trial.shifted).task.max_episode_steps)
    chosen = (_moments_of(profile, start, longest) for profile, start in trial.intention.profiles(parameter))
    return sorted({num_steps for moments in chosen for num_steps in moments})


def _moments_of(profile: Profile, start: float, longest: int) -> tuple[int, ...]:
    """Return when half of the way is gone that a number goes within `longest` steps, and half as much time later.

    Two moments tell profiles apart that meet at one of them; a walk has gone somewhere by any.
    """
    if profile.random:
        return (min(_WALK, longest),)
    elapsed, starts = np.arange(longest), np.full(longest, start)
    way = np.abs(profile.number(starts, starts, elapsed, np.zeros(longest)) - start)
    if not way.any():
        return ()
    first = int(np.argmax(way >= way.max() / 2)) + 1  # what holds at the start of a step is there after it
    return first, min(first + first // 2 + 1, longest)


def _steps_of_walk(trial: Trial, entry: Entry) -> list[Quantity]:
    """Return the standard deviation of a walk's steps, by the readings of the first object that it moves."""
    walk, default = entry.in_time, PARAMETERS[entry.parameter].default(trial.intention.nominal)
    assert isinstance(walk, Walk)
    unit = default if entry.operation == "scale" else np.ones(len(default))
    moved = np.flatnonzero(trial.intention.named(entry.parameter) & (unit != 0))
    if not len(moved) or entry.one_of:
        return []
    offset = default[moved[0]] if entry.operation == "add" else 0.0
    name = trial.intention.objects(entry.parameter)[moved[0]]
    numbers = (_readings(trial, entry.parameter, name) - offset) / unit[moved[0]]
    free = (numbers > walk.low + _CLEAR * walk.sd) & (numbers < walk.high - _CLEAR * walk.sd)
    steps = np.diff(numbers, axis=0)[free[:-1]]
    if not len(steps):
        return []
    measured, error = float(np.sqrt(np.square(steps).mean())), CONFIDENCE * walk.sd / np.sqrt(2 * len(steps))
    how = "the standard deviation of its steps"
    return [Quantity(f"{entry.name} walk", 0.0, walk.sd, measured, error, how, "it does not walk as far as it should")]


def _readings(trial: Trial, parameter: str, name: str) -> Array:
    """Return what the object `name` reads after every step, (num_steps + 1, num_envs)."""
    worlds = core(trial.shifted).worlds
    rows = []
    with staged(trial.shifted):
        trial.shifted.reset(seed=trial.seed)
        rows.append(worlds.read(parameter)[name])
        for action in trial.random_actions[:_WALK]:
            trial.shifted.step(action)
            rows.append(worlds.read(parameter)[name])
    return np.stack(rows)
