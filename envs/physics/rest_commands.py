"""The commands under which a model's actuators leave a pose as it is."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

__all__ = ["RestCommands"]

Array = NDArray[np.float64]
_POSITION_INPUT = 1  # bit of actuator_ctrlspec: the first control is a target position


class RestCommands:
    """The commands at which actuators exert no force at a pose and zero velocity, before any clipping.

    Where gain and bias are affine in the actuator's length l, force = (g0 + g1 l) u + b0 + b1 l, which is zero at
    u = -(b0 + b1 l) / (g0 + g1 l): the pose itself for a position servo, b0 = 0 and b1 = -g0, and 0 for motors and
    velocity servos. PID controllers and DC motors whose input is a position rest at it. All others rest at 0: dampers,
    which have no gain at rest, muscles, and integrators, whose activation stays what it is under a command of 0.
    Source: MuJoCo's documentation, Computation, Actuation model.

    Attributes:
        depends_on_pose: whether any actuator rests at another command than 0.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        """Look at the kinds of the model's actuators."""
        affine = np.isin(model.actuator_gaintype, (mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtGain.mjGAIN_AFFINE))
        affine &= model.actuator_biastype == mujoco.mjtBias.mjBIAS_AFFINE
        affine &= model.actuator_dyntype != mujoco.mjtDyn.mjDYN_INTEGRATOR
        affine &= (model.actuator_ctrlnum == 1) & (model.actuator_plugin < 0)
        controlled = np.isin(model.actuator_gaintype, (mujoco.mjtGain.mjGAIN_PID, mujoco.mjtGain.mjGAIN_DCMOTOR))
        controlled &= model.actuator_ctrlspec & _POSITION_INPUT != 0
        single = model.actuator_outnum == 1
        self._model = model
        self._affine, self._controlled = np.flatnonzero(affine & single), np.flatnonzero(controlled & single)
        self._slope = model.actuator_gaintype[self._affine] == mujoco.mjtGain.mjGAIN_AFFINE
        self.depends_on_pose = bool(len(self._affine) or len(self._controlled))

    def compute(self, length: Array, gain: Array, bias: Array) -> Array:
        """Return the commands, (k, nu); 0.0 is never negative.

        Args:
            length: (k, nout) actuator_length, the length of each force output.
            gain: (k, nactuator, n) actuator_gainprm, or (1, nactuator, n) where all worlds share it.
            bias: likewise actuator_biasprm.
        """
        model, chosen, targets = self._model, self._affine, self._controlled
        at, gain, bias = length[:, model.actuator_outadr[chosen]], gain[:, chosen], bias[:, chosen]
        force_per_command = gain[:, :, 0] + self._slope * gain[:, :, 1] * at
        force = bias[:, :, 0] + bias[:, :, 1] * at
        solvable = force_per_command != 0.0
        rest = np.where(solvable, -force / np.where(solvable, force_per_command, 1.0), 0.0)
        commands = np.zeros((len(length), model.nu))
        commands[:, model.actuator_ctrladr[chosen]] = rest + 0.0  # -0.0 becomes 0.0
        commands[:, model.actuator_ctrladr[targets]] = length[:, model.actuator_outadr[targets]]
        return commands
