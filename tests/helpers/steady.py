"""How tests keep an environment's episodes going."""

from inspect import signature
from typing import Any

import numpy as np

from envs import ENVS, DomainVectorEnv

# Gymnasium's pendulums always end when they fall: actions of this size leave them up for some twenty steps.
GENTLE = {"inverted_pendulum": 0.02, "inverted_double_pendulum": 0.02}


def unending(name: str) -> dict[str, Any]:
    """Return the options under which no episode of the environment `name` terminates, as far as it has any."""
    return (
        {"terminate_when_unhealthy": False}
        if "terminate_when_unhealthy" in signature(ENVS[name].task).parameters
        else {}
    )


def gentle_actions(name: str, env: DomainVectorEnv, num_steps: int, seed: int = 0) -> np.ndarray:
    """Return random actions (num_steps, num_envs, act_dim) under which episodes last."""
    rng = np.random.default_rng(seed)
    size = GENTLE.get(name, 1.0)
    return (size * rng.uniform(-1, 1, (num_steps, *env.action_space.shape))).astype(np.float32)  # type: ignore[misc]
