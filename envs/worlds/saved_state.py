"""Saved states: flat named arrays, made of the named states of an environment's parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..domain.domain import Domain
from ..errors import EnvsError

__all__ = ["GROWING", "State", "flatten", "identity_of", "part_of", "require_fit"]

State = dict[str, NDArray[np.generic]]
IDENTITY = "identity"
GROWING = "growing."  # before the names of arrays with a row for every step taken: as many as there happen to be


def flatten(parts: Mapping[str, State]) -> State:
    """Return the states of all `parts` as one, each entry called `<part>.<entry>`."""
    return {f"{part}.{name}": values for part, state in parts.items() for name, values in state.items()}


def part_of(state: State, part: str) -> State:
    """Return the state of one part."""
    return {name.removeprefix(f"{part}."): values for name, values in state.items() if name.startswith(f"{part}.")}


def identity_of(domain: Domain, observation_names: Sequence[str]) -> NDArray[np.uint8]:
    """Return the sha256 of what a state must belong to, (32,): a drawn mass is not to become another's friction."""
    text = json.dumps([domain.to_mapping(), list(observation_names)], sort_keys=True)
    return np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8).copy()


def require_fit(own: State, state: State) -> None:
    """Check that `state` can replace `own`.

    Raises:
        EnvsError: naming the entries that differ, or saying that it comes from another task or domain.
    """
    names = own.keys() | state.keys()
    differs = [n for n in names if n not in own or n not in state or _shape(n, own) != _shape(n, state)]
    if differs:
        raise EnvsError(f"state: does not fit this environment; differing entries: {', '.join(sorted(differs))}")
    if not np.array_equal(own[IDENTITY], state[IDENTITY]):
        raise EnvsError("state: comes from another task or domain")


def _shape(name: str, state: State) -> tuple[int, ...]:
    """Return the shape that an entry must have to fit: without its rows where their number is free."""
    return state[name].shape[f".{GROWING}" in name :]
