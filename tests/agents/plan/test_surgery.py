"""Surgeries: nothing changes until the adapters train, the base never does, and every tensor has one owner."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from probes import SMALL, ActionReward, LinearWorld
from torch import nn

from agents import (
    PPO,
    SURGERIES,
    ExplainedVariance,
    Phase,
    PlanError,
    Surgery,
    TransferPlan,
    load_bundle,
    parts,
    pretrain_plan,
    save_bundle,
)
from agents.networks.backprop import Stack
from agents.plan.surgery import operate
from agents.ppo.collection import make_table
from agents.ppo.update import AutogradGradients
from agents.sac import SAC

torch.set_num_threads(1)  # networks this small are slower on more

OBS, ACTIONS, WIDTH, HEAD = 5, 2, 8, 6
SETTINGS: dict[str, Any] = {**SMALL, "encoder": {"widths": [WIDTH]}, "policy_head": [HEAD], "value_head": [7]}
CARRIED = {"encoder": "freeze", "policy_head": "freeze", "value_head": "keep", "log_std": "keep", "adapters": "reset"}
WARM_UP = Phase("critic_warm_up", {"value_head": 1.0}, stop=ExplainedVariance(0.9, 0, 64))
TRAINED = {"adapters": 1.0, "value_head": 1.0, "log_std": 1.0}
OPTIONS: dict[str, dict[str, Any]] = {
    "low_rank": {"rank": 3, "alpha": 6.0},
    "residual": {"width": 4},
    "progressive": {"width": 4},
}
ENCODERS: dict[str, dict[str, Any]] = {
    "mlp": {"widths": [WIDTH]},
    "deep": {"widths": [WIDTH, 7], "layer_norm": False},
    "bare": {"widths": []},
}

every_surgery = pytest.mark.parametrize("kind", SURGERIES)


def make(seed: int = 0, world: Any = None, **settings: Any) -> PPO:
    return PPO(world or LinearWorld(8), {**SETTINGS, **settings}, seed=seed, device="cpu")


def make_sac(seed: int = 0) -> SAC:
    settings = {"encoder": {"widths": [WIDTH]}, "policy_head": [HEAD], "critic_head": [6], "batch_size": 16}
    return SAC(LinearWorld(8), {**settings, "buffer_size": 512, "learning_starts": 64}, seed=seed, device="cpu")


def plan(kind: str, *phases: Phase) -> TransferPlan:
    return TransferPlan(CARRIED, phases or (WARM_UP, Phase("adapters", TRAINED)), Surgery(kind, OPTIONS[kind]))


def observations(num: int = 32) -> torch.Tensor:
    return 3.0 + 2.0 * torch.randn((num, OBS), generator=torch.Generator().manual_seed(1))


def behaviour(policy: Any) -> dict[str, torch.Tensor]:
    """Return all that a PPO policy says of some observations."""
    obs = observations()
    actions = torch.randn((len(obs), ACTIONS), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        values, log_probs, entropy = policy.evaluate_actions(obs, actions)
        return {
            "mean": policy.action_mean(policy.encoder(obs)),
            "predict": torch.from_numpy(policy.predict(obs.numpy(), deterministic=True)[0]),
            "forward": policy.forward(obs, deterministic=True)[0],
            "value": policy.value_of(policy.value_encoder(obs)),
            "values": values,
            "predict_values": policy.predict_values(obs),
            "log_probs": log_probs,
            "entropy": entropy,
        }


def assert_same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> None:
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, two[name]), name


def stir(policy: Any) -> None:
    """Move all adapters off their zeros."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in parts.parameters(policy, ["adapters"]):
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))


@pytest.fixture(scope="module")
def source() -> dict[str, torch.Tensor]:
    return parts.tensors(make().learn(8 * 8 * 3).policy)


# what a surgery is


@every_surgery
@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("shared", [True, False])
def test_nothing_changes_until_adapters_train(kind: str, encoder: str, shared: bool) -> None:
    agent = make(encoder=ENCODERS[encoder], shared_encoder=shared).learn(8 * 8)
    before, base = behaviour(agent.policy), parts.digests(agent.policy)
    operate(agent.policy, Surgery(kind, OPTIONS[kind]), seed=5)
    after = behaviour(agent.policy)
    assert_same(before, after)  # bit for bit: what is added is exactly zero
    assert {part: parts.digests(agent.policy)[part] for part in base} == base
    assert set(parts.part_names(agent.policy)) - set(base) == {"adapters"}
    stir(agent.policy)
    moved = behaviour(agent.policy)
    assert (moved["mean"] - before["mean"]).abs().max() > 1e-3  # and then they do
    assert torch.equal(moved["entropy"], before["entropy"])
    if kind != "low_rank" or not shared or encoder == "bare":
        assert torch.equal(moved["value"], before["value"])


