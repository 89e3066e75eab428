"""Run configurations small enough for tests, every station of the journey real."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from sim2real.config.config import RunConfig, validate

CONTENT: dict[str, Any] = {
    "env": "cartpole_swingup",
    "seed": 0,
    "source": {
        "fidelity": "cheap",
        "parameters": {
            "body_mass": {"scale": {"uniform": [0.8, 1.2]}},
            "observation_noise": {"set": 0.01},
            "action_delay": {"set": {"choice": [0, 1]}},
        },
    },
    "targets": {"heavy": {"shift": "heavy", "severity": 0.5}},
    "agent": {
        "num_envs": 8,
        "settings": {
            "encoder": {"widths": [16]},
            "policy_head": [16],
            "value_head": [16],
            "num_steps": 16,
            "batch_size": 64,
            "num_epochs": 2,
        },
    },
    "transfer": {"num_envs": 4, "settings": {"num_steps": 16, "batch_size": 32}},
    "budget": {
        "source_steps": 1536,
        "target_steps": 1024,
        "evaluations": 4,
        "source_evaluations": 3,
        "eval_episodes": 2,
        "checkpoints": 4,
    },
}

SAC: dict[str, Any] = {
    "agent": {
        "algorithm": "sac",
        "num_envs": 8,
        "settings": {
            "encoder": {"widths": [16]},
            "policy_head": [16],
            "critic_head": [16],
            "buffer_size": 4096,
            "batch_size": 32,
            "learning_starts": 64,
            "num_steps": 4,
            "gradient_steps": 0.125,
        },
    },
    "transfer": {"num_envs": 4, "settings": {}},
}
"""what a configuration that trains SAC has in place of the small one's"""


def small_content(**changes: Any) -> dict[str, Any]:
    """Return the small configuration with top-level keys replaced."""
    return {**CONTENT, **changes}


def small_config(**changes: Any) -> RunConfig:
    config = validate(RunConfig, small_content(**changes), "test")
    assert isinstance(config, RunConfig)
    return config


def write_config(folder: Path, **changes: Any) -> Path:
    file = folder / "small.yaml"
    file.write_text(yaml.safe_dump(small_content(**changes)))
    return file


def silent(done: int, total: int, text: str) -> None:
    """A Reporter that tells nobody."""
