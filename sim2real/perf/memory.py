"""How much memory training and worlds take, each measured in a process of its own."""

from __future__ import annotations

import gc
import multiprocessing
import resource
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from mujoco.batch import Batch

from .channels import CHANNELS
from .measure import Figure
from .randomised import COMMON, OurWorlds, physical_parameters

__all__ = ["measure_memory"]

TRAINED, FEW, MANY = 1024, 1024, 5120  # worlds


def _status(key: str) -> float:
    """Return an entry of Linux's /proc/self/status, MB.

    Its getrusage would count the parent's memory at the moment of the fork as well.
    """
    line = next(row for row in Path("/proc/self/status").read_text("ascii").splitlines() if row.startswith(key))
    return int(line.split()[1]) * 1024 / 1e6


def _train() -> float:
    """Train on the cheap hopper; return the peak resident memory of the process, MB."""
    from agents import PPO
    from envs import make_vec

    worlds = make_vec("hopper", num_envs=TRAINED, seed=0, domain={"fidelity": "cheap", "parameters": COMMON})
    agent = PPO(worlds, {"encoder": {"widths": (256, 128)}, "num_steps": 64, "batch_size": 1024}, device="cpu")
    agent.learn(3 * TRAINED * 64)
    if Path("/proc/self/status").is_file():
        return _status("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS


def _per_world() -> float:
    """Return what a hopper world takes with everything physical randomized and all channels on, kB."""
    parameters = {**physical_parameters("hopper"), **CHANNELS}
    sizes = []
    for num_envs in (FEW, MANY):
        before = _status("VmRSS")
        ours = OurWorlds("hopper", parameters, num_envs=num_envs, num_steps=3)
        ours.rate()
        sizes.append(_status("VmRSS") - before)
        del ours
        gc.collect()
    return (sizes[1] - sizes[0]) / (MANY - FEW) * 1e3


def _per_bare_world() -> float:
    """Return what a world of mujoco.batch alone takes with the same fields per world, kB."""
    probe = OurWorlds("hopper", num_envs=2, num_steps=1)
    sizes = []
    for num_envs in (FEW, MANY):
        before = _status("VmRSS")
        bare = Batch(probe.worlds.physics.model, num_envs)
        for field in probe.fields:
            bare.expand(field)
        bare.set_const(np.arange(num_envs))
        bare.step()
        sizes.append(_status("VmRSS") - before)
        del bare
        gc.collect()
    return (sizes[1] - sizes[0]) / (MANY - FEW) * 1e3


def _send(measure: Callable[[], float], connection: Connection) -> None:
    connection.send(measure())


def _in_process(measure: Callable[[], float]) -> float:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(measure, sender))
    process.start()
    value = float(receiver.recv())
    process.join()
    return value


def measure_memory(repeats: int = 5) -> list[Figure]:
    """Measure the peak of a whole training process, and what a world takes beyond MuJoCo's own."""
    training = [_in_process(_train) for _ in range(repeats)]
    ours, bare = ([_in_process(measure) for _ in range(repeats)] for measure in (_per_world, _per_bare_world))
    beyond = [a - b for a, b in zip(ours, bare, strict=True)]
    note = f"{np.median(ours):.1f} - {np.median(bare):.1f} kB"
    return [
        Figure(f"MB resident, {TRAINED} hopper worlds in training", 700, training, at_least=False),
        Figure("kB a hopper world, everything on, beyond mujoco.batch", 60, beyond, at_least=False, note=note),
    ]