@every_surgery
def test_prediction_is_the_mean_action(kind: str) -> None:
    policy = make().learn(8 * 8).policy
    operate(policy, Surgery(kind, OPTIONS[kind]), seed=5)
    stir(policy)
    said, obs = behaviour(policy), observations()
    assert torch.equal(said["predict"], said["mean"].clamp(-1.0, 1.0))
    assert torch.equal(said["forward"], said["mean"])
    assert torch.equal(said["values"], said["predict_values"])
    assert torch.equal(said["values"].squeeze(-1), said["value"])
    z = (torch.zeros(len(obs), ACTIONS) - said["mean"]) * torch.exp(-policy.log_std)
    log_probs = policy.evaluate_actions(obs, torch.zeros(len(obs), ACTIONS))[1]
    torch.testing.assert_close(log_probs, policy.log_density(z), rtol=1e-5, atol=1e-5)


@every_surgery
@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("shared", [True, False])
def test_every_tensor_belongs_to_exactly_one_part(kind: str, encoder: str, shared: bool) -> None:
    policy = make(encoder=ENCODERS[encoder], shared_encoder=shared).policy
    operate(policy, Surgery(kind, OPTIONS[kind]), seed=5)
    owned = [id(tensor) for part in parts.part_names(policy) for tensor in parts.references(policy, [part]).values()]
    assert len(owned) == len(set(owned))
    assert set(owned) == {id(tensor) for tensor in [*policy.parameters(), *policy.buffers()]}
    own = parts.references(policy, ["adapters"])
    assert all(name.startswith("adapters.") for name in own)


def count(kind: str, encoder: list[int]) -> int:
    """Return the number of parameters that `kind` adds, in closed form; `encoder` are the widths of its layers."""
    features = encoder[-1] if encoder else OBS
    linear = [*zip([OBS, *encoder], encoder, strict=False), (features, HEAD), (HEAD, ACTIONS)]
    if kind == "low_rank":
        return sum(min(3, *sides) * sum(sides) for sides in linear)
    if kind == "residual":
        return (features + ACTIONS + 1) * 4 + (4 + 1) * ACTIONS
    depth = [*encoder, HEAD]  # hidden layers of the source's column
    column = (OBS + 1) * 4 + (len(depth) - 1) * (4 + 1) * 4 + (4 + 1) * ACTIONS
    laterals = sum(1 + (width + 1) * 4 for width in depth) + (len(depth) - 1) * 4 * 4 + 4 * ACTIONS
    return column + laterals


@every_surgery
@pytest.mark.parametrize("encoder", ENCODERS)
def test_sizes_in_closed_form(kind: str, encoder: str) -> None:
    policy = make(encoder=ENCODERS[encoder]).policy
    operate(policy, Surgery(kind, OPTIONS[kind]), seed=5)
    assert parts.count(policy, "adapters") == count(kind, ENCODERS[encoder]["widths"])


def test_low_rank_adds_a_product_of_rank_r_to_a_layer() -> None:
    policy = make().policy
    weight = policy.action_net.weight.detach().clone()
    operate(policy, Surgery("low_rank", {"rank": 1, "alpha": 0.5}), seed=5)
    stir(policy)
    own = parts.references(policy, ["adapters"])
    up, down = own["adapters.policy_head.output.up"], own["adapters.policy_head.output.down"]
    x = torch.randn((9, HEAD), generator=torch.Generator().manual_seed(0))
    expected = x @ (weight + 0.5 * up @ down).t() + policy.action_net.bias
    torch.testing.assert_close(policy.action_net(x), expected)
    names = {name.rpartition(".")[0] for name in own}
    assert names == {"adapters.encoder.layers.0", "adapters.policy_head.hidden.0", "adapters.policy_head.output"}


