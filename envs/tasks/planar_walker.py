"""PlanarWalker: what hopper and walker2d share, both held to the x-z plane."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..physics.physics import Physics
from .locomotion import HealthyLocomotion
from .states import quiet

__all__ = ["PlanarWalker"]

Array = NDArray[np.float64]
_FASTEST = 10.0  # m/s or rad/s: where observed velocities are clipped


class PlanarWalker(HealthyLocomotion):
    """Observed velocities are clipped, the height above the start is reported."""

    def observe(self, physics: Physics) -> Array:
        """Return positions and clipped velocities, (num_envs, obs_dim)."""
        velocity = np.clip(physics.qvel, -_FASTEST, _FASTEST)
        return np.concatenate((physics.qpos[:, self._skip :], velocity), axis=1)

    @quiet
    def reset_info(self, physics: Physics) -> dict[str, Array]:
        """Return position (m) and height above the start (m), each (num_envs,)."""
        height = physics.qpos[:, 1] - physics.start_qpos[..., 1]
        return {**super().reset_info(physics), "z_distance_from_origin": height}
