"""Walker2d: a planar two-legged figure that is to walk forward as fast as it can without falling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..options import NotNegative, Range
from ..physics.fidelity import Fidelity
from ..physics.physics import Physics
from .planar_walker import PlanarWalker
from .states import between

__all__ = ["Walker2d"]


class Walker2d(PlanarWalker):
    """Gymnasium's Walker2d-v5, for many worlds at once; equal to it at the nominal domain and fidelity.

    Observation (17,), `x` left out unless `exclude_current_positions_from_observation` is False:

    | index | entry | range | unit |
    |---|---|---|---|
    | 0 | z of the torso | -inf..inf | m |
    | 1 | angle of the torso | -inf..inf | rad |
    | 2-4 | angles of the right thigh, leg, foot | -inf..inf | rad |
    | 5-7 | angles of the left thigh, leg, foot | -inf..inf | rad |
    | 8-9 | velocity of the torso in x, z | -10..10 | m/s |
    | 10 | angular velocity of the torso | -10..10 | rad/s |
    | 11-16 | angular velocities of the joints, in the order of 2-7 | -10..10 | rad/s |

    Action (6,): torques at right thigh, leg, foot and left thigh, leg, foot, -1..1, in units of 100 N m.

    Reward: `reward_forward` = weight x velocity in x (m/s) + `reward_survive` = healthy_reward while healthy
    - ctrl_cost_weight x |action|^2 (`reward_ctrl`).

    Start: the model's default pose and zero velocity, each entry plus uniform noise of +-reset_noise_scale.
    End: terminated when unhealthy (height or angle of the torso outside its range); truncated after 1,000 steps.

    Cheap fidelity: implicitfast with the timestep doubled to 4 ms, 2 substeps, instead of RK4 with 4 x 2 ms.
    """

    frame_skip = 4
    cheap = Fidelity(integrator="implicitfast", sim_dt=0.004)
    model_file = "walker2d_v5.xml"
    position_names = velocity_names = (
        *("rootx", "rootz", "rooty", "thigh_joint", "leg_joint", "foot_joint"),
        *("thigh_left_joint", "leg_left_joint", "foot_left_joint"),
    )

    def __init__(
        self,
        *,
        forward_reward_weight: float = 1.0,
        ctrl_cost_weight: float = 1e-3,
        healthy_reward: float = 1.0,
        terminate_when_unhealthy: bool = True,
        healthy_z_range: Range = (0.8, 2.0),
        healthy_angle_range: Range = (-1.0, 1.0),
        reset_noise_scale: NotNegative = 5e-3,
        exclude_current_positions_from_observation: bool = True,
    ) -> None:
        """Take Gymnasium's own options, with its defaults."""
        super().__init__(
            forward_reward_weight=forward_reward_weight,
            ctrl_cost_weight=ctrl_cost_weight,
            healthy_reward=healthy_reward,
            terminate_when_unhealthy=terminate_when_unhealthy,
            reset_noise_scale=reset_noise_scale,
            exclude_current_positions_from_observation=exclude_current_positions_from_observation,
        )
        self._z_range = healthy_z_range
        self._angle_range = healthy_angle_range

    def healthy(self, physics: Physics) -> NDArray[np.bool_]:
        """Return where height and angle of the torso lie in their ranges, (num_envs,)."""
        return between(physics.qpos[:, 1], self._z_range) & between(physics.qpos[:, 2], self._angle_range)
