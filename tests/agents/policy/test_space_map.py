"""Spaces that differ: entries with a partner are the source's, the others change nothing that the policy does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from probes import make_policy_env
from torch import nn

from agents import PPO, AgentsError, EntryMap, PartsError, carry_entries, entry_axes, parts
from agents.networks.encoders import Encoder
from agents.policy.entry_axes import input_axes
from agents.policy.space_map import AxisEntries
from agents.rollouts.history import WindowSpace
from agents.sac.policy import SacPolicy, make_policy
from agents.sac.settings import SACSettings

torch.set_num_threads(1)  # networks this small are slower on more

SETTINGS: dict[str, Any] = {"encoder": {"widths": [8]}, "policy_head": [6], "value_head": [7], "num_steps": 8}
LAYOUTS: dict[str, dict[str, Any]] = {
    "shared encoder": {},
    "two encoders": {"shared_encoder": False},
    "heads read observations": {"encoder": {"widths": []}},
    "linear": {"encoder": {"widths": []}, "policy_head": [], "value_head": []},
}
every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


def make(obs_dim: int, action_dim: int, layout: dict[str, Any], seed: int = 0) -> PPO:
    return PPO(make_policy_env(obs_dim, action_dim), {**SETTINGS, **layout}, seed=seed, device="cpu")


def make_source(obs_dim: int, action_dim: int, layout: dict[str, Any]) -> PPO:
    """Return an agent whose statistics and noise are not the initial ones."""
    agent, generator = make(obs_dim, action_dim, layout), torch.Generator().manual_seed(1)
    seen = 3.0 * torch.randn(64, obs_dim, generator=generator) + 1.0
    for encoder in {agent.policy.encoder, agent.policy.value_encoder}:
        encoder.update_statistics(seen)
    with torch.no_grad():
        agent.policy.log_std.copy_(torch.arange(action_dim) - 2.0)
    return agent


def carry(source: PPO, target: PPO, observation: EntryMap, action: EntryMap) -> dict[str, torch.Tensor]:
    maps = {"observation": observation, "action": action}
    return carry_entries(parts.tensors(source.policy), parts.tensors(target.policy), entry_axes(target.policy), maps)


@torch.no_grad()
def outputs(agent: PPO, obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean actions (N, action_dim) and values (N,)."""
    policy = agent.policy
    return policy.action_mean(policy.encoder(obs)), policy.value_of(policy.value_encoder(obs))


def observations(obs_dim: int) -> torch.Tensor:
    return 2.0 * torch.randn(16, obs_dim, generator=torch.Generator().manual_seed(2))


@st.composite
def entry_maps(draw: st.DrawFn) -> EntryMap:
    size_source, size_target = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    num = draw(st.integers(0, min(size_source, size_target)))
    own = draw(st.permutations(range(size_target)))[:num]
    theirs = draw(st.permutations(range(size_source)))[:num]
    return EntryMap(size_source, size_target, tuple(zip(own, theirs, strict=True)))


# Entries


@given(observation=entry_maps(), action=entry_maps(), zero=st.booleans())
@settings(max_examples=60, deadline=None)
def test_mapped_entries_are_the_sources_and_others_zero_or_fresh(
    observation: EntryMap, action: EntryMap, zero: bool
) -> None:
    maps = {"observation": observation, "action": action}
    shape = (2, 3 + action.size_source + observation.size_source, 4)
    source = torch.arange(float(torch.tensor(shape).prod())).reshape(shape) + 1.0
    fresh = -torch.rand(2, 3 + action.size_target + observation.size_target, 4) - 1.0
    axes = {"w": (AxisEntries(1, (3, "action", "observation"), zero=zero),)}
    result = carry_entries({"w": source}, {"w": fresh}, axes, maps)["w"]
    assert result.shape == fresh.shape
    assert torch.equal(result[:, :3], source[:, :3])
    for entries, start, begin in ((action, 3, 3), (observation, 3 + action.size_target, 3 + action.size_source)):
        for own, theirs in entries.pairs:
            assert torch.equal(result[:, start + own], source[:, begin + theirs])
        for own in entries.fresh:
            assert torch.equal(result[:, start + own], torch.zeros(2, 4) if zero else fresh[:, start + own])


