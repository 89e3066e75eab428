"""Encoders of the user's own: any torch module by `module:Class`, and what is said of those that do not fit."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from probes import SMALL, LinearWorld, make_policy_env
from small_runs import write_config

from agents import PPO, SAC, AgentsError, EncoderSettings, Phase, TransferPlan, parts
from agents.networks.encoders import encoder_class
from agents.ppo.gradients import HandGradients
from agents.sac.judging import judge_critics
from sim2real.config.config import load_config

torch.set_num_threads(1)

SPACE = spaces.Box(-np.inf, np.inf, (4,), np.float32)
MODULE = '''
import torch
from torch import nn
from agents import Encoder

class Net(nn.Module):
    def __init__(self, obs_dim, *, width=6, drop=0.0):
        super().__init__()
        if width < 1:
            raise ValueError("width is too small")
        self.linear = nn.Linear(obs_dim, width)
        self.norm = nn.BatchNorm1d(width)
        self.drop = nn.Dropout(drop)
    def forward(self, x):
        return torch.sin(self.drop(self.norm(self.linear(x))))

class Chain(nn.Sequential):
    """A sequence that is more than its layers."""
    def __init__(self, obs_dim):
        super().__init__(nn.Linear(obs_dim, 5))
    def forward(self, x):
        return 2 * super().forward(x)

class Constant(nn.Linear):
    def __init__(self, obs_dim):
        super().__init__(obs_dim, 3)
        nn.init.constant_(self.weight, 0.25)

class Lazy(nn.Module):
    def __init__(self, obs_dim):
        super().__init__()
        self.linear = nn.LazyLinear(7)
    def forward(self, x):
        return self.linear(x)

class Gives(nn.Module):
    def __init__(self, obs_dim, what):
        super().__init__()
        self.what = what
    def forward(self, x):
        return eval_free(self.what, x)

def eval_free(what, x):
    return {"list": [x], "flat": x.sum(1), "one": x[:1], "none": x[:, :0], "double": x.double(),
            "log": torch.log(x), "raise": x @ torch.ones(3, 3) if what == "raise" else x}[what]

class Ours(Encoder):
    pass

class Tied(nn.Module):
    """The same weights twice."""
    def __init__(self, obs_dim):
        super().__init__()
        self.first, self.second = nn.Linear(obs_dim, obs_dim), nn.Linear(obs_dim, obs_dim)
        self.second.weight = self.first.weight
    def forward(self, x):
        return self.second(torch.tanh(self.first(x)))

class Thing:
    pass

class Running(nn.Module):
    """State in a plain attribute, kept up in training, in evaluation, from some call on, or made at random."""
    def __init__(self, obs_dim, how):
        super().__init__()
        self.linear, self.how, self.calls = nn.Linear(obs_dim, 5), how, 0
        self.box = Thing()
        self.box.mean = torch.zeros(obs_dim)
        if how == "random":
            self.box.mean = torch.randn(obs_dim)
        if how == "buffer":
            self.register_buffer("mean", torch.zeros(obs_dim))
        self.hidden = None
    def forward(self, x):
        self.calls += 1
        due = {"train": self.training, "eval": not self.training, "late": self.calls > 100}.get(self.how, False)
        if due:
            self.box.mean = 0.9 * self.box.mean + 0.1 * x.mean(0)
        if self.how == "buffer" and self.training:
            self.mean.mul_(0.9).add_(0.1 * x.detach().mean(0))
            return self.linear(x - self.mean)
        out = self.linear(x - self.box.mean)
        if self.how == "hidden":
            out = out if self.hidden is None else out + self.hidden
            self.hidden = out.mean(0)
        return out
'''


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module in the working directory; its name."""
    (tmp_path / "my_nets.py").write_text(MODULE)
    (tmp_path / "my_broken.py").write_text("import my_absent_dependency")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    yield "my_nets"
    sys.path[:] = before
    for name in ("my_nets", "my_broken"):
        sys.modules.pop(name, None)


def build(kind: str, **options: Any) -> Any:
    return encoder_class(kind)(SPACE, **EncoderSettings(kind, options=options).arguments())


def test_a_module_stands_behind_the_normaliser(mine: str) -> None:
    encoder = build(f"{mine}:Net", width=3)
    encoder.update_statistics(torch.arange(20.0).reshape(5, 4))
    obs = torch.arange(12.0).reshape(3, 4)
    assert encoder.features_dim == 3
    encoder.train(False)
    assert torch.equal(encoder(obs), encoder.module(encoder.normalizer(obs)))
    assert encoder.module.linear.weight.shape == (3, 4)
    assert float(encoder.module.norm.num_batches_tracked) == 0  # the probe leaves no trace
    assert build(f"{mine}:Lazy").features_dim == 7


def test_its_weights_are_those_its_class_gave_it(mine: str) -> None:
    """Not stable-baselines3's: a module may have been trained before."""
    agent = PPO(LinearWorld(4), {**SMALL, "encoder": {"kind": f"{mine}:Constant"}}, seed=0, device="cpu")
    assert torch.equal(agent.policy.encoder.module.weight, torch.full((3, 5), 0.25))