def test_low_rank_starts_from_rows_of_length_one() -> None:
    policy = make(encoder={"widths": [256, 256]}).policy
    operate(policy, Surgery("low_rank", {"rank": 64}), seed=5)
    down = parts.references(policy, ["adapters"])["adapters.encoder.layers.3.down"]
    assert down.std().item() == pytest.approx(1 / math.sqrt(256), rel=0.02)
    assert down.square().sum(1).mean().item() == pytest.approx(1.0, rel=0.02)


def test_the_column_by_hand() -> None:
    policy = make(encoder={"widths": [WIDTH, 7]}).policy
    operate(policy, Surgery("progressive", {"width": 4}), seed=5)
    stir(policy)
    obs, own = observations(), parts.references(policy, ["adapters"])

    def linear(name: str, x: torch.Tensor) -> torch.Tensor:
        bias = own.get(f"adapters.{name}.bias")
        return x @ own[f"adapters.{name}.weight"].t() + (0.0 if bias is None else bias)

    def lateral(name: str, x: torch.Tensor) -> torch.Tensor:
        return linear(f"{name}.spread", torch.tanh(linear(f"{name}.squeeze", own[f"adapters.{name}.scale"] * x)))

    with torch.no_grad():
        h0 = policy.encoder.normalize(obs)
        layers = list(policy.encoder.layers)
        h1 = layers[2](layers[1](layers[0](h0)))
        h2 = layers[5](layers[4](layers[3](h1)))
        h3 = policy.mlp_extractor.policy_net(h2)
        z = torch.tanh(linear("layers.0", h0))
        z = torch.tanh(linear("layers.1", z) + lateral("laterals.0", h1))
        z = torch.tanh(linear("layers.2", z) + lateral("laterals.1", h2))
        expected = policy.action_net(h3) + linear("output", z) + lateral("output_lateral", h3)
        features = policy.encoder(obs)
        assert torch.equal(features, torch.cat([h2, h0, h1], dim=1))
        assert features.shape[1] == policy.encoder.features_dim
        torch.testing.assert_close(policy.action_mean(features), expected, rtol=1e-5, atol=1e-6)
        assert torch.equal(policy.value_of(features), policy.value_of(h2))


@every_surgery
def test_what_is_added_depends_on_the_seed_alone(kind: str) -> None:
    found = []
    for agent_seed, seed, noise in ((0, 5, 1), (1, 5, 2), (0, 6, 3)):
        policy = make(seed=agent_seed).policy
        torch.manual_seed(noise)
        before = torch.random.get_rng_state()
        operate(policy, Surgery(kind, OPTIONS[kind]), seed=seed)
        assert torch.equal(torch.random.get_rng_state(), before)
        found.append(parts.digests(policy)["adapters"])
    assert found[0] == found[1] != found[2]


@every_surgery
def test_what_is_added_is_where_the_policy_is(kind: str) -> None:
    policy = make().policy.to("meta")  # statistics stay on the CPU wherever a policy is
    operate(policy, Surgery(kind, OPTIONS[kind]), seed=5)
    assert {tensor.device.type for tensor in parts.references(policy, ["adapters"]).values()} == {"meta"}
    mean = policy.action_mean(torch.zeros((3, policy.encoder.features_dim), device="meta"))
    assert (mean.device.type, mean.shape) == ("meta", (3, ACTIONS))


@every_surgery
def test_a_deep_copy_is_a_policy_of_its_own(kind: str) -> None:
    policy = make().policy
    operate(policy, Surgery(kind, OPTIONS[kind]), seed=5)
    twin = copy.deepcopy(policy)
    assert_same(behaviour(policy), behaviour(twin))
    before = behaviour(policy)
    stir(twin)
    assert_same(before, behaviour(policy))
    assert (behaviour(twin)["mean"] - before["mean"]).abs().max() > 1e-3
    stir(policy)
    assert_same(behaviour(policy), behaviour(twin))


@every_surgery
def test_round_trip_through_a_bundle(kind: str, tmp_path: Path) -> None:
    policy = make().learn(8 * 8).policy
    operate(policy, Surgery(kind, OPTIONS[kind]), seed=5)
    stir(policy)
    save_bundle(tmp_path / "bundle", weights=parts.tensors(policy), state={}, meta={})
    other = make(seed=9).policy
    operate(other, Surgery(kind, OPTIONS[kind]), seed=0)
    parts.load(other, load_bundle(tmp_path / "bundle").weights)
    assert_same(behaviour(policy), behaviour(other))
    assert parts.digests(policy) == parts.digests(other)