@given(observation=entry_maps(), action=entry_maps())
@settings(max_examples=30, deadline=None)
def test_a_tensor_of_both_spaces_is_mapped_along_both_axes(observation: EntryMap, action: EntryMap) -> None:
    source = torch.rand(action.size_source, observation.size_source)
    fresh = torch.rand(action.size_target, observation.size_target) - 2.0
    axes = {"w": (AxisEntries(0, ("action",), zero=False), AxisEntries(1, ("observation",), zero=True))}
    result = carry_entries({"w": source}, {"w": fresh}, axes, {"observation": observation, "action": action})["w"]
    rows, columns = dict(action.pairs), dict(observation.pairs)
    for i in range(action.size_target):
        for j in range(observation.size_target):
            wanted = source[rows[i], columns[j]] if i in rows and j in columns else fresh[i, j]
            assert result[i, j] == (wanted if j in columns else 0.0)


def test_impossible_maps_are_refused() -> None:
    with pytest.raises(AgentsError, match=r"target entry 3 is not there, valid: 0 to 2"):
        EntryMap(2, 3, ((3, 0),))
    with pytest.raises(AgentsError, match=r"source entries \[1\] are named twice"):
        EntryMap(2, 3, ((0, 1), (2, 1)))
    assert EntryMap(3, 3, ((2, 2), (0, 0), (1, 1))) == EntryMap.identity(3)
    assert EntryMap(3, 2, ((1, 0),)).fresh == (0,)
    assert EntryMap(3, 2, ((1, 0),)).dropped == (1, 2)


# Policies of PPO


@every_layout
def test_the_identity_is_a_plain_load_bit_for_bit(layout: dict[str, Any]) -> None:
    source, target = make_source(4, 2, layout), make(4, 2, layout, seed=1)
    carried = carry(source, target, EntryMap.identity(4), EntryMap.identity(2))
    for name, tensor in parts.tensors(source.policy).items():
        assert torch.equal(carried[name], tensor), name
        assert carried[name].dtype == tensor.dtype
    parts.load(target.policy, carried)
    assert parts.digests(target.policy) == parts.digests(source.policy)


@every_layout
def test_permuted_spaces_give_permuted_actions_and_the_same_values(layout: dict[str, Any]) -> None:
    source, target, obs = make_source(4, 3, layout), make(4, 3, layout, seed=1), observations(4)
    seen, driven = [2, 0, 3, 1], [1, 2, 0]
    carried = carry(source, target, EntryMap(4, 4, tuple(enumerate(seen))), EntryMap(3, 3, tuple(enumerate(driven))))
    parts.load(target.policy, carried)
    (mean, value), (own_mean, own_value) = outputs(source, obs), outputs(target, obs[:, seen])
    assert torch.allclose(own_mean, mean[:, driven], rtol=0, atol=1e-6)
    assert torch.allclose(own_value, value, rtol=0, atol=1e-6)
    assert torch.equal(target.policy.log_std, source.policy.log_std[driven])


@every_layout
def test_a_sensor_more_changes_nothing_until_its_weights_learn(layout: dict[str, Any]) -> None:
    source, target = make_source(4, 2, layout), make(5, 2, layout, seed=1)
    new = 2  # the place of the sensor that the source does not have
    entries = EntryMap(4, 5, ((0, 0), (1, 1), (3, 2), (4, 3)))
    parts.load(target.policy, carry(source, target, entries, EntryMap.identity(2)))
    obs = observations(5)
    mean, value = outputs(source, obs[:, [0, 1, 3, 4]])
    for reading in (0.0, -3.0, 1e6):
        obs[:, new] = reading
        own_mean, own_value = outputs(target, obs)
        assert torch.allclose(own_mean, mean, rtol=0, atol=1e-6)
        assert torch.allclose(own_value, value, rtol=0, atol=1e-6)
    normalizer = target.policy.encoder.normalizer
    assert [float(x[new]) for x in (normalizer.mean, normalizer.var, normalizer.count)] == [0.0, 1.0, 0.0]
    reading_layers = [name for name, axes in entry_axes(target.policy).items() if axes[-1].axis == 1]
    assert reading_layers
    features = target.policy.encoder(obs)
    (
        target.policy.action_mean(features).square().sum()
        + target.policy.value_of(target.policy.value_encoder(obs)).square().sum()
    ).backward()
    weights = parts.references(target.policy)
    for name in reading_layers:
        grad = weights[name].grad
        assert grad is not None
        assert float(grad[:, new].abs().max()) > 0.0, name


