"""Seeding torch's global generators for a while: for the initialisers and the Dropout of modules that know no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

__all__ = ["seeded"]


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Let torch's global generators, that of the CPU and that of `device`, begin at `seed`; then give them back.

    Afterwards they are what they were before, so that a learner neither depends on what others draw nor changes it.
    """
    accelerator: Any = None if device is None or device.type == "cpu" else getattr(torch, device.type)
    where = () if device is None or device.type != "cuda" else (device,)  # torch.mps has one, and takes no device
    saved = None if accelerator is None else accelerator.get_rng_state(*where)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed every accelerator too
        try:
            if accelerator is not None:
                accelerator.manual_seed(seed)
            yield
        finally:
            if accelerator is not None:
                accelerator.set_rng_state(saved, *where)