def test_stacks_leave_corrected_layers_to_autograd() -> None:
    policy = make().policy
    layers = [*policy.mlp_extractor.policy_net, policy.action_net]
    assert Stack.supports(layers)
    operate(policy, Surgery("low_rank"), seed=5)
    assert not Stack.supports(layers)

    class Doubled(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2.0 * super().forward(x)

    assert not Stack.supports([Doubled(3, 2)])


# as data


def test_a_plan_keeps_all_options() -> None:
    data = plan("low_rank").to_json()
    assert data["surgery"] == {"kind": "low_rank", "options": {"rank": 3, "alpha": 6.0}}
    assert TransferPlan.from_json(data) == plan("low_rank")
    assert Surgery("residual").options == {"width": 64}  # a plan on disk does not change with the defaults


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("lowrank", {}, "unknown surgery 'lowrank' .did you mean 'low_rank'.*valid: low_rank, progressive, residual"),
        (["low_rank"], {}, "unknown surgery .'low_rank'."),
        ("low_rank", {"ranks": 2}, "unknown option of low_rank 'ranks' .did you mean 'rank'.*valid: alpha, rank"),
        ("low_rank", {"rank": 0}, "low_rank: rank is 0, it must be a whole number of at least 1"),
        ("low_rank", {"rank": True}, "low_rank: rank is True, it must be a whole number"),
        ("low_rank", {"alpha": 0.0}, "low_rank: alpha is 0.0, it must be a number above 0"),
        ("low_rank", {"alpha": math.nan}, "low_rank: alpha is nan"),
        ("residual", {"width": 2.5}, "residual: width is 2.5, it must be a whole number of at least 1"),
        ("progressive", {"width": -1}, "progressive: width is -1, it must be a whole number of at least 1"),
        ("residual", [4], "residual: options are .4., expected a mapping with width"),
    ],
)
def test_what_cannot_be_is_refused(kind: Any, options: Any, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        Surgery(kind, options)


def test_policies_that_do_not_fit() -> None:
    policy = make(encoder={"kind": "history", "length": 4}).policy
    with pytest.raises(PlanError, match="progressive: the encoder is a HistoryEncoder, only an mlp has layers to read"):
        operate(policy, Surgery("progressive"), seed=0)
    with pytest.raises(PlanError, match=r"progressive: critics read .*; choose agent ppo, or another surgery"):
        operate(make_sac().policy, Surgery("progressive"), seed=0)
    with pytest.raises(PlanError, match="progressive: neither encoder nor policy head has a hidden layer"):
        operate(make(encoder={"widths": []}, policy_head=[]).policy, Surgery("progressive"), seed=0)
    policy = make().policy
    operate(policy, Surgery("residual"), seed=0)
    with pytest.raises(PlanError, match="low_rank: the policy has adapters of a surgery already"):
        operate(policy, Surgery("low_rank"), seed=0)


@every_surgery
def test_a_source_with_adapters_is_not_carried_over_without_them(kind: str, source: dict[str, torch.Tensor]) -> None:
    agent, other = make(1), make(2)
    agent.apply_plan(plan(kind), source)
    before = parts.digests(other.policy)
    for wanted in (
        plan(kind),
        TransferPlan(dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), "keep")),
    ):
        with pytest.raises(PlanError, match="the source was changed by a surgery"):
            other.apply_plan(wanted, parts.tensors(agent.policy))
    assert parts.digests(other.policy) == before


# in training


@every_surgery
@pytest.mark.parametrize("shared", [True, False])
def test_adapters_train_and_the_base_does_not(kind: str, shared: bool) -> None:
    base = parts.tensors(make(shared_encoder=shared).learn(8 * 8 * 3).policy)
    agent = make(1, shared_encoder=shared)
    agent.apply_plan(plan(kind), base)
    fresh = parts.digests(agent.policy)
    agent.learn(8 * 8)  # the warm-up, 64 steps
    warm = parts.digests(agent.policy)
    assert {part for part in warm if warm[part] != fresh[part]} == {"value_head"}
    agent.learn(8 * 8 * 3, reset_num_timesteps=False)
    after = parts.digests(agent.policy)
    assert {part for part in after if after[part] != warm[part]} == {"adapters", "value_head", "log_std"}
    for name, tensor in parts.references(agent.policy, ["encoder", "policy_head"]).items():
        assert torch.equal(tensor, base[name]), name
    moved = parts.references(agent.policy, ["adapters"])
    start = make(1, shared_encoder=shared)
    start.apply_plan(plan(kind), base)
    for name, tensor in parts.references(start.policy, ["adapters"]).items():
        assert not torch.equal(tensor, moved[name]), f"{name} has stood still"


