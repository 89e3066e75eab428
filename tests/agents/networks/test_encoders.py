"""Encoders: the normaliser inside, two separate steps, layers as configured; and a tanh that is tanh."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from agents import ACTIVATIONS, ENCODERS, AgentsError, Encoder, EncoderSettings, PPOSettings
from agents.networks.activations import Tanh
from agents.networks.backprop import Stack
from agents.networks.encoders import MlpEncoder, encoder_class
from agents.rollouts import GroupSpace
from agents.rollouts.history import WindowSpace

SPACE = spaces.Box(-np.inf, np.inf, (4,), np.float32)


@pytest.mark.parametrize("kind", ENCODERS)
def test_every_row_is_an_encoder_of_the_promised_width(kind: str) -> None:
    settings = EncoderSettings(kind, widths=(8, 6), activation="tanh")
    space = SPACE if settings.history == 1 else WindowSpace(SPACE, SPACE, settings.history)
    if kind == "rma":
        space = GroupSpace({"policy": space, "privileged": spaces.Box(-np.inf, np.inf, (1,), np.float32)})
    encoder = encoder_class(kind)(space, **settings.arguments())
    assert isinstance(encoder, Encoder)
    assert type(encoder) is ENCODERS[kind].cls
    assert encoder.features_dim == 6
    assert encoder(torch.zeros(3, *space.shape)).shape == (3, 6)
    assert encoder.normalizer.mean.shape == (4,)


def test_forward_is_normalize_then_encode() -> None:
    encoder = MlpEncoder(SPACE, (8,), activation="elu")
    encoder.normalizer.update(torch.arange(20.0).reshape(5, 4))
    obs = torch.arange(12.0).reshape(3, 4)
    normalized = encoder.normalize(obs)
    assert torch.equal(encoder(obs), encoder.encode(normalized))
    assert torch.equal(normalized, encoder.normalizer(obs))


def test_without_widths_it_is_the_normaliser_alone() -> None:
    encoder = MlpEncoder(SPACE)
    encoder.normalizer.update(torch.arange(20.0).reshape(5, 4))
    obs = torch.arange(12.0).reshape(3, 4)
    assert encoder.features_dim == 4
    assert list(encoder.parameters()) == []
    assert torch.equal(encoder(obs), encoder.normalizer(obs))


@pytest.mark.parametrize(("layer_norm", "expected"), [(True, 4 * 8 + 8 + 16 + 8 * 6 + 6 + 12), (False, 94)])
def test_number_of_parameters(layer_norm: bool, expected: int) -> None:
    encoder = MlpEncoder(SPACE, (8, 6), layer_norm=layer_norm)
    assert sum(parameter.numel() for parameter in encoder.parameters()) == expected


def test_only_vectors_are_read() -> None:
    with pytest.raises(AgentsError, match="one vector"):
        MlpEncoder(spaces.Box(0, 1, (8, 8), np.float32), (4,))
    with pytest.raises(AgentsError, match="one vector"):
        MlpEncoder(spaces.Discrete(3), (4,))


def test_tanh_is_tanh_with_its_gradient() -> None:
    x = torch.linspace(-12.0, 12.0, 4001)
    exact = torch.tanh(x.double())
    assert (Tanh()(x).double() - exact).abs().max() < 1.2e-7
    x.requires_grad_()
    Tanh()(x).sum().backward()
    assert x.grad is not None
    assert (x.grad.double() - (1.0 - exact.square())).abs().max() < 5e-7
    assert torch.equal(Tanh()(x.detach().double()), torch.tanh(x.detach().double()))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("layer_norm", [True, False])
@pytest.mark.parametrize("to_input", [True, False])
def test_backward_by_hand_is_autograds(activation: str, layer_norm: bool, to_input: bool) -> None:
    torch.manual_seed(0)
    layers = list(MlpEncoder(SPACE, (8, 6), layer_norm=layer_norm, activation=activation).layers)
    x = torch.randn(10, 4, requires_grad=True)
    y = torch.nn.Sequential(*layers)(x)
    grad = torch.randn_like(y)
    y.backward(grad)
    expected = [p.grad.clone() for layer in layers for p in layer.parameters() if p.grad is not None]
    assert Stack.supports(layers)
    stack = Stack(layers, max_rows=16)
    for _ in range(2):  # twice: gradients are overwritten, not added to
        torch.testing.assert_close(stack.forward(x.detach()), y.detach(), rtol=1e-6, atol=1e-6)
        below = stack.backward(grad.clone(), to_input)
    found = [p.grad for layer in layers for p in layer.parameters()]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert (below is not None) == to_input
    if below is not None:
        torch.testing.assert_close(below, x.grad, rtol=1e-5, atol=1e-6)


def test_backward_by_hand_stops_where_nothing_trains() -> None:
    layers = list(MlpEncoder(SPACE, (8, 6), layer_norm=False).layers)
    layers[0].requires_grad_(False)
    stack = Stack(layers, max_rows=4)
    stack.forward(torch.ones(2, 4))
    assert stack.backward(torch.ones(2, 6), to_input=False) is None
    assert layers[0].weight.grad is None
    assert layers[2].weight.grad is not None


def test_layers_that_are_not_known_are_left_to_autograd() -> None:
    assert not Stack.supports([torch.nn.Linear(2, 2), torch.nn.Dropout()])
    assert not Stack.supports([torch.nn.Linear(2, 2, bias=False)])
    assert not Stack.supports([torch.nn.ELU(), torch.nn.Linear(2, 2)])  # would overwrite its input
    assert Stack.supports([])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"learning_rat": 1.0},
            "unknown PPO setting 'learning_rat' .did you mean 'learning_rate'.*valid: .*gamma",
        ),
        (
            {"encoder": {"width": [3]}},
            "unknown encoder setting 'width'.*valid: activation, cell, extrinsics, kind, .*, widths",
        ),
        (
            {"encoder": {"kind": "mpl"}},
            "unknown encoder kind 'mpl' .did you mean 'mlp'.*valid: history, mlp, rma, or mod",
        ),
        ({"encoder": {"activation": "gelu"}}, "unknown activation 'gelu'.*valid: elu, relu, tanh"),
        ({"encoder": {"widths": [0]}}, "encoder.widths is"),
        ({"encoder": 3}, "must be a mapping"),
        ({"encoder": {"kind": ":Net"}}, "unknown encoder kind ':Net'"),
        ({"encoder": {"kind": "history", "cell": "lstm"}}, "unknown encoder cell 'lstm'; valid: gru, tcn"),
        ({"encoder": {"kind": "history", "length": 1}}, "encoder.length is 1: it must be a whole .* at least 2"),
        ({"encoder": {"kind": "history", "length": 2.0}}, "encoder.length is 2.0"),
        ({"encoder": {"kind": "history", "memory_width": 0}}, "encoder.memory_width is 0: .* at least 1"),
        ({"encoder": {"length": 8}}, "encoder.length is 8: encoder kind 'mlp' reads only widths, layer_norm, activ"),
        ({"encoder": {"options": {"a": 1}}}, "encoder.options is {'a': 1}: encoder kind 'mlp' reads only"),
        ({"encoder": {"kind": "a:B", "widths": [8]}}, "encoder.widths is .8,.: encoder kind 'a:B' reads only .*opt"),
        ({"encoder": {"kind": "a:B", "options": [1]}}, r"encoder.options is \[1\]: it must be a mapping"),
        ({"encoder": {"kind": "a:B", "options": {1: 2}}}, "encoder.options is {1: 2}: it must be a mapping"),
        ({"policy_head": 64}, "policy_head is 64"),
        ({"schedule": "cosine"}, "unknown schedule 'cosine'; valid: adaptive, constant, linear"),
        ({"num_steps": 0}, "num_steps is 0"),
        ({"num_steps": 2.5}, "num_steps is 2.5"),
        ({"batch_size": True}, "batch_size is True"),
        ({"gamma": 1.01}, "gamma is 1.01"),
        ({"clip_range": float("nan")}, "clip_range is nan"),
        ({"target_kl": 0.0}, "target_kl is 0.0"),
        ({"shared_encoder": "yes"}, "shared_encoder is 'yes'"),
        ({"encoder": {"kind": ["mlp"]}}, r"unknown encoder kind \['mlp'\].*valid: history, mlp, rma, or module:Class"),
        ({"encoder": {"activation": {"elu": 1}}}, "unknown activation .*valid: elu, relu, tanh"),
        ({"head_activation": ["tanh"]}, r"unknown activation \['tanh'\].*valid: elu, relu, tanh"),
        ({"schedule": ["linear"]}, r"unknown schedule \['linear'\].*valid: adaptive, constant, linear"),
        ({"encoder": {"widths": [True]}}, r"encoder.widths is \[True\]"),
        ({"learning_rate": "1e-4"}, r"learning_rate is '1e-4': it must be a finite number \(a text: write 1\.0e-4\)$"),
        ({"learning_rate": "2.5E6"}, r"write 2\.5e\+6\)$"),
        ({"ent_coef": "0.5"}, r"write 0\.5\)$"),
        ({"gamma": "high"}, "gamma is 'high': it must be a finite number$"),
        ({"gamma": "nan"}, "gamma is 'nan': it must be a finite number$"),
        ({"learning_rate": -1}, "learning_rate is -1: it must be above 0$"),
        ({"learning_rate": 10**400}, "it must be a finite number$"),
        ({"num_steps": "1e3"}, r"num_steps is '1e3': it must be a whole number of at least 1 \(a text: write 1000\)$"),
    ],
)
def test_settings_that_cannot_be_name_the_rule(values: dict[str, object], message: str) -> None:
    with pytest.raises(AgentsError, match=message):
        PPOSettings.from_mapping(values)


@pytest.mark.parametrize("mapping", [3, None, ["gamma"]])
def test_settings_are_a_mapping(mapping: Any) -> None:
    with pytest.raises(AgentsError, match=r"PPO settings are .*: expected a mapping with keys of encoder, .*gamma"):
        PPOSettings.from_mapping(mapping)


def test_settings_survive_as_plain_data() -> None:
    chosen = PPOSettings(encoder=EncoderSettings(widths=(32, 16)), value_head=(8,), target_kl=0.01)
    assert PPOSettings.from_mapping(chosen.to_mapping()) == chosen
    assert chosen.to_mapping()["encoder"]["widths"] == [32, 16]
    for encoder in (
        EncoderSettings("history", (8,), length=5, cell="tcn"),
        EncoderSettings("a:B", options={"deep": [1]}),
    ):
        chosen = PPOSettings(encoder=encoder)
        assert PPOSettings.from_mapping(chosen.to_mapping()) == chosen
        assert hash(chosen.encoder) == hash(PPOSettings.from_mapping(chosen.to_mapping()).encoder)
