"""State of a user's module outside its parameters and buffers: wherever it is kept, it is named, and so is doubt."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from probes import SMALL, LinearWorld

from agents import PPO, SAC, AgentsError, DivergedError, EncoderSettings, parts
from agents.networks.encoders import encoder_class

torch.set_num_threads(1)

SPACE = spaces.Box(-np.inf, np.inf, (4,), np.float32)
HELPER = "STATE = {'mean': 0.0}"
MODULE = '''
import threading
import numpy as np
import torch
from torch import nn
import my_helper
TOTAL = {"mean": 0.0}

class Base(nn.Module):
    mean = 0.0
    def __init__(self, obs_dim):
        super().__init__()
        self.linear = nn.Linear(obs_dim, 5)
        self.setup()
    def setup(self):
        pass
    def forward(self, x):
        return self.act(self.linear(x), x)
    def act(self, out, x):
        return out

class Global(Base):
    def act(self, out, x):
        TOTAL["mean"] += 0.01 * self.training
        return out + TOTAL["mean"]

class Beside(Base):
    def act(self, out, x):
        from my_helper import STATE
        STATE["mean"] += 0.01 * self.training
        return out + my_helper.STATE["mean"]

class OfClass(Base):
    def act(self, out, x):
        type(self).mean += 0.01 * self.training
        return out + self.mean

class TrainOnlyClass(Base):
    def act(self, out, x):
        type(self).mean += 0.01 * self.training
        return out + self.mean * self.training

class Locked(Base):
    def setup(self):
        self.lock, self.total = threading.Lock(), 0.0
    def act(self, out, x):
        with self.lock:
            self.total += 0.01 * self.training
        return out + self.total

class Limit(Base):
    def setup(self):
        self.limit = 5.0
    def forward(self, x):
        if self.training:
            self.limit = max(self.limit, float(x.abs().max()))
        return self.linear(x.clamp(-self.limit, self.limit))

class Generator(Base):
    def setup(self):
        self.generator = torch.Generator().manual_seed(0)
    def act(self, out, x):
        return out + torch.randn(out.shape, generator=self.generator) * self.training

class NumpyGenerator(Base):
    def setup(self):
        self.generator = np.random.default_rng(0)
    def act(self, out, x):
        return out + self.generator.normal() * self.training

class LateBuffer(Base):
    def act(self, out, x):
        if self.training:
            self.register_buffer("late", torch.ones(1))
        return out

class Noise(Base):
    def act(self, out, x):
        return out + int.from_bytes(__import__("os").urandom(1), "big") * self.training

class Stream(Base):
    def act(self, out, x):
        if not hasattr(self, "numbers") and self.training:
            self.numbers = iter(x for x in [1])
        return out

class Fails(Base):
    def act(self, out, x):
        return out @ torch.ones(3, 3) if self.training else out

class Fine(Base):
    """Counts, a lock, a module and a cache that nothing depends on; Dropout and BatchNorm."""
    def setup(self):
        self.lock, self.calls, self.numpy = threading.Lock(), 0, np
        self.norm, self.drop = nn.BatchNorm1d(5), nn.Dropout(0.5)
    def act(self, out, x):
        self.calls += 1
        self.last = out
        TOTAL["calls"] = TOTAL.get("calls", 0) + 1
        return self.drop(self.norm(out))

class TrainNan(Base):
    def act(self, out, x):
        return out / (x - x).sum() if self.training else out

class LateNan(Base):
    """NaN where an observation is far from the mean."""
    def act(self, out, x):
        return out * torch.sqrt(1.5 - x[:, :1].abs())

class LateClass(Base):
    """State in the class from some call on."""
    calls = 0
    def act(self, out, x):
        type(self).calls += 1
        return out + 0.01 * max(self.calls - 300, 0)
'''


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module, and one beside it, in the working directory; its name."""
    (tmp_path / "my_states.py").write_text(MODULE)
    (tmp_path / "my_helper.py").write_text(HELPER)
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    yield "my_states"
    sys.path[:] = before
    for name in ("my_states", "my_helper"):
        sys.modules.pop(name, None)