def test_the_statistics_of_a_sensor_more_are_what_the_target_shows() -> None:
    """However much of the other entries the source has seen."""
    source, target = make_source(2, 1, {}), make(3, 1, {}, seed=1)
    for _ in range(100):
        source.policy.encoder.update_statistics(observations(2))
    maps = EntryMap(2, 3, ((0, 0), (1, 1))), EntryMap.identity(1)
    parts.load(target.policy, carry(source, target, *maps))
    normalizer = target.policy.encoder.normalizer
    before = normalizer.mean.clone()
    seen = 500.0 + 50.0 * torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
    target.policy.encoder.update_statistics(seen)
    shown = normalizer(seen)[:, 2]
    assert (float(shown.mean()), float(shown.std(correction=0))) == pytest.approx((0.0, 1.0), abs=1e-5)
    assert normalizer.count.tolist() == [normalizer.seen, normalizer.seen, 64.0]
    expected = before[:2] + (seen.double().mean(0)[:2] - before[:2]) * 64 / normalizer.seen
    torch.testing.assert_close(normalizer.mean[:2], expected)


@every_layout
def test_a_motor_less_leaves_the_others_as_they_were(layout: dict[str, Any]) -> None:
    source, target, obs = make_source(4, 3, layout), make(4, 2, layout, seed=1), observations(4)
    parts.load(target.policy, carry(source, target, EntryMap.identity(4), EntryMap(3, 2, ((0, 0), (1, 2)))))
    (mean, value), (own_mean, own_value) = outputs(source, obs), outputs(target, obs)
    assert torch.allclose(own_mean, mean[:, [0, 2]], rtol=0, atol=1e-6)
    assert torch.allclose(own_value, value, rtol=0, atol=1e-6)
    assert target.policy.log_std.tolist() == [-2.0, 0.0]


@every_layout
def test_a_motor_more_begins_as_a_fresh_policy_moves_it(layout: dict[str, Any]) -> None:
    source, target, fresh = make_source(4, 2, layout), make(4, 3, layout, seed=1), make(4, 3, layout, seed=1)
    parts.load(target.policy, carry(source, target, EntryMap.identity(4), EntryMap(2, 3, ((1, 0), (2, 1)))))
    assert torch.equal(target.policy.action_net.weight[0], fresh.policy.action_net.weight[0])
    assert torch.equal(target.policy.action_net.weight[1:], source.policy.action_net.weight)
    assert target.policy.log_std.tolist() == [fresh.policy.log_std.tolist()[0], -2.0, -1.0]


def test_layers_that_differ_are_no_matter_of_spaces() -> None:
    source, target = make(4, 2, {}), make(5, 2, {"encoder": {"widths": [9]}})
    with pytest.raises(PartsError, match=r"encoder.layers.0.weight is \(8, 4\), the policy's is \(9, 5\)"):
        carry(source, target, EntryMap(4, 5, ((0, 0),)), EntryMap.identity(2))
    with pytest.raises(PartsError, match=r"axis 0: 3 to 5"):
        carry(make(4, 2, {}), make(5, 2, {}), EntryMap(3, 5, ((0, 0),)), EntryMap.identity(2))


# Policies of SAC, encoders of windows


HISTORY = {"kind": "history", "length": 3, "memory_width": 6, "widths": [8]}
ENCODERS = {
    "mlp": {"widths": [8]},
    "statistics alone": {"widths": []},
    "gru": {**HISTORY, "cell": "gru"},
    "tcn": {**HISTORY, "cell": "tcn"},
}


