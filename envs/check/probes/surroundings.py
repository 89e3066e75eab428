"""Gravity and fluid, by the forces they put on the robot."""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np
from numpy.typing import NDArray

from .measure import Measure

__all__ = ["SURROUNDINGS_MEASURES", "measure_gravity"]

Array = NDArray[np.float64]
Measured = dict[str, float]
_NUM_POSES = 8


def measure_gravity(model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> Array:
    """Return the gravity that joints feel, (3,) m/s^2: NaN along axes in which there is some but no joint can tell.

    At rest, the generalised bias force is -sum_b m_b J_b^T g with J_b the Jacobian of a body's centre of mass
    (Featherstone 2008, Rigid Body Dynamics Algorithms, section 5.3); g follows by least squares over some poses.
    """
    rows, forces = [], []
    for _ in range(_NUM_POSES):
        data.qpos[:] = model.qpos0
        mujoco.mj_integratePos(model, data.qpos, rng.uniform(-1, 1, model.nv), 1.0)
        data.qvel[:] = 0.0
        mujoco.mj_fwdPosition(model, data)
        mujoco.mj_fwdVelocity(model, data)
        rows.append(-_weighted_jacobian(model, data).T)
        forces.append(data.qfrc_bias.copy())
    matrix = np.concatenate(rows)
    gravity: Array = np.linalg.lstsq(matrix, np.concatenate(forces), rcond=1e-9)[0]
    felt = np.linalg.norm(matrix, axis=0) > 1e-9 * np.linalg.norm(matrix)
    return np.where(felt | (model.opt.gravity == 0), np.where(felt, gravity, 0.0), np.nan)


def _weighted_jacobian(model: mujoco.MjModel, data: mujoco.MjData) -> Array:
    """Return sum_b m_b J_b, (3, nv)."""
    total = np.zeros((3, model.nv))
    for body in range(1, model.nbody):
        jacobian = np.zeros((3, model.nv))
        mujoco.mj_jacBodyCom(model, data, jacobian, None, body)
        total += model.body_mass[body] * jacobian
    return total


def _size(gravity: Array) -> float:
    return float(np.linalg.norm(gravity))


def _tilt_x(gravity: Array) -> float:
    """Return the angle about x that comes before the one about y, for a model whose gravity points down."""
    return float(np.arctan2(gravity[1], np.hypot(gravity[0], gravity[2])))


def _tilt_y(gravity: Array) -> float:
    return float(np.arctan2(-gravity[0], -gravity[2]))


def _gravity(number: Callable[[Array], float], what: str, *, offset: bool = False) -> Measure:
    return Measure(
        lambda m, d, rng: {"*": number(measure_gravity(m, d, rng))},
        f"the {what} by the joints' forces at rest",
        offset=offset,
    )


def _fluid(option: str, index: int | None = None) -> Measure:
    """Return the measure of an option of the medium: its number in what runs, if a moving robot feels the medium."""

    def take(model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> Measured:
        data.qvel[:] = 1.0
        mujoco.mj_forward(model, data)
        value = getattr(model.opt, option)
        number = float(value if index is None else value[index])
        return {"*": number if data.qfrc_fluid.any() or not number else 0.0}

    return Measure(take, "the running world's, felt by a moving robot", hint="no force of a medium acts on the robot")


SURROUNDINGS_MEASURES = {
    "gravity": _gravity(_size, "gravity"),
    "gravity_tilt_x": _gravity(_tilt_x, "tilt of gravity", offset=True),
    "gravity_tilt_y": _gravity(_tilt_y, "tilt of gravity", offset=True),
    "density": _fluid("density"),
    "viscosity": _fluid("viscosity"),
    "wind_x": _fluid("wind", 0),
    "wind_y": _fluid("wind", 1),
    "wind_z": _fluid("wind", 2),
}
