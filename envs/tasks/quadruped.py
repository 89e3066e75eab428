"""Quadruped: a four-legged robot that is to walk at the velocity it is commanded."""

from __future__ import annotations

from importlib import resources

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..domain.streams import EpisodeDraws, StepNoise
from ..options import NotNegative, Range
from ..physics.fidelity import Fidelity
from ..physics.physics import Physics
from .groups import POLICY, PRIVILEGED, Group
from .states import quiet
from .task import Ids, Measured

__all__ = ["Quadruped"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
FEET = ("FL", "FR", "RL", "RR")
JOINTS = tuple(f"{leg}_{joint}" for leg in FEET for joint in ("hip", "thigh", "calf"))
POSE = np.array([0.1, 0.8, -1.5, -0.1, 0.8, -1.5, 0.1, 1.0, -1.5, -0.1, 1.0, -1.5])  # rad
HEIGHT = 0.29  # m, of the trunk above the ground at the start: the feet just touch it
_SOFT = 0.9  # share of a joint's range, about its middle, that costs nothing
_TOUCH = 1.0  # N, of a foot that stands


class Quadruped:
    """A robot of the class of Unitree's Go2 that follows a command; its numbers' sources: assets/quadruped.xml.

    Observation group `policy` (45,), nothing that the robot does not measure or know:

    | index | entry | unit |
    |---|---|---|
    | 0-2 | direction of gravity in the frame of the trunk | 1 |
    | 3-5 | angular velocity of the trunk in its own frame | rad/s |
    | 6-17 | angles of the joints from the default pose: hip, thigh, calf of FL, FR, RL, RR | rad |
    | 18-29 | angular velocities of the joints | rad/s |
    | 30-41 | the last action | rad |
    | 42-44 | command: velocity forward, to the left, turning left | m/s, m/s, rad/s |

    Observation group `privileged` (7,), for critics in simulation: velocity of the trunk in its own frame (m/s), and
    which foot stands (0 or 1). The world's random parameters follow, where there are any.

    Action (12,): targets of the joints' servos, -1..1 rad from the default pose.

    Command: each component uniform in its range, with probability `command_zero` all zero; in every control step drawn
    anew with probability ctrl_dt / `command_time`.

    Reward, every term times its weight and ctrl_dt; v and w are the trunk's velocities in its own frame:

    | term | value |
    |---|---|
    | `alive` | 1 |
    | `track_velocity`, `track_yaw` | exp(-|error|^2 / 0.25) of the planar velocity, m/s, and of the yaw rate, rad/s |
    | `upright` | -|gravity_xy|^2 |
    | `bounce` | -(v_z^2 + 0.05 |w_xy|^2) |
    | `torque`, `action_rate` | -|torque|^2, -|action - last action|^2 |
    | `air_time` | where a foot lands under a command: its time in the air beyond 0.1 s, at most 0.3 s, over all feet |
    | `slip` | -|horizontal velocity|^2 of standing feet, summed |
    | `joint_limits` | -(rad beyond 0.9 of the joints' ranges), summed |
    | `stand_still` | -|joint angles from the default pose|, summed, without a command |

    The terms and their form follow legged_gym (Rudin et al. 2022, arXiv 2109.11978).

    Start: default pose with +-0.1 rad, velocities of the trunk +-0.2 (m/s, rad/s).
    End: terminated when the trunk tilts by more than 60 degrees or sinks below 0.12 m; truncated after 1,000 steps of
    20 ms.

    Cheap fidelity: 2 steps of 10 ms instead of 5 of 4 ms.
    """

    frame_skip = 5
    max_episode_steps = 1000
    cheap = Fidelity(integrator="implicitfast", sim_dt=0.01)

    def __init__(
        self,
        *,
        command_x: Range = (-1.0, 1.0),
        command_y: Range = (-0.5, 0.5),
        command_yaw: Range = (-1.0, 1.0),
        command_zero: NotNegative = 0.1,
        command_time: NotNegative = 5.0,
        alive: float = 0.5,
        track_velocity: float = 3.0,
        track_yaw: float = 1.0,
        upright: float = 1.0,
        bounce: float = 0.5,
        torque: float = 2e-4,
        action_rate: float = 0.01,
        air_time: float = 20.0,
        slip: float = 0.1,
        joint_limits: float = 2.0,
        stand_still: float = 0.25,
    ) -> None:
        """Set the ranges of commands (m/s, m/s, rad/s), how often they are zero and change (s), the terms' weights."""
        self._low, self._high = np.array([command_x, command_y, command_yaw]).T
        self._zero, self._time = command_zero, max(command_time, 1e-6)
        self._weights = {
            "alive": alive,
            "track_velocity": track_velocity,
            "track_yaw": track_yaw,
            "upright": upright,
            "bounce": bounce,
            "torque": torque,
            "action_rate": action_rate,
            "air_time": air_time,
            "slip": slip,
            "joint_limits": joint_limits,
            "stand_still": stand_still,
        }
        self._memory: dict[str, Array] = {}
        self._action: Array | None = None  # (num_envs, 12) of the step being rewarded

    def spec(self) -> mujoco.MjSpec:
        """Return the model of assets/quadruped.xml."""
        path = resources.files(__package__) / "assets" / "quadruped.xml"
        return mujoco.MjSpec.from_string(path.read_text(encoding="utf-8"))

    def observation_groups(self) -> dict[str, Group]:
        """Return what the robot has, and what only a simulator knows."""
        axes = ("x", "y", "z")
        names = [f"gravity.{a}" for a in axes] + [f"gyro.{a}" for a in axes]
        for kind in ("angle", "velocity", "last_action"):
            names += [f"{kind}.{joint}" for joint in JOINTS]
        names += ["command.x", "command.y", "command.yaw"]
        known = [f"trunk_velocity.{a}" for a in axes] + [f"contact.{foot}" for foot in FEET]
        return {POLICY: Group(tuple(names)), PRIVILEGED: Group(tuple(known))}

    def memory(self) -> dict[str, NDArray[np.generic]]:
        """Return command (num_envs, 3), last action (num_envs, 12) and the feet's time in the air, s, (num_envs, 4)."""
        return dict(self._memory)

    def _require_room(self, physics: Physics) -> None:
        """Make room for what is remembered of all worlds, once."""
        if not self._memory:
            sizes = {"command": 3, "last_action": len(JOINTS), "air_time": len(FEET)}
            self._memory = {name: np.zeros((physics.num_envs, size)) for name, size in sizes.items()}
            physics.bind("sensordata")
            physics.bind("actuator_force")

    def reset(self, physics: Physics, ids: Ids, draws: EpisodeDraws) -> None:
        """Stand in the default pose, up to noise, with a first command."""
        self._require_room(physics)
        physics.qpos[ids, 2] = HEIGHT
        physics.qpos[ids, 7:] = POSE + draws.uniform(-0.1, 0.1, len(JOINTS))
        physics.qvel[ids, :6] = draws.uniform(-0.2, 0.2, 6)
        self._memory["command"][ids] = self._commands(draws.random(4))
        self._memory["last_action"][ids] = 0.0
        self._memory["air_time"][ids] = 0.0

    def advance(self, physics: Physics, rng: StepNoise) -> None:
        """Count the feet's time in the air, keep the action, and draw some commands anew."""
        drawn = rng.random(physics.num_envs, 5)
        anew = drawn[:, 4] < physics.ctrl_dt / self._time
        memory = self._memory
        memory["command"][anew] = self._commands(drawn[anew, :4])
        memory["air_time"][:] = np.where(self._stands(physics), 0.0, memory["air_time"] + physics.ctrl_dt)
        if self._action is not None:
            memory["last_action"][:] = self._action

    def _commands(self, drawn: Array) -> Array:
        """Return commands, (n, 3), from numbers in 0..1, (n, 4)."""
        moving = (drawn[:, 3] >= self._zero)[:, None]
        commands: Array = moving * (self._low + (self._high - self._low) * drawn[:, :3])
        return commands

    @quiet
    def observe(self, physics: Physics) -> dict[str, Array]:
        """Return both groups, (num_envs, 45) and (num_envs, 7)."""
        rotation = _rotation(physics.qpos[:, 3:7])
        angles, velocities = physics.qpos[:, 7:] - POSE, physics.qvel[:, 6:]
        memory = self._memory
        own = (-rotation[:, 2], physics.qvel[:, 3:6], angles, velocities, memory["last_action"], memory["command"])
        known = (_into(rotation, physics.qvel[:, :3]), self._stands(physics).astype(np.float64))
        return {POLICY: np.concatenate(own, axis=1), PRIVILEGED: np.concatenate(known, axis=1)}

    def measure(self, physics: Physics) -> Measured:
        """Return nothing: no term compares two steps but by what is remembered."""
        return {}

    @quiet
    def reward(
        self, before: Measured, after: Measured, physics: Physics, action: NDArray[np.floating]
    ) -> dict[str, Array]:
        """Return the weighted terms, each (num_envs,)."""
        self._require_room(physics)
        self._action = np.asarray(action, np.float64)
        rotation = _rotation(physics.qpos[:, 3:7])
        v, w = _into(rotation, physics.qvel[:, :3]), physics.qvel[:, 3:6]
        command = self._memory["command"]
        terms = {
            "alive": np.ones(physics.num_envs),
            "track_velocity": np.exp(-_square(command[:, :2] - v[:, :2]) / 0.25),
            "track_yaw": np.exp(-np.square(command[:, 2] - w[:, 2]) / 0.25),
            "upright": -_square(rotation[:, 2, :2]),
            "bounce": -(np.square(v[:, 2]) + 0.05 * _square(w[:, :2])),
            "torque": -_square(physics.bind("actuator_force")),
            "action_rate": -_square(self._action - self._memory["last_action"]),
            **self._feet(physics),
            "joint_limits": -self._beyond_limits(physics),
            "stand_still": -np.abs(physics.qpos[:, 7:] - POSE).sum(axis=1) * ~command.any(axis=1),
        }
        return {f"reward_{name}": self._weights[name] * physics.ctrl_dt * term for name, term in terms.items()}

    def _feet(self, physics: Physics) -> dict[str, Array]:
        """Return what the feet's swings and slips are worth, each (num_envs,)."""
        stands, air = self._stands(physics), self._memory["air_time"]
        swing = np.clip(air + physics.ctrl_dt - 0.1, 0.0, 0.3) * stands  # air is 0 unless the foot has just landed
        velocity = physics.bind("sensordata").reshape(-1, len(FEET), 4)[:, :, 1:3]
        return {
            "air_time": swing.sum(axis=1) * self._memory["command"].any(axis=1),
            "slip": -(np.square(velocity).sum(axis=2) * stands).sum(axis=1),
        }

    @staticmethod
    def _beyond_limits(physics: Physics) -> Array:
        """Return how far joints are beyond 0.9 of their ranges, summed, rad, (num_envs,)."""
        low, high = physics.model.jnt_range[1:].T
        middle, half = (low + high) / 2, _SOFT * (high - low) / 2
        beyond: Array = np.maximum(np.abs(physics.qpos[:, 7:] - middle) - half, 0.0).sum(axis=1)
        return beyond

    @staticmethod
    def _stands(physics: Physics) -> Mask:
        """Return which feet press on the ground, (num_envs, 4)."""
        stands: Mask = physics.bind("sensordata").reshape(-1, len(FEET), 4)[:, :, 0] > _TOUCH
        return stands

    @quiet
    def info(self, before: Measured, after: Measured, physics: Physics) -> dict[str, Array]:
        """Return the error of the planar velocity, m/s, and of the yaw rate, rad/s, each (num_envs,)."""
        error = self._memory["command"][:, :2] - _into(_rotation(physics.qpos[:, 3:7]), physics.qvel[:, :3])[:, :2]
        return {
            "velocity_error": np.sqrt(_square(error)),
            "yaw_error": np.abs(self._memory["command"][:, 2] - physics.qvel[:, 5]),
        }

    def terminated(self, physics: Physics) -> Mask:
        """Return where the trunk tilts by more than 60 degrees or is lower than 0.12 m, (num_envs,)."""
        upright = _rotation(physics.qpos[:, 3:7])[:, 2, 2]
        return ~((upright > 0.5) & (physics.qpos[:, 2] > 0.12))


@quiet
def _rotation(quaternions: Array) -> Array:
    """Return rotation matrices from body to world, (num_envs, 3, 3), of quaternions w, x, y, z, (num_envs, 4)."""
    w, x, y, z = (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.array(rows).transpose(2, 0, 1)


def _into(rotation: Array, vectors: Array) -> Array:
    """Return vectors of the world, (num_envs, 3), in the frame of the body that `rotation` (num_envs, 3, 3) turns."""
    turned: Array = np.einsum("nij,ni->nj", rotation, vectors)
    return turned


def _square(vectors: Array) -> Array:
    """Return squared lengths (num_envs,) of vectors (num_envs, n)."""
    squares: Array = np.square(vectors).sum(axis=1)
    return squares
