"""Swimmer: a chain of three links that is to swim forward through a viscous fluid as fast as it can."""

from __future__ import annotations

from ..options import NotNegative
from ..physics.fidelity import Fidelity
from .locomotion import Locomotion

__all__ = ["Swimmer"]


class Swimmer(Locomotion):
    """Gymnasium's Swimmer-v5, for many worlds at once; equal to it at the nominal domain and fidelity.

    Observation (8,), `x` and `y` left out unless `exclude_current_positions_from_observation` is False:

    | index | entry | range | unit |
    |---|---|---|---|
    | 0 | angle of the front link | -inf..inf | rad |
    | 1-2 | angles of the first and second rotor | -inf..inf | rad |
    | 3-4 | velocity of the front tip in x, y | -inf..inf | m/s |
    | 5 | angular velocity of the front link | -inf..inf | rad/s |
    | 6-7 | angular velocities of the rotors | -inf..inf | rad/s |

    Action (2,): torques at the first and second rotor, -1..1, in units of 150 N m.

    Reward: `reward_forward` = weight x velocity in x (m/s) - ctrl_cost_weight x |action|^2 (`reward_ctrl`).

    Start: straight and at rest, each entry of position and velocity plus uniform noise of +-reset_noise_scale.
    End: never terminated; truncated after 1,000 steps.

    Cheap fidelity: implicitfast with the timestep doubled to 20 ms, 2 substeps, instead of RK4 with 4 x 10 ms.
    """

    frame_skip = 4
    cheap = Fidelity(integrator="implicitfast", sim_dt=0.02)
    model_file = "swimmer.xml"
    position_names = velocity_names = ("slider1", "slider2", "free_body_rot", "motor1_rot", "motor2_rot")
    axes = ("x", "y")

    def __init__(
        self,
        *,
        forward_reward_weight: float = 1.0,
        ctrl_cost_weight: float = 1e-4,
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
