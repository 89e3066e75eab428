"""Unchanged: channels and model leave alone everything that no parameter of the domain names."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from ...physics.fidelity import NOMINAL
from ...physics.fields.parameters import PARAMETERS
from ...physics.parameter import ChannelParameter, MorphologyParameter
from ..pairs.readings import differing_fields
from ..pairs.verdict import Quantity
from ..pairs.world_pair import WorldPair

__all__ = ["probe_untouched"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def probe_untouched(pair: WorldPair) -> list[Quantity]:
    """Return the largest difference between what went in and what came out, where there should be none.

    Readings, controls and forces on bodies are looked at if the domain touches any of them; of the running models, all
    numbers, and those that differ though nothing names them are a finding.
    """
    quantities = _other_fields(pair)
    sound = pair.free.sound
    for way, names in _WAYS.items():
        if not any(_way(name) == way for name in pair.expectation.names):
            continue
        came_in, came_out = (x[:, sound] for x in _signals(pair, way))
        alone = ~_touched(pair, way, came_out.shape[2])
        if alone.any():
            largest = float(np.abs(came_out - came_in)[:, :, alone].max(initial=0.0))
            how = f"the largest change of {names} that nothing in the domain names"
            hint = "a channel acts on entries that were not selected"
            quantities.append(Quantity(f"other {names}", 0.0, 0.0, largest, 1e-12, how, hint))
    return quantities


def _other_fields(pair: WorldPair) -> list[Quantity]:
    """Return how many fields of the running models differ that should not, if any do."""
    entries = pair.expectation.domain.entries
    if any(isinstance(PARAMETERS[entry.parameter], MorphologyParameter) for entry in entries):
        return []  # compiled from another description: anything may differ
    named = {field for entry in entries for field in getattr(PARAMETERS[entry.parameter], "fields", ())}
    differing = {f for model in pair.shifted_models for f in differing_fields(model, pair.nominal_model)}
    if pair.expectation.domain.fidelity != NOMINAL:
        differing = {field for field in differing if not field.startswith("opt.")}
    other = sorted(differing - named - _DERIVED - _other_ways(pair))
    if not other:
        return []
    how = f"the number of fields that differ and that nothing in the domain names ({', '.join(other)})"
    return [
        Quantity("other fields of the model", 0.0, 0.0, float(len(other)), 0.5, how, "something else is edited too")
    ]


def _other_ways(pair: WorldPair) -> set[str]:
    """Return fields by which a parameter may be applied in another way than ours, to the same effect.

    The strength of a motor, whose force does not depend on the joint, may be scaled by its gear as well as by its gain;
    that of a servo may not, as the gear also scales what it measures.
    """
    if not pair.expectation.has("actuator_strength"):
        return set()
    nominal = pair.nominal_model
    geared = {i for m in pair.shifted_models for i in np.flatnonzero((m.actuator_gear != nominal.actuator_gear).any(1))}
    servos = nominal.actuator_biasprm.any(axis=1) | (nominal.actuator_gaintype != mujoco.mjtGain.mjGAIN_FIXED)
    return {"actuator_gear"} if not any(servos[i] for i in geared) else set()


# What MuJoCo makes of masses, inertias, centres of mass, armature and positions: mj_setConst, its compiler.
_DERIVED = frozenset(
    [
        "actuator_acc0",
        "body_invweight0",
        "body_sameframe",
        "body_simple",
        "body_subtreemass",
        "bvh_aabb",
        "cam_mat0",
        "cam_pos0",
        "cam_poscom0",
        "dof_M0",
        "dof_invweight0",
        "dof_length",
        "dof_simplenum",
        "geom_sameframe",
        "light_dir0",
        "light_pos0",
        "light_poscom0",
        "site_sameframe",
        "tendon_invweight0",
        "tendon_length0",
    ]
)
_WAYS = {"action": "actions", "observation": "observations", "body": "forces"}


def _way(name: str) -> str | None:
    """Return what a channel parameter acts on; None for what is no channel, or the step itself."""
    parameter = PARAMETERS[name]
    if not isinstance(parameter, ChannelParameter):
        return None
    first = name.partition("_")[0]
    return first if first in _WAYS else "body" if parameter.per == "body" else None


def _signals(pair: WorldPair, way: str) -> tuple[Array, Array]:
    """Return what goes in and what comes out, (num_steps, num_envs, n) each."""
    if way == "action":
        return pair.free.actions, pair.free.ctrl
    if way == "observation":
        return pair.free.truth, pair.free.obs
    forces = pair.free.forces[:, :, 1:].reshape(*pair.free.forces.shape[:2], -1)
    return np.zeros(forces.shape), forces


def _touched(pair: WorldPair, way: str, dim: int) -> Mask:
    """Return which of the entries any parameter of the domain names, (dim,)."""
    touched = np.zeros(dim, np.bool_)
    for name in pair.expectation.names:
        if _way(name) != way:
            continue
        named = pair.expectation.named(name)
        touched |= np.ones(dim, np.bool_) if len(named) == 1 else np.repeat(named, dim // len(named))
    return touched
