"""Where an agent's tensors live."""

from __future__ import annotations

import torch

from .errors import AgentsError

__all__ = ["choose_device"]


def choose_device(name: torch.device | str) -> torch.device:
    """Return the device called `name`; `auto` is the accelerator that is there, else the CPU.

    Raises AgentsError, with those that are there, on one that is not.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, available in there.items() if available))
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or not there.get(device.type, False):
        valid = ["auto", *(kind for kind, available in there.items() if available)]
        raise AgentsError(f"device: {str(name)!r} is not available here; valid: {', '.join(valid)}")
    return device