def build(kind: str) -> Any:
    return encoder_class(kind)(SPACE, **EncoderSettings(kind).arguments())


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("Global", "my_states.TOTAL"),
        ("Beside", "my_helper.STATE"),
        ("OfClass", "my_states.OfClass.mean"),
        ("TrainOnlyClass", "my_states.TrainOnlyClass.mean"),
        ("Locked", "total"),
        ("Limit", "limit"),
        ("Generator", "generator"),
        ("NumpyGenerator", "generator"),
    ],
)
def test_state_is_named_wherever_it_is_kept(mine: str, name: str, where: str) -> None:
    with pytest.raises(AgentsError, match=rf"{name}': what it puts out depends on {where}, which is neither") as caught:
        build(f"{mine}:{name}")
    assert "cannot" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "LateBuffer",
            "saves all that it acts by: parameters and buffers .* not there, .* when it is built: late",
        ),
        ("Noise", "saves all .*other features at a second call: .* draws random numbers by other means than torch's"),
        ("Stream", "saves all .*: a generator cannot be copied: "),
        ("Fails", r"Fails': fails in training on observations \(32, 4\): RuntimeError"),
        ("TrainNan", "TrainNan': gives non-finite features in training of observations between -1 and 1"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(mine: str, name: str, reason: str) -> None:
    with pytest.raises(AgentsError, match=f"^encoder kind 'my_states:.*{reason}"):
        build(f"{mine}:{name}")


def test_a_module_that_cannot_be_imported_twice_is_refused(mine: str, tmp_path: Path) -> None:
    (tmp_path / "my_states.py").write_text(MODULE + "\nif hasattr(my_helper, 'once'): raise ValueError('twice')\n")
    (tmp_path / "my_helper.py").write_text("import sys\nif hasattr(sys, '_once'): once = 1\nsys._once = 1\n")
    try:
        with pytest.raises(AgentsError, match="module 'my_states' fails to import a second time: ValueError: twice"):
            build(f"{mine}:Fine")
    finally:
        del sys._once  # type: ignore[attr-defined]


def test_what_a_module_draws_as_it_is_imported_is_named(mine: str, tmp_path: Path) -> None:
    drawn = "DRAWN = torch.randn(5)\nclass Drawn(Base):\n    def act(self, out, x):\n        return out + DRAWN\n"
    (tmp_path / "my_states.py").write_text(MODULE + drawn)
    with pytest.raises(AgentsError, match=r"depends on my_states\.DRAWN, which"):
        build(f"{mine}:Drawn")


def test_what_the_user_has_imported_stays_as_it_is(mine: str, tmp_path: Path) -> None:
    """Neither modules nor globals change, and a file edited while a run goes on does not stop it."""
    encoder = build(f"{mine}:Fine")
    module = sys.modules[mine]
    assert type(encoder.module) is module.Fine
    assert module.TOTAL["calls"] == 1  # the probe's
    assert sys.modules["my_helper"] is module.my_helper
    (tmp_path / "my_states.py").write_text("raise ValueError")
    encoder.require_saved()
    assert build(f"{mine}:Fine").features_dim == 5
    assert sys.modules[mine] is module


@pytest.mark.parametrize("shared", [True, False])
def test_both_encoders_of_a_policy_are_checked_with_a_checkpoint(mine: str, shared: bool) -> None:
    settings = {**SMALL, "encoder": {"kind": f"{mine}:Fine"}, "shared_encoder": shared}
    agent = PPO(LinearWorld(4), settings, seed=0, device="cpu").learn(64)
    before = parts.digests(agent.policy)
    agent.get_training_state()
    assert parts.digests(agent.policy) == before
    agent.policy.value_encoder.module.linear.register_forward_hook(lambda module, args, out: out + 1)
    with pytest.raises(AgentsError, match=r"what it puts out depends on .*linear\._forward_hooks"):
        agent.get_training_state()


def test_state_of_a_class_that_comes_late_stops_the_first_checkpoint(mine: str) -> None:
    agent = PPO(LinearWorld(4), {**SMALL, "encoder": {"kind": f"{mine}:LateClass"}}, seed=0, device="cpu")
    agent.learn(64 * 30)
    with pytest.raises(AgentsError, match=r"depends on my_states\.LateClass\.calls, which"):
        agent.get_training_state()


@pytest.mark.parametrize(("kind", "settings"), [(PPO, SMALL), (SAC, {"learning_starts": 32, "batch_size": 32})])
def test_nan_of_an_encoder_is_the_encoders(mine: str, kind: type[Any], settings: dict[str, Any]) -> None:
    agent = kind(LinearWorld(8), {**settings, "encoder": {"kind": f"{mine}:LateNan"}}, seed=0, device="cpu")
    with pytest.raises(DivergedError, match=r"encoder kind 'my_states:LateNan' gives non-finite features by step \d+"):
        agent.learn(2000)
