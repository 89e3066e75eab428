"""Readings: parameters without a measurement of their own, by what they read, and that the running model differs."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from ...physics.fields.parameters import PARAMETERS
from .recording import core
from .verdict import Quantity, worst_of
from .world_pair import WorldPair

__all__ = ["differing_fields", "probe_live_value", "probe_reading"]

Array = NDArray[np.float64]
_ROUNDING = 0.0051  # relative: builds are rounded to hundredths
_SIZES = ("nq", "nv", "nu", "nbody", "njnt", "ngeom")


def differing_fields(model: mujoco.MjModel, nominal: mujoco.MjModel) -> list[str]:
    """Return the names of the numbers in which two running models differ, options among them as `opt.<name>`."""
    found = []
    for owner, other, prefix in ((model, nominal, ""), (model.opt, nominal.opt, "opt.")):
        for name in dir(owner):
            if name.startswith("_") or callable(getattr(owner, name, None)):
                continue
            mine, theirs = getattr(owner, name), getattr(other, name)
            if isinstance(mine, int | float | np.ndarray) and not np.array_equal(mine, theirs):
                found.append(prefix + name)
    return found


def probe_reading(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return the parameter's own reading; the nominal value if no number of the running model differs from nominal.

    A parameter that cannot be read is not measured.
    """
    row = PARAMETERS[parameter]
    if not hasattr(row, "read"):
        return []
    default, intended = row.default(pair.expectation.nominal), pair.expectation.values(parameter)
    measured = pair.of_sound_worlds(np.asarray(row.read(core(pair.shifted).physics), np.float64))
    changed = differing_fields(pair.shifted_models[0], pair.nominal_model)
    if not changed:
        measured = np.tile(default, (len(measured), 1))
    return [
        worst_of(
            f"{parameter}[{name}]",
            "its reading from the running physics",
            nominal=float(default[i]),
            intended=intended[:, i],
            measured=measured[:, i],
            tolerance=_ROUNDING * np.maximum(np.abs(intended[:, i]), 1e-9),
            hint="" if changed else "no number of the running model differs from the nominal one",
        )
        for i, name in enumerate(pair.expectation.objects(parameter))
        if pair.expectation.named(parameter)[i]
    ]


def probe_live_value(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return a channel parameter's live values, which its stage reads at every step; nothing of others' worlds."""
    worlds = core(pair.shifted)
    if worlds.domain != pair.expectation.domain:
        return []  # a wrapper's own channel, whatever it keeps its values in
    intended, measured = (
        pair.expectation.values(parameter),
        pair.of_sound_worlds(worlds.worlds.values(parameter)),
    )
    if PARAMETERS[parameter].rule.integer:
        intended = np.floor(intended + 0.5)
    return [
        worst_of(
            f"{parameter}[{name}]",
            "the value that the channel reads",
            nominal=pair.expectation.nominal_value(parameter),
            intended=intended[:, i],
            measured=measured[:, i],
            tolerance=1e-9 * np.maximum(np.abs(intended[:, i]), 1e-3),
        )
        for i, name in enumerate(pair.expectation.objects(parameter))
        if pair.expectation.named(parameter)[i]
    ]
