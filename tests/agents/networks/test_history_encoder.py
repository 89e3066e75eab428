"""The history encoder: reads a window as it should, remembers what an mlp cannot, stays frozen, runs end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from memory_worlds import Alternate, Recall, mean_reward
from probes import SMALL, LinearWorld, make_policy_env
from small_runs import silent, small_config
from torch import nn

from agents import PPO, AgentsError, Phase, RunningNormalizer, TransferPlan, digest, freeze, parts
from agents.networks.encoders import CELLS, HistoryEncoder
from agents.networks.encoders.memory import GruMemory, TcnMemory
from agents.policy.entry_axes import entry_axes
from agents.ppo.gradients import HandGradients
from agents.rollouts.history import WindowSpace
from agents.sac import SAC
from sim2real.runs.building import load_agent
from sim2real.runs.evaluation import evaluate
from sim2real.runs.pretraining import pretrain
from sim2real.transfer.transfer import Transfer, transfer

torch.set_num_threads(1)

OBS = spaces.Box(-np.inf, np.inf, (3,), np.float32)
SPACE = WindowSpace(OBS, spaces.Box(np.array([-1, 0], np.float32), np.array([3, np.inf], np.float32)), 4)
MEMORY = {"kind": "history", "widths": [16], "length": 3, "memory_width": 16}
PROBE: dict[str, Any] = {
    "policy_head": [16],
    "value_head": [16],
    "num_steps": 16,
    "batch_size": 64,
    "num_epochs": 8,
    "learning_rate": 3e-3,
    "gamma": 0.9,
    "log_std_init": -1.0,
    "schedule": "linear",
}
OFF_POLICY: dict[str, Any] = {
    "encoder": MEMORY,
    "policy_head": [16],
    "critic_head": [16],
    "batch_size": 64,
    "learning_rate": 3e-3,
    "gamma": 0.9,
    "learning_starts": 100,
    "gradient_steps": 0.25,
    "buffer_size": 5000,
}


def make_encoder(cell: str = "gru", **options: Any) -> HistoryEncoder:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return HistoryEncoder(SPACE, 4, cell, memory_width=5, **{"widths": (8, 6), **options})


def windows(valid: list[int], seed: int = 0) -> torch.Tensor:
    """Return windows whose last slots are filled, `valid[i]` of them in the i-th; (N, 4 * 6)."""
    slots = np.random.default_rng(seed).standard_normal((len(valid), 4, 6)).astype(np.float32)
    slots[..., -1] = 1.0
    for row, number in enumerate(valid):
        slots[row, : 4 - number] = 0.0
    return torch.from_numpy(slots.reshape(len(valid), -1))


def test_normalised_window_by_hand() -> None:
    encoder = make_encoder()
    seen = torch.tensor([[0.0, 2.0, 5.0], [2.0, 6.0, 5.0]])
    encoder.normalizer.update(seen)  # means 1, 4, 5; standard deviations 1, 2, 0
    window = torch.zeros(1, 4, 6)
    window[0, 2] = torch.tensor([1.0, 4.0, 5.0, 0.0, 0.0, 1.0])
    window[0, 3] = torch.tensor([2.0, 0.0, 5.0, 3.0, 7.0, 1.0])
    slots = encoder.normalize(window.flatten(1)).reshape(4, 6)
    assert not slots[:2].any()  # an empty slot is no observation of zeros
    # actions: -1 .. 3 becomes -1 .. 1, one without bounds stays as it is
    torch.testing.assert_close(slots[2], torch.tensor([0.0, 0.0, 0.0, -0.5, 0.0, 1.0]))
    torch.testing.assert_close(slots[3], torch.tensor([1.0, -2.0, 0.0, 1.0, 7.0, 1.0]), atol=1e-6, rtol=0)


def test_every_observation_counts_once_in_the_statistics() -> None:
    encoder, plain = make_encoder(), RunningNormalizer(3)
    for seed in range(3):
        batch = windows([4, 3, 2, 1], seed)
        encoder.update_statistics(batch)
        plain.update(batch.reshape(4, 4, 6)[:, -1, :3])
    assert digest(encoder.normalizer) == digest(plain)
    agent = PPO(LinearWorld(8), {**SMALL, "encoder": MEMORY}, seed=0, device="cpu").learn(8 * 8 * 2)
    assert agent.policy.encoder.normalizer.seen == 8 * 8 * 2
    assert agent.policy.encoder.normalizer.mean.shape == (5,)


@pytest.mark.parametrize("cell", CELLS)
def test_features_are_normalize_then_encode_of_the_promised_width(cell: str) -> None:
    encoder, batch = make_encoder(cell), windows([4, 2, 1])
    assert torch.equal(encoder(batch), encoder.encode(encoder.normalize(batch)))
    assert encoder(batch).shape == (3, encoder.features_dim) == (3, 6)
    bare = make_encoder(cell, widths=())
    assert bare(batch).shape == (3, bare.features_dim) == (3, 5 + 3)
    torch.testing.assert_close(bare(batch)[:, 5:], batch[:, -6:-3])  # the newest observation, next to the memory


def test_gru_runs_over_the_episodes_own_slots_alone() -> None:
    memory = GruMemory(6, 5, 4, "elu")
    batch = windows([1, 2, 3, 4]).reshape(4, 4, 6)
    together = memory(batch)
    for row, slots in enumerate(batch):
        alone = memory.gru(slots[3 - row :, None])[1][0, 0]
        torch.testing.assert_close(together[row], alone, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("length", [2, 3, 4, 5, 8, 9])
def test_tcn_is_a_stack_of_dilated_causal_convolutions(length: int) -> None:
    memory = TcnMemory(6, 5, length, "tanh")
    slots = torch.randn(7, length, 6, generator=torch.Generator().manual_seed(0))
    padded = nn.functional.pad(slots, (0, 0, 64 - length, 0))  # what lies before a window is zeros
    signal = torch.tanh(memory.embedding(padded)).transpose(1, 2)
    for depth, level in enumerate(memory.levels):
        taps = level.weight.reshape(5, 2, 5).transpose(1, 2)  # (out, in, taps)
        signal = torch.tanh(nn.functional.conv1d(signal, taps, level.bias, dilation=2**depth))
    torch.testing.assert_close(memory(slots), signal[..., -1], rtol=1e-5, atol=1e-6)
    assert 2 ** len(memory.levels) >= length > 2 ** (len(memory.levels) - 1)


@pytest.mark.parametrize("cell", CELLS)
def test_every_slot_matters(cell: str) -> None:
    encoder, batch = make_encoder(cell), windows([4]).requires_grad_()
    encoder(batch).sum().backward()
    assert batch.grad is not None
    assert (batch.grad.reshape(4, 6).abs().sum(dim=1) > 1e-6).all()


@pytest.mark.parametrize("cell", CELLS)
def test_tensors_that_read_entries_are_those_it_names(cell: str) -> None:
    encoder = make_encoder(cell)
    sizes: dict[Any, int] = {"observation": 3, "action": 2}
    named = dict(encoder.named_parameters())
    for name, along in encoder.input_segments().items():
        assert named[name].shape[1] == sum(sizes.get(run, run) for run in along)
    wider = HistoryEncoder(WindowSpace(OBS, spaces.Box(-1, 1, (5,)), 4), 4, cell, 5, (8, 6))
    other = {name for name, tensor in wider.named_parameters() if tensor.shape != named[name].shape}
    assert other == {f"memory.{encoder.memory.reads_slots}"}  # and no other depends on the action space
    with pytest.raises(AgentsError, match="without widths cannot be carried"):
        make_encoder(cell, widths=()).input_segments()


@pytest.mark.parametrize("cell", CELLS)
def test_between_spaces_that_differ_all_is_named_that_depends_on_them(cell: str) -> None:
    settings = {**SMALL, "encoder": {**MEMORY, "cell": cell}}
    one, two = (PPO(make_policy_env(*dims), settings, device="cpu").policy for dims in ((4, 2), (6, 3)))
    shapes = {name: tensor.shape for name, tensor in parts.tensors(two).items()}
    assert {name for name, tensor in parts.tensors(one).items() if tensor.shape != shapes[name]} == set(entry_axes(one))


@pytest.mark.thorough
@pytest.mark.parametrize("cell", CELLS)
def test_what_was_seen_before_is_remembered_to_one_percent(cell: str) -> None:
    agent = PPO(Recall(16), {**PROBE, "encoder": {**MEMORY, "cell": cell}}, seed=0, device="cpu").learn(16 * 16 * 60)
    assert mean_reward(agent, Recall(64)) > 0.99 * Recall.best


@pytest.mark.thorough
def test_sac_remembers_too_and_freezes_it() -> None:
    source = SAC(Recall(8), OFF_POLICY, seed=0, device="cpu").learn(4000)
    assert mean_reward(source, Recall(64)) > 0.99 * Recall.best
    target = SAC(Recall(8), OFF_POLICY, seed=1, device="cpu")
    heads = ("policy_head", "critic", "temperature")
    actions = {"encoder": "freeze", "encoder_target": "freeze", "critic_target": "keep", **dict.fromkeys(heads, "keep")}
    target.apply_plan(TransferPlan(actions, (Phase("heads", dict.fromkeys(heads, 1.0)),)), parts.tensors(source.policy))
    assert mean_reward(target, Recall(64)) == mean_reward(source, Recall(64))
    before = parts.digests(target.policy)
    target.learn(800)
    after = parts.digests(target.policy)
    assert {part for part in after if after[part] == before[part]} == {"encoder", "encoder_target"}


def test_without_memory_it_cannot_be_done() -> None:
    agent = PPO(Recall(16), {**PROBE, "encoder": {"widths": [16]}}, seed=0, device="cpu").learn(16 * 16 * 60)
    assert 0.75 < mean_reward(agent, Recall(64)) <= Recall.best_without_memory


@pytest.mark.thorough
@pytest.mark.parametrize("cell", CELLS)
def test_what_was_done_before_is_remembered(cell: str) -> None:
    agent = PPO(Alternate(16), {**PROBE, "encoder": {**MEMORY, "cell": cell}}, seed=0, device="cpu").learn(16 * 16 * 60)
    assert mean_reward(agent, Alternate(64)) > 0.99
    for before in (0.0, 0.25, 0.5):  # the third step of an episode, after this action
        window = np.array([[0, 0, 1, 0, 0.5 - before, 1, 0, before, 1]], np.float32)
        assert agent.predict(window, deterministic=True)[0][0, 0] == pytest.approx(0.5 - before, abs=0.07)


def test_gradients_are_autograds() -> None:
    agent = PPO(LinearWorld(8), {**SMALL, "encoder": MEMORY}, seed=0, device="cpu")
    assert not HandGradients.supports(agent.policy)
    agent.learn(8 * 8)
    grads = {name: p.grad for name, p in agent.policy.encoder.named_parameters()}
    assert all(grad is not None and grad.abs().max() > 0 for grad in grads.values()), grads


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("rows", [1, 2, 3, 8, 64])
def test_frozen_it_puts_out_the_same_bits(cell: str, rows: int) -> None:
    encoder, batch = make_encoder(cell), windows([4] * rows)
    before = encoder(batch)
    freeze(encoder)
    assert torch.equal(encoder(batch), before)
    with torch.no_grad():
        assert torch.equal(encoder(batch), before)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("cache", [True, False])
def test_frozen_it_does_not_move_by_a_bit(cell: str, cache: bool) -> None:
    settings = {**SMALL, "encoder": {**MEMORY, "cell": cell}, "cache_features": cache}
    source = PPO(make_policy_env(4, 2), settings, seed=0, device="cpu").learn(8 * 8 * 2)
    target = PPO(make_policy_env(4, 2), settings, seed=1, device="cpu")
    heads = ("policy_head", "value_head", "log_std")
    plan = TransferPlan(
        {"encoder": "freeze", **dict.fromkeys(heads, "keep")}, (Phase("heads", dict.fromkeys(heads, 1.0)),)
    )
    target.apply_plan(plan, parts.tensors(source.policy))
    before = parts.digests(source.policy)
    target.learn(8 * 8 * 4)
    after = parts.digests(target.policy)
    assert after["encoder"] == before["encoder"]
    assert all(after[part] != before[part] for part in heads)


@pytest.mark.thorough
def test_from_source_to_target_and_again(tmp_path: Path) -> None:
    """Pretrained, evaluated, loaded and carried over: the policy is the same one, and zero-shot is its own score."""
    encoder = {**MEMORY, "length": 4}
    agent = {"num_envs": 8, "settings": {**SMALL, "encoder": encoder}}
    config = small_config(agent=agent)
    run = pretrain(config, tmp_path / "source", resume=False, num_threads=1, report=silent)
    loaded, _ = load_agent(run, config)
    assert isinstance(loaded.policy.encoder, HistoryEncoder)
    source = config.source_domain(config.make_task())
    scores = [evaluate(loaded, config.env, source, episodes=3, seed=5, num_threads=n).returns for n in (1, 2)]
    np.testing.assert_array_equal(*scores)
    assert scores[0].std() > 0
    job = Transfer(config, run, "heavy", "zero_shot")
    target = transfer(job, tmp_path / "target", resume=False, num_threads=1, report=silent, show_plan=lambda rows: None)
    ledger = target.ledger()
    assert ledger["source_return_before"] == ledger["source_return_after"]
