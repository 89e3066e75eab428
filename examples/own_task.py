"""A task of one's own with a command: a cart that follows a velocity, drawn anew within the episode."""

from pathlib import Path

import mujoco
import numpy as np

import sim2real
from envs import Fidelity


class Follower:
    """Observes position (m), velocity (m/s) and the commanded velocity (m/s)."""

    frame_skip, max_episode_steps, cheap = 2, 200, Fidelity(integrator="implicitfast")
    observation_names = ("position", "velocity", "command")
    command = None

    def spec(self):
        return mujoco.MjSpec.from_file(str(Path(__file__).with_name("cart.xml")))

    def reset(self, physics, ids, draws):
        self.command = np.zeros(physics.num_envs) if self.command is None else self.command
        self.command[ids] = draws.uniform(-0.5, 0.5, 1)[:, 0]

    def memory(self):  # saved and restored with the worlds
        return {"command": self.command}

    def advance(self, physics, rng):  # once a control step: in one of 50 a new command
        drawn = rng.random(physics.num_envs, 2)
        self.command[:] = np.where(drawn[:, 0] < 0.02, drawn[:, 1] - 0.5, self.command)

    def observe(self, physics):
        return np.concatenate((physics.qpos, physics.qvel, self.command[:, None]), axis=1)

    def measure(self, physics):
        return {}

    def reward(self, before, after, physics, action):
        error = physics.qvel[:, 0] - self.command
        return {"reward_track": np.exp(-20 * error**2), "reward_ctrl": -0.01 * (action**2).sum(axis=1)}

    def info(self, before, after, physics):
        return {}

    def terminated(self, physics):
        return np.abs(physics.qpos[:, 0]) > 10


STEPS = 65_536

if __name__ == "__main__":
    config = {
        "env": "own_task:Follower",
        "source": {"parameters": {"body_mass": {"scale": {"uniform": [0.8, 1.2]}}}},
        "targets": {"heavy": {"shift": "heavy", "severity": 0.5}},
        "agent": {"num_envs": 16, "settings": {"num_steps": 64, "batch_size": 256}},
        "transfer": {"num_envs": 8},
        "budget": {"source_steps": STEPS, "target_steps": STEPS // 8},
    }
    source = sim2real.pretrain(config, out="runs/follower/source")
    run = sim2real.transfer(source, "heavy", out="runs/follower/heavy")
    print(run.summary["initial_return"], run.summary["final_return"])