def make_sac(obs_dim: int, action_dim: int, encoder: dict[str, Any], seed: int) -> SacPolicy:
    own = {"encoder": encoder, "policy_head": [6], "critic_head": [7], "num_critics": 3}
    sac = SACSettings.from_mapping(own)
    seen: spaces.Box = spaces.Box(-2.0, 2.0, (obs_dim,))
    driven = spaces.Box(-1.0, 1.0, (action_dim,))
    return make_policy(WindowSpace(seen, driven, 3) if sac.encoder.history > 1 else seen, driven, sac, seed)


@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
@torch.no_grad()
def test_ensembles_and_windows_act_and_judge_as_before(encoder: dict[str, Any]) -> None:
    source, target = make_sac(3, 2, encoder, seed=0), make_sac(4, 3, encoder, seed=1)
    maps = {"observation": EntryMap(3, 4, ((0, 2), (1, 0), (3, 1))), "action": EntryMap(2, 3, ((2, 0), (1, 1)))}
    generator = torch.Generator().manual_seed(3)
    num_slots = 3 if encoder.get("kind") == "history" else 1
    obs = 4.0 * torch.randn(8, num_slots, 4, generator=generator)
    done, flags = torch.rand(8, num_slots, 3, generator=generator) - 0.5, torch.ones(8, num_slots, 1)
    old_obs, old_done = obs[:, :, [1, 3, 0]], done[:, :, [2, 1]]
    if num_slots > 1:
        windows, old_windows = (torch.cat(x, 2).flatten(1) for x in ((obs, done, flags), (old_obs, old_done, flags)))
    else:
        windows, old_windows = obs[:, 0], old_obs[:, 0]
    source.update_statistics(old_windows)
    fresh = parts.tensors(target)
    parts.load(target, carry_entries(parts.tensors(source), fresh, entry_axes(target), maps))
    own, old = target.encoder(windows), source.encoder(old_windows)
    assert torch.allclose(target.policy_out(own)[:, [2, 1, 5, 4]], source.policy_out(old), rtol=0, atol=1e-5)
    for part, critic in (("critic", target.critic), ("critic_target", target.critic_target)):
        judged = critic(own, done[:, 0])
        assert judged.shape == (3, 8)
        assert torch.allclose(judged, getattr(source, part)(old, old_done[:, 0]), rtol=0, atol=1e-5)
    rows = parts.tensors(target)["policy_head.output.weight"][[0, 3]]
    assert torch.equal(rows, fresh["policy_head.output.weight"][[0, 3]])
    statistics = parts.tensors(target)
    assert torch.equal(statistics["encoder.normalizer.mean"], statistics["encoder_target.normalizer.mean"])


class Telling(nn.Sequential):
    """A module of a user's own that says what in it reads observations."""

    def input_segments(self) -> dict[str, tuple[str | int, ...]]:
        return {"0.weight": ("observation",)}


class Around(Encoder):
    """An encoder around some module."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__(spaces.Box(-1.0, 1.0, (3,)), 2)
        self.module = module


def test_modules_of_ones_own_say_how_they_read_entries_or_are_refused() -> None:
    policy = make_sac(3, 2, {"widths": [2]}, seed=0)
    policy.encoder = Around(Telling(nn.Linear(3, 2)))
    axes = entry_axes(policy)
    assert axes["encoder.module.0.weight"] == (AxisEntries(1, ("observation",), zero=True),)
    assert axes["critic.layers.0.weight"] == (AxisEntries(1, (2, "action"), zero=True),)
    policy.encoder = Around(nn.Linear(3, 2))
    with pytest.raises(AgentsError, match="Around does not say which of its tensors read observations"):
        entry_axes(policy)
    with pytest.raises(AgentsError, match=r"net.0 \(LayerNorm\) reads raw entries of observation"):
        input_axes({"net": nn.Sequential(nn.LayerNorm(3), nn.Linear(3, 2))}, ("observation",))
