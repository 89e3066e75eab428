"""How much memory training takes, in a process of its own."""

from __future__ import annotations

import multiprocessing
import resource
from multiprocessing.connection import Connection
from pathlib import Path

from .measure import Figure

__all__ = ["measure_memory"]

NUM_ENVS = 1024


def _train(connection: Connection) -> None:
    from agents import PPO
    from envs import make_vec

    from .worlds import PHYSICAL

    worlds = make_vec("hopper", num_envs=NUM_ENVS, domain={"fidelity": "cheap", "parameters": PHYSICAL})
    agent = PPO(worlds, {"encoder": {"widths": (256, 128)}, "num_steps": 64, "batch_size": 1024}, device="cpu")
    agent.learn(3 * NUM_ENVS * 64)
    connection.send(_peak_megabytes())


def _peak_megabytes() -> float:
    """Return the peak resident memory of this process.

    Linux's getrusage would count the parent's at the moment of the fork as well, so its /proc is asked first.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(row for row in status.read_text(encoding="ascii").splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS


def measure_memory(repeats: int = 5) -> list[Figure]:
    """Measure the peak resident memory of a whole training process, MB."""
    context = multiprocessing.get_context("spawn")
    values = []
    for _ in range(repeats):
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_train, args=(sender,))
        process.start()
        values.append(float(receiver.recv()))
        process.join()
    return [Figure(f"MB resident, {NUM_ENVS} hopper worlds in training", 700, values, at_least=False)]
