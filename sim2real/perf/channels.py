"""What channels cost, and whether more worlds cost more each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .measure import Figure, compare, rates
from .randomised import OurWorlds

__all__ = ["CHANNELS", "measure_channels", "measure_scaling"]

# Every sensor, actuator and disturbance parameter at once; those that only time an event go with it.
CHANNELS: dict[str, Any] = {
    "action_repeat": {"set": 2},
    "action_delay": {"set": {"choice": [0, 1, 2]}},
    "action_jitter": {"set": 1},
    "action_quantisation": {"set": 0.01},
    "action_dead_zone": {"set": 0.02},
    "action_backlash": {"set": 0.02},
    "action_rate_limit": {"set": 0.5},
    "action_lag": {"set": 0.01},
    "action_scale": {"set": {"uniform": [0.9, 1.1]}},
    "action_noise": {"set": 0.05},
    "observation_scale": {"set": {"uniform": [0.9, 1.1]}},
    "observation_bias": {"set": {"uniform": [-0.05, 0.05]}},
    "observation_drift": {"set": 0.0001},
    "observation_drift_noise": {"set": 0.0001},
    "observation_noise": {"set": 0.05},
    "observation_saturation": {"set": 50.0},
    "observation_quantisation": {"set": 0.001},
    "observation_delay": {"set": {"choice": [0, 1, 2]}},
    "observation_jitter": {"set": 1},
    "observation_stuck": {"set": 0.01},
    "observation_stuck_steps": {"set": 5},
    "observation_dropout": {"set": 0.01},
    "observation_dropout_steps": {"set": 5},
    "steady_force_x": {"select": "@base", "set": 0.5},
    "steady_force_y": {"select": "@base", "set": 0.5},
    "steady_force_z": {"select": "@base", "set": 0.5},
    "push_impulse": {"select": "@base", "set": 0.1},
    "push_interval": {"set": 50},
    "gust_force": {"select": "@base", "set": 0.1},
    "gust_time": {"set": 10},
    "control_jitter": {"set": 0.05},
}
SIZES = (64, 256, 1024, 8192)


def measure_channels() -> list[Figure]:
    """Measure all channels on over all off: by the same actions, and by the commands that arrive at the actuators.

    Channels make smoother commands of random actions, under which the same robot moves otherwise and its physics costs
    otherwise. In the second row both robots are given the same commands, so what is left is what channels cost.
    """
    figures = []
    for env in ("half_cheetah", "hopper"):
        on, off, like = OurWorlds(env, CHANNELS), OurWorlds(env, {}), OurWorlds(env, {})
        like.actions = _arriving(on)
        for other, given in ((off, ""), (like, ", both given the same commands")):
            ratios, rate, rate_off = compare(on.rate, other.rate)
            name = f"{env}, all {len(CHANNELS)} channel parameters on / off{given}"
            figures.append(Figure(name, 0.80, ratios, note=rates(rate, rate_off)))
    return figures


def _arriving(worlds: OurWorlds) -> NDArray[np.float32]:
    """Step the worlds once over their actions; return what arrives at the actuators, of the actions' shape."""
    arrived = np.zeros_like(worlds.actions)
    for commands, actions in zip(arrived, worlds.actions, strict=True):
        worlds.worlds.step(actions)
        commands[:] = worlds.worlds.physics.commands
    return arrived


def measure_scaling() -> list[Figure]:
    """Measure the time of a world-step with many worlds over that with 64."""
    figures = []
    for size in SIZES[1:]:
        few = OurWorlds("hopper", num_envs=SIZES[0], num_steps=25 * 8)
        many = OurWorlds("hopper", num_envs=size, num_steps=max(25 * 8 * SIZES[0] // size, 4))
        ratios, rate, other = compare(few.rate, many.rate)
        name = f"hopper, time of a world-step with {size:,} worlds / with {SIZES[0]}"
        figures.append(Figure(name, 1.15, ratios, at_least=False, note=rates(rate, other)))
    return figures