def test_it_learns_freezes_and_continues_like_any_other(mine: str) -> None:
    settings = {**SMALL, "encoder": {"kind": f"{mine}:Net", "options": {"width": 5}}}
    source = PPO(make_policy_env(4, 2), settings, seed=0, device="cpu")
    start = parts.digests(source.policy)
    source.learn(8 * 8 * 2)
    before = parts.digests(source.policy)
    assert start["encoder"] != before["encoder"]
    assert {"encoder.module.linear.weight", "encoder.module.norm.running_mean"} <= set(parts.tensors(source.policy))
    target = PPO(make_policy_env(4, 2), settings, seed=1, device="cpu")
    heads = ("policy_head", "value_head", "log_std")
    actions = {"encoder": "freeze", **dict.fromkeys(heads, "keep")}
    plan = TransferPlan(actions, (Phase("heads", dict.fromkeys(heads, 1.0)),))
    target.apply_plan(plan, parts.tensors(source.policy))
    target.learn(8 * 8 * 2)
    assert parts.digests(target.policy)["encoder"] == before["encoder"]  # BatchNorm's buffers, too
    again = PPO(make_policy_env(4, 2), settings, seed=0, device="cpu").learn(8 * 8 * 2)
    assert parts.digests(again.policy) == before


@pytest.mark.thorough
@pytest.mark.parametrize("cache", [True, False])
def test_its_statistics_stand_still_under_sac_and_those_of_its_slow_copy(mine: str, cache: bool) -> None:
    settings = {
        "encoder": {"kind": f"{mine}:Net", "options": {"width": 5, "drop": 0.5}},
        **{"learning_starts": 32, "batch_size": 32, "buffer_size": 512, "cache_features": cache},
    }
    source = SAC(LinearWorld(8), settings, seed=0, device="cpu")
    start = parts.tensors(source.policy, ["encoder"])
    before = parts.tensors(source.learn(8 * 20).policy, ["encoder"])
    assert before["encoder.module.norm.num_batches_tracked"] > start["encoder.module.norm.num_batches_tracked"]
    heads = ("policy_head", "value_head", "log_std")
    target = SAC(LinearWorld(8, seed=5), settings, seed=1, device="cpu")
    plan = TransferPlan({"encoder": "freeze", **dict.fromkeys(heads, "keep")}, (Phase("h", dict.fromkeys(heads, 1.0)),))
    target.apply_plan(plan, parts.tensors(source.policy))
    copied = parts.digests(target.policy)["encoder_target"]
    target.learn(8 * 40)
    assert target.caches == cache
    assert target._n_updates > 0
    for name, tensor in parts.tensors(target.policy, ["encoder"]).items():
        assert torch.equal(tensor, before[name]), name
    assert parts.digests(target.policy)["encoder_target"] == copied


def test_what_it_drops_out_is_of_the_seed_and_goes_on_where_it_was(mine: str) -> None:
    """Dropout knows torch's global generators alone; wherever they stand, a run and its continuation are the same."""
    settings = {**SMALL, "encoder": {"kind": f"{mine}:Net", "options": {"drop": 0.5}}}

    def begun() -> PPO:
        return PPO(LinearWorld(8), settings, seed=0, device="cpu")

    whole = begun().learn(8 * 8 * 3)
    torch.manual_seed(1)
    first = begun().learn(8 * 8)
    weights, (state, meta) = parts.tensors(first.policy), first.get_training_state()
    torch.manual_seed(2)
    stood = torch.get_rng_state()
    second = PPO(LinearWorld(8), settings, seed=0, device="cpu")
    parts.load(second.policy, weights)
    second.set_training_state(state, meta)
    second.learn(8 * 8 * 2, reset_num_timesteps=False)
    assert parts.digests(second.policy) == parts.digests(whole.policy)
    assert torch.equal(torch.get_rng_state(), stood)
    assert parts.digests(PPO(LinearWorld(8), settings, seed=1, device="cpu").learn(192).policy) != parts.digests(
        whole.policy
    )


def test_judging_critics_moves_nothing(mine: str) -> None:
    settings = {"encoder": {"kind": f"{mine}:Net", "options": {"drop": 0.5}}, "learning_starts": 32, "batch_size": 32}
    agent = SAC(LinearWorld(8), {**settings, "buffer_size": 512}, seed=0, device="cpu").learn(8 * 20)
    before = parts.digests(agent.policy)
    agent.policy.set_training_mode(True)
    found = {judge_critics(agent.policy, agent.replay, 0.9, torch.Generator().manual_seed(0), 16) for _ in range(2)}
    assert len(found) == 1
    assert parts.digests(agent.policy) == before


