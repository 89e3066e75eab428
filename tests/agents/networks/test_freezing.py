"""Frozen means frozen: modes, buffers, momentum; and a digest that notices a single bit."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from gymnasium import spaces
from probes import make_policy_env
from torch import nn

from agents import (
    PPO,
    AgentPolicy,
    Encoder,
    Phase,
    PPOSettings,
    TransferPlan,
    digest,
    freeze,
    is_frozen,
    parts,
    unfreeze,
)

torch.set_num_threads(1)  # networks this small are slower on more

SETTINGS = {
    "encoder": {"widths": [8]},
    "policy_head": [8],
    "value_head": [8],
    "num_steps": 8,
    "batch_size": 32,
}
HEADS = {"policy_head": 1.0, "value_head": 1.0, "log_std": 1.0}
FROZEN = {"encoder": "freeze", "policy_head": "keep", "value_head": "keep", "log_std": "keep"}


class BatchNormEncoder(Encoder):
    """An encoder with statistics that move in training mode; not one that hand-derived gradients know."""

    def __init__(self, space: spaces.Box) -> None:
        super().__init__(space, 6)
        self.layers = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5))

    def encode(self, normalized: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.layers(normalized)
        return out


def test_training_mode_does_not_reach_a_frozen_module() -> None:
    policy = PPO(make_policy_env(4, 2), SETTINGS, device="cpu").policy
    freeze(policy.encoder)
    policy.set_training_mode(True)
    assert policy.training
    assert not any(module.training for module in policy.encoder.modules())
    policy.encoder.layers[0].train()  # nor when an inner layer is asked on its own
    assert not policy.encoder.layers[0].training
    assert policy.mlp_extractor.training
    unfreeze(policy.encoder)
    policy.set_training_mode(True)
    assert all(module.training for module in policy.encoder.modules())
    assert all(parameter.requires_grad for parameter in policy.encoder.parameters())


def test_frozen_batch_norm_and_dropout_stand_still() -> None:
    encoder = BatchNormEncoder(spaces.Box(-1, 1, (4,), np.float32))
    x = torch.randn((64, 4), generator=torch.Generator().manual_seed(0)) * 3.0
    freeze(encoder)
    before, out = digest(encoder), encoder(x)
    encoder.train(True)
    for _ in range(10):
        assert torch.equal(encoder(x), out)
    assert digest(encoder) == before
    unfreeze(encoder)
    encoder.train(True)
    encoder(x)
    assert digest(encoder) != before


def test_a_copy_of_a_frozen_module_is_frozen_by_itself() -> None:
    original = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    freeze(original)
    twin = copy.deepcopy(original)
    unfreeze(original)
    original.train(True)
    twin.train(True)
    assert original.training
    assert not twin.training
    assert is_frozen(twin)
    assert not is_frozen(original)


def test_frozen_modules_hold_and_parameters_too() -> None:
    parameter = nn.Parameter(torch.zeros(2))
    freeze(parameter)
    assert is_frozen(parameter)
    assert not parameter.requires_grad
    unfreeze(parameter)
    assert not is_frozen(parameter)


def test_a_module_that_was_made_trainable_again_is_not_frozen() -> None:
    policy = PPO(make_policy_env(4, 2), SETTINGS, device="cpu").policy
    freeze(policy.encoder)
    assert is_frozen(policy.encoder)
    policy.requires_grad_(True)
    assert not is_frozen(policy.encoder)
    assert is_frozen(policy.encoder.normalizer)  # it has no parameters: its statistics stay
    freeze(policy.encoder)
    assert is_frozen(policy.encoder)
    unfreeze(policy.encoder.layers)
    assert not is_frozen(policy.encoder)  # a hole in it is enough


@pytest.mark.parametrize("thaw", ["training", "train", "member"])
def test_a_module_that_can_train_again_is_not_frozen(thaw: str) -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    freeze(module)
    assert is_frozen(module)
    if thaw == "training":
        module[1].training = True
    elif thaw == "train":
        del module[1].train
    else:
        module.append(nn.BatchNorm1d(2, affine=False))
    assert not is_frozen(module)


def test_digest_notices_values_shapes_names_and_unsaved_buffers() -> None:
    module = nn.Linear(3, 2)
    before = digest(module)
    with torch.no_grad():
        module.weight[0, 0] = torch.nextafter(module.weight[0, 0], torch.tensor(9.0))
    assert digest(module) != before
    before = digest(module)
    module.register_buffer("hidden", torch.zeros(1), persistent=False)
    assert digest(module) != before
    assert digest({"a": torch.zeros(2, 3)}) != digest({"a": torch.zeros(3, 2)})
    assert digest({"a": torch.zeros(2)}) != digest({"b": torch.zeros(2)})
    assert digest({"a": torch.zeros(2)}) != digest({"a": torch.zeros(2, dtype=torch.float64)})
    assert digest({"a": torch.zeros(2), "b": torch.ones(1)}) == digest({"b": torch.ones(1), "a": torch.zeros(2)})


@pytest.mark.parametrize("cache", [True, False])
def test_training_with_a_frozen_encoder_leaves_every_bit(cache: bool) -> None:
    env = make_policy_env(4, 2)
    source = PPO(env, SETTINGS, seed=0, device="cpu").learn(8 * 8 * 3)
    target = PPO(make_policy_env(4, 2), {**SETTINGS, "cache_features": cache}, seed=1, device="cpu")
    target.apply_plan(TransferPlan(FROZEN, (Phase("heads", HEADS),)), parts.tensors(source.policy))
    before = parts.digests(source.policy)
    target.learn(8 * 8 * 4)
    after = parts.digests(target.policy)
    assert after["encoder"] == before["encoder"]
    assert all(after[part] != before[part] for part in HEADS)
    assert target.policy.encoder.normalizer.seen == 8 * 8 * 3


def test_momentum_does_not_move_what_stopped_training() -> None:
    """Adam with zero gradients still moves parameters; an optimizer that does not hold them cannot."""
    env = make_policy_env(4, 2)
    plan = TransferPlan(
        dict.fromkeys(parts.PARTS, "reset"),
        (Phase("all", dict.fromkeys(parts.PARTS, 1.0), budget=8 * 8 * 3), Phase("heads", HEADS)),
    )
    agent = PPO(env, SETTINGS, seed=0, device="cpu")
    agent.apply_plan(plan)
    agent.learn(8 * 8 * 3)
    assert agent.phase is not None
    assert agent.phase.name == "heads"
    before = {name: tensor.clone() for name, tensor in parts.references(agent.policy, ["encoder"]).items()}
    agent.learn(8 * 8 * 20, reset_num_timesteps=False)
    drift = [
        float((tensor - before[name]).abs().max())
        for name, tensor in parts.references(agent.policy, ["encoder"]).items()
    ]
    assert max(drift) == 0.0


def test_frozen_encoder_with_batch_norm_trains_its_heads_by_autograd(monkeypatch: pytest.MonkeyPatch) -> None:
    def make_features_extractor(self: AgentPolicy) -> BatchNormEncoder:
        assert isinstance(self.observation_space, spaces.Box)
        return BatchNormEncoder(self.observation_space)

    monkeypatch.setattr(AgentPolicy, "make_features_extractor", make_features_extractor)
    agent = PPO(make_policy_env(4, 2), PPOSettings.from_mapping(SETTINGS), device="cpu")
    source = parts.tensors(agent.policy)
    agent.apply_plan(TransferPlan(FROZEN, (Phase("heads", HEADS),)), source)
    before = parts.digests(agent.policy)
    agent.learn(8 * 8 * 3)
    after = parts.digests(agent.policy)
    assert after["encoder"] == before["encoder"]
    assert after["policy_head"] != before["policy_head"]