@every_surgery
def test_the_table_of_a_plan_shows_the_adapters(kind: str, source: dict[str, torch.Tensor]) -> None:
    agent = make(1)
    agent.apply_plan(plan(kind), source)
    rows = {row.part: row for row in agent.plan.table(agent.policy)}
    assert rows["adapters"].action == "reset"
    assert rows["adapters"].parameters == count(kind, [WIDTH])
    assert rows["adapters"].rates == {"critic_warm_up": None, "adapters": 1.0}
    assert rows["encoder"].action == rows["policy_head"].action == "frozen"


@every_surgery
def test_same_seed_same_bytes(kind: str, source: dict[str, torch.Tensor]) -> None:
    ends = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        agent = make(1)
        agent.apply_plan(plan(kind), source)
        ends.append(parts.digests(agent.learn(8 * 8 * 3).policy))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("kind", SURGERIES)
@pytest.mark.parametrize("widths", [[WIDTH], [WIDTH, 7], []])
def test_gradients_with_kept_features_are_those_without(kind: str, widths: list[int]) -> None:
    agent = make(encoder={"widths": widths}).learn(8 * 8)
    base = parts.tensors(agent.policy)
    agent = make(1, encoder={"widths": widths})
    agent.apply_plan(plan(kind, Phase("adapters", TRAINED)), base)
    stir(agent.policy)
    agent.collect_rollouts(*_collecting(agent))
    found: list[dict[str, torch.Tensor]] = []
    for cache in (True, False):
        table, columns = make_table(agent.policy, agent.rollout_buffer, cache, False)
        corrected = kind == "low_rank" and bool(widths)  # then the features move with every minibatch
        assert columns.policy_cached == (cache and not corrected)
        batch = columns.batch(table[:48])
        agent.policy.zero_grad()
        AutogradGradients(agent.policy, columns, agent.settings, len(table))(batch)
        trained = {name: p for name, p in agent.policy.named_parameters() if p.requires_grad}
        assert all(p.grad is not None for p in trained.values())
        found.append({name: p.grad.clone() for name, p in trained.items() if p.grad is not None})
    for name, grad in found[0].items():
        torch.testing.assert_close(grad, found[1][name], rtol=1e-5, atol=1e-6, msg=name)
        assert grad.abs().max() > 0, name


def _collecting(agent: PPO) -> tuple[Any, Any, Any, int]:
    """Return the arguments of one more rollout."""
    _, callback = agent._setup_learn(64, None, True, "PPO", False)
    return agent.env, callback, agent.rollout_buffer, agent.n_steps


@every_surgery
def test_kept_features_give_the_same_training(kind: str, source: dict[str, torch.Tensor]) -> None:
    ends = []
    for cache in (True, False):
        agent = make(1, cache_features=cache)
        agent.apply_plan(plan(kind), source)
        ends.append(parts.tensors(agent.learn(8 * 8 * 3).policy))
    for name, tensor in ends[0].items():
        torch.testing.assert_close(tensor, ends[1][name], rtol=1e-4, atol=1e-6, msg=name)


def test_features_are_kept_while_the_encoders_corrections_wait(source: dict[str, torch.Tensor]) -> None:
    agent = make(1)
    agent.apply_plan(plan("low_rank"), source)
    assert agent.policy.keeps_features
    agent.learn(8 * 8)
    assert not agent.policy.keeps_features
    still = Phase("head", {"adapters.policy_head": 1.0, "value_head": 1.0})
    agent.apply_plan(plan("low_rank", still), source)
    assert agent.policy.keeps_features
    before = parts.digests(agent.policy, ["adapters.encoder", "adapters.policy_head"])
    agent.learn(8 * 8)
    after = parts.digests(agent.policy, ["adapters.encoder", "adapters.policy_head"])
    assert before["adapters.encoder"] == after["adapters.encoder"]
    assert before["adapters.policy_head"] != after["adapters.policy_head"]