def test_it_is_found_beside_the_configuration(mine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_config(tmp_path, agent={"num_envs": 4, "settings": {"encoder": {"kind": f"{mine}:Net"}}})
    monkeypatch.chdir("/")
    load_config(file)
    assert build(f"{mine}:Net").features_dim == 6


def test_it_is_not_mistaken_for_a_plain_stack(mine: str) -> None:
    settings = {**SMALL, "encoder": {"kind": f"{mine}:Chain"}}
    agent = PPO(LinearWorld(8), settings, seed=0, device="cpu")
    assert not HandGradients.supports(agent.policy)
    x = torch.ones(2, 5)
    layer = agent.policy.encoder.module[0]
    torch.testing.assert_close(agent.policy.encoder(x), 2 * layer(x))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("my_absent:Net", {}, "module 'my_absent' fails to import: ModuleNotFoundError.* and in "),
        ("my_broken:Net", {}, "fails to import: ModuleNotFoundError: No module named 'my_absent_dependency'"),
        (
            "my_nets:Nett",
            {},
            "unknown nn.Module in 'my_nets' 'Nett' .*'Net'..; valid: Chain, Constant, Gives, Lazy, Net, Running, Tied$",
        ),
        ("my_nets:Thing", {}, r"Thing must be a torch.nn.Module, built as Thing\(obs_dim, \*\*options\)"),
        ("my_nets:Ours", {}, "so it is no agents.Encoder itself"),
        ("my_nets:Net", {"width": 0}, r"Net\(4, \*\*{'width': 0}\) fails: ValueError: width is too small"),
        ("my_nets:Net", {"wide": 3}, "fails: TypeError: .*unexpected keyword argument 'wide'"),
        ("my_nets:Gives", {"what": "raise"}, r"fails on observations \(3, 4\): RuntimeError"),
        ("my_nets:Gives", {"what": "list"}, r"gives a list: it must give float32 features \(N, F\) of .* \(N, 4\)"),
        ("my_nets:Gives", {"what": "flat"}, r"gives torch.float32 \(3,\) of observations \(3, 4\): it must"),
        ("my_nets:Gives", {"what": "one"}, r"gives torch.float32 \(1, 4\)"),
        ("my_nets:Gives", {"what": "none"}, r"gives torch.float32 \(3, 0\)"),
        ("my_nets:Gives", {"what": "double"}, r"gives torch.float64 \(3, 4\)"),
        ("my_nets:Gives", {"what": "log"}, "gives non-finite features of observations of -1, 0 and 1: .*nan"),
    ],
)
def test_what_does_not_fit_is_one_error(mine: str, name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AgentsError, match=f"(?s)encoder kind {name!r}.*{message}"):
        build(name, **options)


@pytest.mark.parametrize("learner", [PPO, SAC])
def test_weights_that_stand_in_two_places_are_moved_once_an_update(mine: str, learner: Any) -> None:
    settings = {"encoder": {"kind": f"{mine}:Tied"}, "batch_size": 16}
    settings |= {"num_steps": 8, "num_epochs": 2} if learner is PPO else {"learning_starts": 16}
    agent = learner(LinearWorld(4), settings, seed=0, device="cpu")
    assert parts.count(agent.policy, "encoder") == 5 * 5 + 5 + 5
    agent.learn(64)
    steps = {int(state["step"]) for optimizer in agent.optimizers for state in optimizer.state.values()}
    assert len(steps) == 1
    source, rates = parts.tensors(agent.policy), {"encoder.module.first": 0.5, "encoder.module.second": 0.25}
    plan = TransferPlan(dict.fromkeys(parts.part_names(agent.policy), "keep"), (Phase("all", rates),))
    agent.apply_plan(plan, source)
    agent.learn(64)
    assert torch.equal(agent.policy.encoder.module.first.weight, agent.policy.encoder.module.second.weight)


@pytest.mark.parametrize("how", ["train", "eval", "random", "hidden"])
def test_state_that_nobody_would_save_is_named(mine: str, how: str) -> None:
    name = "hidden" if how == "hidden" else "box"
    message = rf"my_nets:Running'.* depends on .*{name}.*, which is neither a parameter nor a buffer"
    with pytest.raises(AgentsError, match=message):
        build(f"{mine}:Running", how=how)


@pytest.mark.parametrize("how", ["none", "buffer"])
def test_an_attribute_that_nothing_depends_on_and_a_buffer_are_fine(mine: str, how: str) -> None:
    before = torch.get_rng_state()
    encoder = build(f"{mine}:Running", how=how)
    assert encoder.module.calls == 1  # that of the probe alone
    torch.set_rng_state(before)
    torch.nn.Linear(4, 5)
    drawn = torch.get_rng_state()
    torch.set_rng_state(before)
    build(f"{mine}:Running", how=how)
    assert torch.equal(torch.get_rng_state(), drawn)  # as if the module alone had been built
    agent = PPO(LinearWorld(4), {**SMALL, "encoder": {"kind": f"{mine}:Running", "options": {"how": how}}}, seed=0)
    agent.learn(64)
    agent.get_training_state()


def test_state_that_comes_late_stops_the_first_checkpoint(mine: str) -> None:
    settings = {**SMALL, "encoder": {"kind": f"{mine}:Running", "options": {"how": "late"}}}
    agent = PPO(LinearWorld(4), settings, seed=0, device="cpu").learn(64 * 16)
    assert agent.policy.encoder.module.calls > 100
    with pytest.raises(AgentsError, match=r"depends on .*box.*: it would be neither saved, carried over nor frozen"):
        agent.get_training_state()
