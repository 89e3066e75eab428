"""Mass and inertia, from the running model, and whether they belong together."""

from __future__ import annotations

import copy

import mujoco
import numpy as np
from numpy.typing import NDArray

from ...physics.fields.parameters import PARAMETERS
from ..pairs.verdict import Quantity, worst_of
from ..pairs.world_pair import WorldPair, body_ids
from .measure import EXACT, Measure, measure_parameter

__all__ = ["CENTRE_OF_MASS", "probe_centre", "probe_mass"]

Array = NDArray[np.float64]
_REBUILT = ("link_length", "link_thickness")  # the compiler computes masses anew
_HOW_MASS = "the mass in the running model"
_REACHES_NONE = "the edit reaches no running model"


def probe_mass(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return masses, their total, inertias in proportion, and whether the derived constants follow.

    The domain's body_mass, payload and body_inertia are taken together: a body should have its mass plus its
    payload, a point at the centre of mass without inertia, and an inertia that scales as its mass and by itself.
    """
    if any(map(pair.expectation.has, _REBUILT)):
        return []
    mass, inertia = _intended(pair)
    nominal = pair.nominal_model
    rows = pair.read_ids
    quantities = []
    for name, body in body_ids(nominal).items():
        if not nominal.body_mass[body] or name not in mass:
            continue
        found = np.array([float(model.body_mass[body]) for model in pair.shifted_models])
        ratio = np.array([_spread_ratio(model, nominal, body) for model in pair.shifted_models])
        before = float(nominal.body_mass[body])
        quantities.append(_quantity(f"body_mass[{name}]", _HOW_MASS, before, mass[name][rows], found, _REACHES_NONE))
        hint = f"the body's mass is {found[0] / before:.4g} times the nominal one, its inertia does not fit that"
        how = "its inertia in units of the nominal one"
        quantities.append(_quantity(f"inertia of {name}", how, 1.0, inertia[name][rows], ratio, hint))
    return [*quantities, _total(pair, mass), *_constants(pair)]


def _intended(pair: WorldPair) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return body -> mass (num_envs,) in kg, and body -> inertia in units of the nominal one."""
    expectation, nominal = pair.expectation, pair.nominal_model
    mass, inertia = expectation.by_object("body_mass"), {}
    scale, payload = expectation.by_object("body_inertia"), expectation.by_object("payload")
    for name in list(mass):
        inertia[name] = mass[name] / nominal.body_mass[body_ids(nominal)[name]]
        if name in scale and expectation.has("body_inertia"):
            default = expectation.objects("body_inertia").index(name)
            inertia[name] = inertia[name] * scale[name] / _default(pair, "body_inertia")[default]
        if name in payload and expectation.has("payload"):
            mass[name] = mass[name] + payload[name]
    return mass, inertia


def _default(pair: WorldPair, parameter: str) -> Array:
    default: Array = PARAMETERS[parameter].default(pair.expectation.nominal)
    return default


def _spread_ratio(model: mujoco.MjModel, nominal: mujoco.MjModel, body: int) -> float:
    """Return that principal inertia over its nominal which is furthest from the others' mean."""
    before = nominal.body_inertia[body]
    ratio = model.body_inertia[body][before > 0] / before[before > 0]
    return float(ratio[np.argmax(np.abs(ratio - ratio.mean()))]) if len(ratio) else np.nan


def _quantity(name: str, how: str, before: float, intended: Array, found: Array, hint: str) -> Quantity:
    tolerance = EXACT * np.abs(intended) + 1e-12
    return worst_of(name, how, nominal=before, intended=intended, measured=found, tolerance=tolerance, hint=hint)


def _total(pair: WorldPair, mass: dict[str, Array]) -> Quantity:
    """Return the robot's mass as MuJoCo sums it up: a total that is out of date shows here."""
    nominal = pair.nominal_model
    named = set(mass)
    rest = sum(float(nominal.body_mass[i]) for name, i in body_ids(nominal).items() if name not in named)
    intended = sum((values[pair.read_ids] for values in mass.values()), np.full(len(pair.read_ids), rest))
    found = np.array([float(model.body_subtreemass[0]) for model in pair.shifted_models])
    hint = "MuJoCo's derived total is out of date or the edit reaches no running model"
    before = float(nominal.body_subtreemass[0])
    return _quantity("total mass", "the subtree mass of the running model", before, intended, found, hint)


def _constants(pair: WorldPair) -> list[Quantity]:
    """Return whether the constants that MuJoCo derives from masses are those of the running model's masses."""
    quantities = []
    for field in ("dof_M0", "body_invweight0", "dof_invweight0"):
        found, fresh = [], []
        for model in pair.shifted_models:
            stored = np.array(getattr(model, field)).ravel()
            derived = np.array(getattr(_recomputed(model), field)).ravel()
            worst = int(np.argmax(np.abs(stored - derived) / (np.abs(derived) + 1e-12))) if len(derived) else -1
            found.append(float(stored[worst]) if worst >= 0 else np.nan)
            fresh.append(float(derived[worst]) if worst >= 0 else np.nan)
        how = f"{field} of the running model"
        hint = "constants derived from masses are out of date; mj_setConst was not called"
        quantities.append(_quantity(f"derived {field}", how, np.nan, np.array(fresh), np.array(found), hint))
    return quantities


def _recomputed(model: mujoco.MjModel) -> mujoco.MjModel:
    fresh = copy.copy(model)
    mujoco.mj_setConst(fresh, mujoco.MjData(fresh))
    return fresh


def probe_centre(measure: Measure, pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return where centres of mass are; nothing where a link is rebuilt, whose own centre the compiler moves."""
    if any(map(pair.expectation.has, _REBUILT)):
        return []
    return measure_parameter(pair, parameter, measure)


def _centre(axis: int) -> Measure:
    def take(model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> dict[str, float]:
        """Return where each body's centre of mass lies along the axis of its own frame, m."""
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        offsets = {}
        for name, body in body_ids(model).items():
            frame = data.xmat[body].reshape(3, 3)
            offsets[name] = float((frame.T @ (data.xipos[body] - data.xpos[body]))[axis])
        return offsets

    how = "the shift of the centre of mass in the running world's kinematics"
    return Measure(take, how, offset=True, hint=_REACHES_NONE)


CENTRE_OF_MASS = {"body_com_x": _centre(0), "body_com_y": _centre(1), "body_com_z": _centre(2)}
