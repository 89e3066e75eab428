"""Where an agent's tensors live."""

from __future__ import annotations

import torch

from ..errors import AgentsError

__all__ = ["available_devices", "choose_device"]


def available_devices() -> tuple[str, ...]:
    """Return the names that `choose_device` takes here: `auto`, and after it the devices, the fastest first."""
    kinds = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return "auto", *(kind for kind, available in kinds.items() if available)


def choose_device(name: torch.device | str) -> torch.device:
    """Return the device called `name`; `auto` is the accelerator that is there, else the CPU.

    Raises AgentsError, with those that are there, on one that is not.
    """
    there = available_devices()
    if name == "auto":
        return torch.device(there[1])
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in there:
        raise AgentsError(f"device: {str(name)!r} is not available here; valid: {', '.join(there)}")
    return device
