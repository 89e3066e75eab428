"""Where tensors live: `auto` takes the accelerator that is there, and what is not there is refused."""

from __future__ import annotations

import pytest
import torch
from probes import SMALL, LinearWorld

from agents import AgentsError, make_agent
from agents.networks.device import choose_device


@pytest.mark.parametrize(
    ("cuda", "mps", "auto", "valid"),
    [
        (False, False, "cpu", "auto, cpu"),
        (False, True, "mps", "auto, mps, cpu"),
        (True, False, "cuda", "auto, cuda, cpu"),
        (True, True, "cuda", "auto, cuda, mps, cpu"),
    ],
)
def test_auto_is_what_is_there(cuda: bool, mps: bool, auto: str, valid: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device("auto").type == auto
    assert choose_device(torch.device("cpu")).type == "cpu"
    for name in ("meta", "gpu", *(() if cuda else ("cuda", "cuda:1")), *(() if mps else ("mps",))):
        with pytest.raises(AgentsError, match=f"device: '{name}' is not available here; valid: {valid}$"):
            choose_device(name)


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_an_agent_is_not_built_elsewhere_than_asked_for(algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    settings = SMALL if algorithm == "ppo" else {"encoder": {"widths": [8]}}
    with pytest.raises(AgentsError, match="device: 'cuda' is not available"):
        make_agent(algorithm, LinearWorld(8), settings=settings, seed=0, device="cuda")
