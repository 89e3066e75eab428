"""How well runs of `quadruped` follow commands: python benchmarks/quadruped_commands.py RUN... [--json FILE].

A fixed grid of commands, one world each, nominal and at the nominal fidelity, 10 s; the first 2 s do not count.

- velocity error: |commanded - mean velocity| in the plane, m/s, the mean over 1 s as the gait sways; median and worst
  command. The instantaneous error stands beside it.
- falls: share of worlds whose episode ends before its 10 s.
- dead zone: the greatest forward or backward command, m/s, that is answered by less than half of it.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np

import sim2real
from envs import make_vec

STEPS, SETTLING, WINDOW = 500, 100, 50  # control steps of 20 ms
GRID = list(itertools.product((-1.0, -0.5, 0.0, 0.5, 1.0), (-0.5, 0.0, 0.5), (-1.0, 0.0, 1.0)))
SLOW = [(sign * speed, 0.0, 0.0) for sign in (-1, 1) for speed in np.arange(0.05, 0.45, 0.05)]


def follow(policy: Any, commands: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return velocities forward, left, turning, (steps, n, 3), and which worlds fell, (n,)."""
    worlds = make_vec("quadruped", num_envs=len(commands), seed=0, command_time=1e9, groups=("policy", "privileged"))
    observation, _ = worlds.reset(seed=0)
    worlds.task.memory()["command"][:] = commands
    observation["policy"][:, -3:] = commands
    read = policy.observation_space
    velocities, fell, state = [], np.zeros(len(commands), bool), None
    for _ in range(STEPS):
        shown = observation["policy"] if not hasattr(read, "spaces") else {k: observation[k] for k in read.spaces}
        action, state = policy.predict(shown, state)
        observation, _, terminated, _, _ = worlds.step(action)
        fell |= terminated
        velocities.append(np.column_stack((observation["privileged"][:, :2], observation["policy"][:, 5])))
    return np.array(velocities), fell


def measure(run: str) -> dict[str, Any]:
    """Return the figures of one run."""
    policy = sim2real.load_policy(run)
    commands = np.array(GRID)
    velocities, fell = follow(policy, commands)
    settled = velocities[SETTLING:]
    windows = settled.reshape(-1, WINDOW, *settled.shape[1:]).mean(axis=1)
    error = np.linalg.norm(windows[..., :2] - commands[:, :2], axis=-1).mean(axis=0)
    slow = np.array(SLOW)
    answered = follow(policy, slow)[0][SETTLING:, :, 0].mean(axis=0) / slow[:, 0]
    return {
        "run": Path(run).name,
        "velocity_error_mean": round(float(error[~fell].mean()), 3),
        "velocity_error_worst": round(float(error[~fell].max()), 3),
        "velocity_error_instant": round(float(np.linalg.norm(settled[..., :2] - commands[:, :2], axis=-1).mean()), 3),
        "yaw_error_mean": round(float(np.abs(windows[..., 2] - commands[:, 2]).mean()), 3),
        "falls": f"{int(fell.sum())} of {len(commands)}",
        "dead_zone": round(float(np.abs(slow[answered < 0.5, 0]).max(initial=0.0)), 2),
    }


def main() -> None:
    """Measure the runs of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = [measure(run) for run in options.runs]
    for row in rows:
        print(row)
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
