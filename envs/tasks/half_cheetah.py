"""HalfCheetah: a planar two-legged runner that is to run forward as fast as it can."""

from __future__ import annotations

from ..domain.streams import EpisodeDraws
from ..options import NotNegative
from ..physics.fidelity import Fidelity
from ..physics.physics import Physics
from .locomotion import Locomotion
from .starts import add_normal_velocity, add_uniform_position
from .task import Ids

__all__ = ["HalfCheetah"]


class HalfCheetah(Locomotion):
    """Gymnasium's HalfCheetah-v5, for many worlds at once; equal to it at the nominal domain and fidelity.

    Observation (17,), `x` left out unless `exclude_current_positions_from_observation` is False:

    | index | entry | range | unit |
    |---|---|---|---|
    | 0 | z of the front tip | -inf..inf | m |
    | 1 | angle of the torso | -inf..inf | rad |
    | 2-4 | angles of back thigh, shin, foot | -inf..inf | rad |
    | 5-7 | angles of front thigh, shin, foot | -inf..inf | rad |
    | 8-9 | velocity of the torso in x, z | -inf..inf | m/s |
    | 10 | angular velocity of the torso | -inf..inf | rad/s |
    | 11-16 | angular velocities of the joints, in the order of 2-7 | -inf..inf | rad/s |

    Action (6,): torques at back thigh, shin, foot and front thigh, shin, foot, -1..1, in units of
    120, 90, 60, 120, 60, 30 N m.

    Reward: `reward_forward` = weight x velocity in x (m/s) - ctrl_cost_weight x |action|^2 (`reward_ctrl`).

    Start: default pose plus uniform noise of +-reset_noise_scale; velocities normal with that sd.
    End: never terminated; truncated after 1,000 steps.

    Cheap fidelity: implicitfast with 2 substeps of 25 ms instead of 5 Euler steps of 10 ms.
    """

    frame_skip = 5
    cheap = Fidelity(integrator="implicitfast", sim_dt=0.025)
    model_file = "half_cheetah.xml"
    position_names = velocity_names = (
        *("rootx", "rootz", "rooty"),
        *("bthigh", "bshin", "bfoot", "fthigh", "fshin", "ffoot"),
    )

    def __init__(
        self,
        *,
        forward_reward_weight: float = 1.0,
        ctrl_cost_weight: float = 0.1,
        reset_noise_scale: NotNegative = 0.1,
        exclude_current_positions_from_observation: bool = True,
    ) -> None:
        """Take Gymnasium's own options, with its defaults."""
        super().__init__(
            forward_reward_weight=forward_reward_weight,
            ctrl_cost_weight=ctrl_cost_weight,
            reset_noise_scale=reset_noise_scale,
            exclude_current_positions_from_observation=exclude_current_positions_from_observation,
        )

    def reset(self, physics: Physics, ids: Ids, draws: EpisodeDraws) -> None:
        """Add uniform noise to the default pose and normal noise to the velocities."""
        add_uniform_position(physics, ids, draws, self._reset_noise_scale)
        add_normal_velocity(physics, ids, draws, self._reset_noise_scale)