@every_surgery
def test_continuing_is_byte_identical(kind: str, source: dict[str, torch.Tensor], tmp_path: Path) -> None:
    def begin(seed: int) -> PPO:
        agent = make(seed)
        agent.apply_plan(plan(kind), source)
        return agent

    whole = begin(1)
    whole.learn(8 * 8 * 4)
    half = begin(1)
    half.learn(8 * 8 * 2)
    tensors, state = half.get_training_state()
    save_bundle(tmp_path / "half", weights=parts.tensors(half.policy), state=tensors, meta=state)
    bundle = load_bundle(tmp_path / "half")
    for other in (begin(7), make(7)):
        if other.policy.adapters is None:  # a learner that never saw the plan
            other.operate(Surgery(kind, OPTIONS[kind]))
        parts.load(other.policy, bundle.weights)
        other.set_training_state(bundle.state, bundle.meta)
        other.learn(8 * 8 * 2, reset_num_timesteps=False)
        assert parts.digests(other.policy) == parts.digests(whole.policy)


def test_a_changed_agent_can_go_on_training() -> None:
    agent = make().learn(8 * 8)
    agent.operate(Surgery("progressive", OPTIONS["progressive"]))
    assert agent.plan == pretrain_plan()
    before = parts.digests(agent.policy)
    agent.learn(8 * 8, reset_num_timesteps=False)
    after = parts.digests(agent.policy)
    assert all(after[part] != before[part] for part in before)


class Shifted(ActionReward):
    """ActionReward with the best action at -0.3."""

    def advance(self, actions: np.ndarray) -> np.ndarray:
        return 1.0 - (actions[:, 0] + 0.3) ** 2


SOLVED = 0.03  # of the 0.8 between both targets' best actions; where noisy gradients end depends on every rounding


@pytest.mark.thorough
@every_surgery
def test_a_shifted_target_is_solved_where_the_source_fails(kind: str) -> None:
    settings = {"num_steps": 16, "batch_size": 64, "learning_rate": 3e-3, "num_epochs": 4, "schedule": "linear"}
    nothing = np.zeros(1, np.float32)
    teacher = make(0, Shifted(16), **settings).learn(16 * 16 * 60)
    assert teacher.predict(nothing, deterministic=True)[0][0] == pytest.approx(-0.3, abs=SOLVED)
    student = make(1, ActionReward(16), **settings)
    keep = {**CARRIED, "log_std": "reset"}
    student.apply_plan(TransferPlan(keep, (Phase("adapters", TRAINED),), Surgery(kind)), parts.tensors(teacher.policy))
    assert student.predict(nothing, deterministic=True)[0] == teacher.predict(nothing, deterministic=True)[0]
    student.learn(16 * 16 * 60)
    assert student.predict(nothing, deterministic=True)[0][0] == pytest.approx(0.5, abs=SOLVED)


# SAC


@pytest.mark.parametrize("kind", ["low_rank", "residual"])
def test_sac_too(kind: str) -> None:
    teacher, student = make_sac().learn(128), make_sac(1)
    base = parts.tensors(teacher.policy)
    student.apply_plan(plan(kind, Phase("adapters", TRAINED)), base)
    obs = observations().numpy()
    assert np.array_equal(teacher.predict(obs, deterministic=True)[0], student.predict(obs, deterministic=True)[0])
    own = parts.references(student.policy, ["adapters"])
    assert not any(name.startswith("adapters.encoder") for name in own)  # critics shape the encoder
    before = parts.tensors(student.policy, ["adapters"])
    student.learn(256)
    for name, tensor in parts.references(student.policy, ["encoder", "encoder_target", "policy_head"]).items():
        wanted = base[name.replace("encoder_target", "encoder")]
        assert torch.equal(tensor, wanted), name
    for name, tensor in own.items():
        assert not torch.equal(tensor, before[name]), f"{name} has stood still"
    assert not np.array_equal(teacher.predict(obs, deterministic=True)[0], student.predict(obs, deterministic=True)[0])
    whole = {id(tensor) for tensor in [*student.policy.parameters(), *student.policy.buffers()]}
    assert whole == {id(tensor) for tensor in parts.references(student.policy).values()}
