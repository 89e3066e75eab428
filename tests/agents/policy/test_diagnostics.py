"""Measures of representations against closed forms and nets built by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from gymnasium import spaces

from agents import EncoderSettings, PPOSettings, SACSettings
from agents.policy import diagnostics
from agents.ppo.policy import make_policy
from agents.sac.policy import make_policy as make_sac_policy


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_cka_of_a_thing_with_itself_is_one_however_it_is_turned_scaled_or_moved() -> None:
    x = normal(200, 8)
    turn, _ = torch.linalg.qr(normal(8, 8, seed=1))
    assert diagnostics.compute_cka(x, x) == pytest.approx(1.0, abs=1e-12)
    assert diagnostics.compute_cka(x, 3.7 * x @ turn + 5.0) == pytest.approx(1.0, abs=1e-12)
    assert diagnostics.compute_cka(x, x[:, torch.randperm(8, generator=torch.Generator().manual_seed(2))]) > 1 - 1e-12
    assert diagnostics.compute_cka(x, x * torch.tensor([10.0] + [1.0] * 7)) < 0.9  # not to uneven scaling


def test_cka_is_symmetric_and_falls_with_noise_to_nearly_nothing() -> None:
    x, noise = normal(4000, 6), normal(4000, 6, seed=1)
    levels = [diagnostics.compute_cka(x, x + s * noise) for s in (0.0, 0.3, 1.0, 10.0)]
    assert levels == sorted(levels, reverse=True)
    assert diagnostics.compute_cka(x, noise) < 6 / 4000 * 3  # chance: about width / samples
    assert diagnostics.compute_cka(x, noise[:, :2]) == pytest.approx(diagnostics.compute_cka(noise[:, :2], x))


def test_cka_of_single_columns_is_the_squared_correlation() -> None:
    x, y = normal(50, 1), normal(50, 1, seed=1)
    expected = float(np.corrcoef(x[:, 0].numpy(), y[:, 0].numpy())[0, 1] ** 2)
    assert diagnostics.compute_cka(x, y) == pytest.approx(expected, rel=1e-10)


def test_cka_says_nothing_of_what_does_not_vary() -> None:
    assert math.isnan(diagnostics.compute_cka(torch.ones(5, 3), normal(5, 3)))


def test_rank_of_known_matrices() -> None:
    x = torch.linalg.qr(normal(100, 10))[0]  # ten equal singular values
    assert diagnostics.compute_rank(x) == 10  # 9 / 10 < 0.99
    assert diagnostics.compute_rank(x, delta=0.3) == 7  # 7 / 10 >= 0.7
    assert diagnostics.compute_rank(x @ torch.diag(torch.tensor([1.0] * 3 + [0.0] * 7, dtype=torch.float64))) == 3
    assert diagnostics.compute_rank(x @ torch.diag(torch.tensor([100.0, 1.0] + [0.0] * 8, dtype=torch.float64))) == 1
    assert diagnostics.compute_rank(x @ torch.diag(torch.tensor([98.0, 2.0] + [0.0] * 8, dtype=torch.float64))) == 2
    assert diagnostics.compute_rank(torch.zeros(5, 4)) == 0


def test_dormant_units_are_those_far_below_their_layers_average() -> None:
    size = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.01])
    features = size * torch.tensor([[1.0], [-1.0]])
    assert diagnostics.compute_dormant(features) == pytest.approx(2 / 5)  # 0.01 <= 0.025 * 3.01 / 5
    assert diagnostics.compute_dormant(features, threshold=0.0) == pytest.approx(1 / 5)
    assert diagnostics.compute_dormant(7.0 * features) == diagnostics.compute_dormant(features)
    assert diagnostics.compute_dormant(torch.zeros(3, 4)) == 1.0


def test_layers_are_recorded_under_the_names_that_plans_use() -> None:
    box = spaces.Box(-np.inf, np.inf, (3,), np.float32)
    settings = PPOSettings(
        encoder=EncoderSettings(widths=(5, 4), layer_norm=True, activation="relu"),
        policy_head=(6,),
        value_head=(7,),
        head_activation="relu",
    )
    policy = make_policy(box, spaces.Box(-1, 1, (2,), np.float32), lambda _: 0.0, settings, seed=0)
    obs = normal(11, 3).float()

    def run() -> None:
        features = policy.encoder(obs)
        policy.action_mean(features)
        policy.value_of(features)

    found = diagnostics.record_layers(policy, run)
    assert {name: tuple(rows.shape) for name, rows in found.items()} == {
        "encoder.layers.0": (11, 5),
        "encoder.layers.3": (11, 4),
        "policy_head.hidden.0": (11, 6),
        "value_head.hidden.0": (11, 7),
    }
    torch.testing.assert_close(found["encoder.layers.3"], policy.encoder(obs).detach(), rtol=0, atol=0)
    assert not any(module._forward_hooks for module in policy.modules())

    with torch.no_grad():  # two units of the policy head that never fire
        hidden = policy.mlp_extractor.policy_net[0]
        hidden.weight[:2], hidden.bias[:2] = 0.0, -1.0
    again = diagnostics.record_layers(policy, run)
    before, after = (diagnostics.compute_dormant(rows["policy_head.hidden.0"]) for rows in (found, again))
    assert after >= 2 / 6
    assert after >= before


def test_a_layer_of_an_ensemble_is_one_layer_with_a_row_a_sample() -> None:
    box = spaces.Box(-np.inf, np.inf, (3,), np.float32)
    settings = SACSettings(policy_head=(6,), critic_head=(5, 4), num_critics=3)
    policy = make_sac_policy(box, spaces.Box(-1, 1, (2,), np.float32), settings, seed=0)
    obs, actions = normal(11, 3).float(), normal(11, 2, seed=1).float()

    def run() -> None:
        policy.critic(policy.encoder(obs), actions)

    found = diagnostics.record_layers(policy, run)
    assert {name: tuple(rows.shape) for name, rows in found.items()} == {
        "encoder": (11, 3),
        "critic.layers.0": (11, 3 * 5),
        "critic.layers.3": (11, 3 * 4),
    }
    with torch.no_grad():
        x = torch.cat([policy.encoder(obs), actions], dim=1)
        for layer in policy.critic.layers[:3]:  # linear, LayerNorm, activation
            x = layer(x)
    torch.testing.assert_close(found["critic.layers.0"][:, 5:10], x[1], rtol=0, atol=0)  # the second critic's
    assert not any(module._forward_hooks for module in policy.modules())

    with torch.no_grad():  # of the third critic's five first units, two that never fire
        policy.critic.layers[1].weight[2, :, :2], policy.critic.layers[1].bias[2, :, :2] = 0.0, -1.0
    again = diagnostics.record_layers(policy, run)["critic.layers.0"]
    assert torch.count_nonzero(again[:, 10:12]) == 0
    torch.testing.assert_close(again[:, :10], found["critic.layers.0"][:, :10], rtol=0, atol=0)


def test_hooks_are_gone_even_if_the_batch_does_not_go_through() -> None:
    box = spaces.Box(-np.inf, np.inf, (3,), np.float32)
    policy = make_policy(box, spaces.Box(-1, 1, (2,), np.float32), lambda _: 0.0, PPOSettings(), seed=0)
    with pytest.raises(RuntimeError):
        diagnostics.record_layers(policy, lambda: policy.encoder(torch.zeros(4, 9)))
    assert not any(module._forward_hooks for module in policy.modules())
