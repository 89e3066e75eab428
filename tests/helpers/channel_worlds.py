"""A task whose signals are known in closed form, and a domain in which every channel is on."""

from typing import Any

import mujoco
import numpy as np

from envs import Domain, DomainVectorEnv, Fidelity

MASS = {"cart_a": 1.0, "cart_b": 1.0, "ball": 2.0, "brick": 0.5}  # kg
MODEL = """
<mujoco>
  <option timestep="0.005" gravity="0 0 0" integrator="{integrator}"/>
  <worldbody>
    <body name="cart_a"><joint name="a" type="slide" axis="1 0 0"/>
      <geom type="sphere" size="0.1" mass="1" contype="0" conaffinity="0"/></body>
    <body name="cart_b"><joint name="b" type="slide" axis="0 1 0"/>
      <geom type="sphere" size="0.1" mass="1" contype="0" conaffinity="0"/></body>
    <body name="ball"><freejoint name="ball"/>
      <geom type="sphere" size="0.1" mass="2" contype="0" conaffinity="0"/></body>
    <body name="brick" pos="0 0 5"><freejoint name="brick"/>
      <geom type="box" size="0.1 0.2 0.3" mass="0.5" pos="0.1 0 0" contype="0" conaffinity="0"/></body>
  </worldbody>
  <actuator><motor name="a" joint="a" ctrlrange="-10 10"/><motor name="b" joint="b" ctrlrange="-10 10"/></actuator>
</mujoco>
"""
STILL, PULSE_AT = 3.0, 5

EVERYTHING: dict[str, Any] = {
    "action_repeat": {"set": {"choice": [1, 2]}},
    "action_delay": {"set": {"choice": [0, 1, 3]}},
    "action_jitter": {"set": {"choice": [0, 2]}},
    "action_quantisation": {"set": 0.01},
    "action_dead_zone": {"set": 0.02},
    "action_backlash": {"set": 0.03},
    "action_rate_limit": {"set": 0.5},
    "action_lag": {"set": {"uniform": [0.0, 0.05]}},
    "action_scale": {"scale": {"uniform": [0.9, 1.1]}},
    "action_noise": {"set": 0.1},
    "observation_scale": {"scale": {"uniform": [0.9, 1.1]}},
    "observation_bias": {"set": {"uniform": [-0.1, 0.1]}, "in_time": {"walk": [0.01, -0.2, 0.2]}},
    "observation_drift": {"set": {"uniform": [-0.01, 0.01]}},
    "observation_drift_noise": {"set": 0.01},
    "observation_noise": {"set": {"uniform": [0.0, 0.05]}},
    "observation_saturation": {"set": 8.0},
    "observation_quantisation": {"set": 0.01},
    "observation_delay": {"set": {"choice": [0, 2]}},
    "observation_jitter": {"set": 2},
    "observation_stuck": {"set": 0.05},
    "observation_stuck_steps": {"set": 5},
    "observation_dropout": {"set": 0.05},
    "observation_dropout_steps": {"set": 3},
    "steady_force_x": {"one_of": "*", "set": 0.3},
    "steady_force_y": {"set": 0.1},
    "steady_force_z": {"set": {"uniform": [-0.1, 0.1]}},
    "push_impulse": {"set": 0.1},
    "push_interval": {"set": 7},
    "gust_force": {"set": 0.1},
    "gust_time": {"set": 20},
    "control_jitter": {"set": 0.2},
}


class Bench:
    """Two carts on frictionless rails with a motor each, and two bodies that float: no gravity, no contacts.

    Observes both carts' positions, a pulse that is 1 at control step PULSE_AT and else 0, and STILL.
    """

    frame_skip, max_episode_steps, cheap = 4, 1000, Fidelity()
    observation_names = ("qpos.a", "qpos.b", "pulse", "still")

    def __init__(self, integrator: str = "Euler") -> None:
        self._integrator = integrator

    def spec(self) -> mujoco.MjSpec:
        return mujoco.MjSpec.from_string(MODEL.format(integrator=self._integrator))

    def reset(self, physics: Any, ids: Any, draws: Any) -> None:
        physics.qpos[ids, :2] += draws.uniform(-0.1, 0.1, 2)

    def observe(self, physics: Any) -> Any:
        pulse = np.abs(physics.bind("time") - PULSE_AT * physics.ctrl_dt) < 1e-9
        still = np.full(physics.num_envs, STILL)
        return np.column_stack((physics.qpos[:, :2], pulse, still))

    def measure(self, physics: Any) -> Any:
        return {}

    def reward(self, before: Any, after: Any, physics: Any, action: Any) -> Any:
        return {"reward_alive": np.ones(physics.num_envs)}

    def info(self, before: Any, after: Any, physics: Any) -> Any:
        return {}

    def terminated(self, physics: Any) -> Any:
        return np.zeros(physics.num_envs, np.bool_)


def bench(parameters: Any, num_envs: int = 2, *, seed: int = 0, task: Any = None, **kwargs: Any) -> DomainVectorEnv:
    """Return worlds of a Bench."""
    domain = Domain.parse({"parameters": parameters})
    return DomainVectorEnv(task or Bench(), domain, num_envs=num_envs, seed=seed, **{"num_threads": 1, **kwargs})


def run(env: DomainVectorEnv, num_steps: int, actions: Any = None) -> np.ndarray:
    """Return the observations of an episode, (num_steps + 1, num_envs, obs_dim); without `actions`, of zeros."""
    seen = [env.reset()[0]]
    zeros = np.zeros((num_steps, *env.action_space.shape))
    return np.stack(seen + [env.step(action)[0] for action in (zeros if actions is None else actions)])
