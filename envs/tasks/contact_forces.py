"""Contact forces: cfrc_ext, which MuJoCo computes only for a model that has a use for it.

Gymnasium calls mj_rnePostConstraint after every step. Here a sensor that needs the same quantity makes MuJoCo call
it itself, in the first evaluation of every substep. With an integrator of one evaluation (Euler, implicit,
implicitfast) the values are Gymnasium's; with RK4 Gymnasium's are those of its last stage, inside the last
substep, and these are those of its start.
"""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..physics.physics import Physics

__all__ = ["add_contact_forces", "contact_force_names", "contact_forces"]

Array = NDArray[np.float64]


def add_contact_forces(spec: mujoco.MjSpec) -> mujoco.MjSpec:
    """Return `spec` with a sensor that makes MuJoCo compute cfrc_ext; it changes nothing else."""
    body = spec.bodies[1].name
    spec.add_sensor(
        name="contact_forces",
        type=mujoco.mjtSensor.mjSENS_FRAMELINACC,
        objtype=mujoco.mjtObj.mjOBJ_BODY,
        objname=body,
    )
    return spec


def contact_forces(physics: Physics) -> Array:
    """Return the live contact force on every body, (num_envs, nbody, 6): torque in N m, force in N.

    To hold values, it must have been called before the step or forward call that computes them.
    """
    return physics.bind("cfrc_ext")


def contact_force_names(bodies: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the six entries of each of `bodies`."""
    return tuple(f"cfrc_ext.{body}.{k}" for body in bodies for k in range(6))
