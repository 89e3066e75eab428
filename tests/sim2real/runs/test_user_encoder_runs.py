"""Runs with an encoder of the user's own: state that no checkpoint would save stops them, in one error."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
from small_runs import silent, write_config

from agents import AgentsError
from sim2real.config.config import load_config
from sim2real.runs.pretraining import pretrain

MODULE = """
import threading
import torch
from torch import nn
from my_totals import TOTAL

class Net(nn.Module):
    def __init__(self, obs_dim, after):
        super().__init__()
        self.linear, self.lock, self.after = nn.Linear(obs_dim, 8), threading.Lock(), after
    def forward(self, x):
        with self.lock:
            TOTAL["calls"] += 1
        return torch.tanh(self.linear(x)) + 0.01 * max(TOTAL["calls"] - self.after, 0)
"""


@pytest.mark.parametrize(("after", "stops"), [(150, True), (10**9, False)], ids=["late", "never"])
def test_state_in_a_global_beside_the_module_stops_a_run(tmp_path: Path, after: int, stops: bool) -> None:
    (tmp_path / "my_net.py").write_text(MODULE)
    (tmp_path / "my_totals.py").write_text("TOTAL = {'calls': 0}")
    settings = {"num_steps": 16, "batch_size": 64, "encoder": {"kind": "my_net:Net", "options": {"after": after}}}
    config = load_config(write_config(tmp_path, agent={"num_envs": 8, "settings": settings}))
    message = r"my_net:Net'.* depends on .*my_totals\.TOTAL, .*which is neither a parameter nor a buffer"
    with pytest.raises(AgentsError, match=message) if stops else nullcontext():
        pretrain(config, tmp_path / "run", resume=False, num_threads=1, report=silent)
    assert bool(list((tmp_path / "run").glob("checkpoints/*/manifest.json"))) != stops
