"""An environment of one's own, of Gymnasium, without MuJoCo: source and target behind channels of delay and noise."""

import gymnasium
import numpy as np

import sim2real


class Arm(gymnasium.Env):
    """A joint that a motor turns: observes angle (rad) and speed (rad/s), and is to keep the angle at zero."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    dt = 0.05  # control period, s
    max_episode_steps = 50

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.angle, self.speed = self.np_random.uniform(-1, 1), 0.0
        return np.array([self.angle, self.speed]), {}

    def step(self, action):
        self.speed += self.dt * 4 * float(action[0])
        self.angle += self.dt * self.speed
        over = abs(self.angle) > 2
        return np.array([self.angle, self.speed]), 1 - self.angle**2, over, False, {}


STEPS = 32_768

if __name__ == "__main__":
    config = {
        "env": "own_gymnasium_env:Arm",
        "source": {"parameters": {"observation_noise": {"set": 0.01}}},
        "targets": {"worn": {"parameters": {"action_scale": {"set": 0.6}, "action_delay": {"set": 2}}}},
        "agent": {"num_envs": 8, "settings": {"num_steps": 64, "batch_size": 128}},
        "transfer": {"num_envs": 4},
        "budget": {"source_steps": STEPS, "target_steps": STEPS // 4},
    }
    source = sim2real.pretrain(config, out="runs/arm/source")
    run = sim2real.transfer(source, "worn", out="runs/arm/worn")
    print(run.summary["initial_return"], run.summary["final_return"])
