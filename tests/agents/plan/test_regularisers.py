"""Regularisers: their numbers in closed form, by hand as by autograd, and what they do to training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from probes import SMALL, LinearWorld, RandomObs
from spies import AtRollout, Records
from stable_baselines3.common.logger import Logger

from agents import (
    PPO,
    Phase,
    PlanError,
    Regulariser,
    SourceData,
    TransferPlan,
    VectorAdapter,
    load_bundle,
    parts,
    save_bundle,
)
from agents.learning.optimizer import trained_parameters
from agents.networks.backprop import gather_gradients
from agents.plan.regularisers import REGULARISERS, ActivePenalties, Origin
from agents.plan.regularisers.fisher import compute_diagonal_fisher
from agents.plan.regularisers.kl_source import KlTerm, compute_gaussian_kl
from agents.ppo.collection import make_table
from agents.ppo.gradients import HandGradients
from agents.ppo.update import compute_loss

torch.set_num_threads(1)  # networks this small are slower on more

KEPT = dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), "keep")
ALL = dict.fromkeys(KEPT, 1.0)
WARM = Phase("warm", {"value_head": 1.0}, budget=64)
STEPS = 8 * 8 * 4
L2 = Regulariser("l2_source", 0.1, {"parts": ["*"]})
EWC, KL = Regulariser("ewc", 0.1, {"steps": 128}), Regulariser("kl_source", 0.1)


def make(seed: int = 0, **settings: Any) -> PPO:
    return PPO(LinearWorld(8, seed=seed), {**SMALL, **settings}, seed=seed, device="cpu")


def plan_with(*regularisers: Regulariser, warm: bool = False) -> TransferPlan:
    tune = Phase("tune", ALL, regularisers=regularisers)
    return TransferPlan(KEPT, (WARM, tune) if warm else (tune,), reset_return_scale=False)


def begun(source: dict[str, torch.Tensor], plan: TransferPlan, seed: int = 1, **settings: Any) -> PPO:
    agent = make(seed, **settings)
    agent.apply_plan(plan, source, source_env=LinearWorld(16, seed=5))
    return agent


@pytest.fixture(scope="module")
def source() -> dict[str, torch.Tensor]:
    return parts.tensors(make().learn(8 * 8 * 6).policy)


def logged(agent: PPO, steps: int) -> list[dict[str, Any]]:
    """Return what is logged in `steps` steps, wall-clock figures aside."""
    records = Records()
    agent.set_logger(Logger(None, [records]))
    agent.learn(steps)
    return [row for _, row in records.repeatable]


def drift(agent: PPO, source: dict[str, torch.Tensor], *names: str) -> float:
    """Return the largest distance of a parameter of these parts from the source's."""
    now = parts.references(agent.policy, names)
    moved = [float((t.detach() - source[n]).abs().max()) for n, t in now.items() if isinstance(t, torch.nn.Parameter)]
    return max(moved)


def perturbed(source: dict[str, torch.Tensor], plan: TransferPlan, **settings: Any) -> PPO:
    """Return an agent that has begun `plan` and then moved away from the source by noise."""
    agent = begun(source, plan, **settings)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in trained_parameters(agent.policy.optimizer):
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return agent


@pytest.mark.parametrize("regulariser", [L2, EWC], ids=lambda row: row.kind)
def test_the_gradient_of_springs_is_autograds(source: dict[str, torch.Tensor], regulariser: Regulariser) -> None:
    agent = perturbed(source, plan_with(regulariser))
    trained = trained_parameters(agent.policy.optimizer)
    terms = agent.active_penalties().bind(trained, 0.0)
    vector = gather_gradients(trained).fill_(2.0)
    values = terms.add_gradients()
    stiffness = {name: torch.ones_like(tensor) for name, tensor in source.items()}
    if regulariser is EWC:
        fisher = agent.penalties.get_state()
        stiffness = {name: fisher.get(f"fisher/128/{name}", torch.zeros_like(t)) for name, t in source.items()}
    held = {n: t for n, t in parts.references(agent.policy).items() if isinstance(t, torch.nn.Parameter)}
    expected = sum(0.05 * (stiffness[n] * (t - source[n]) ** 2).sum() for n, t in held.items())
    assert isinstance(expected, torch.Tensor)
    slopes = torch.autograd.grad(expected, trained, allow_unused=True)
    wanted = [torch.zeros_like(p) if s is None else s for p, s in zip(trained, slopes, strict=True)]
    torch.testing.assert_close(vector - 2.0, torch.cat([slope.reshape(-1) for slope in wanted]), rtol=1e-4, atol=1e-6)
    value = float(expected.detach())
    assert float(values[regulariser.kind]) == pytest.approx(value, rel=1e-5)
    assert value > 0.01


def test_l2_holds_the_parts_it_is_told_to(source: dict[str, torch.Tensor]) -> None:
    agent = perturbed(source, plan_with(Regulariser("l2_source", 1.0, {"parts": ["encoder.layers.0", "log_std"]})))
    trained = trained_parameters(agent.policy.optimizer)
    gather_gradients(trained)
    agent.active_penalties().bind(trained, 0.0).add_gradients()
    pulled = {n for n, t in parts.references(agent.policy).items() if t.grad is not None and t.grad.any()}
    assert pulled == {
        "encoder.layers.0.weight",
        "encoder.layers.0.bias",
        "log_std.value",
    }


def test_a_part_that_the_policy_lacks_cannot_be_held(source: dict[str, torch.Tensor]) -> None:
    plan = plan_with(Regulariser("l2_source", 1.0, {"parts": ["encoder", "policy_haed"]}))
    words = r"phase 'tune', parts of regulariser 'l2_source': unknown unit 'policy_haed' .did you mean 'policy_head'"
    with pytest.raises(PlanError, match=words):
        begun(source, plan)


def test_a_unit_of_values_that_is_renewed_pulls_at_nothing(source: dict[str, torch.Tensor]) -> None:
    """The value head's last layer is written anew when its unit is, which moves no value: there is no loss in that."""
    tune = Phase("tune", dict.fromkeys(KEPT, 1e-9), regularisers=(Regulariser("l2_source", 1.0),))
    agent = begun(source, TransferPlan(KEPT, (tune,)))
    assert agent.plan.reset_return_scale
    agent.learn(64)
    assert drift(agent, source, "value_head") > 1e-2
    assert drift(agent, source, "encoder", "policy_head") < 1e-6
    trained = trained_parameters(agent.policy.optimizer)
    gather_gradients(trained).zero_()
    (value,) = agent.active_penalties().bind(trained, 0.0).add_gradients().values()
    assert float(value) < 1e-9
    assert all(p.grad is not None and p.grad.abs().max() < 1e-5 for p in trained)


def test_what_is_reset_or_waits_is_not_held(source: dict[str, torch.Tensor]) -> None:
    fresh = TransferPlan(
        {**KEPT, "policy_head": "reset"}, (Phase("heads", {"policy_head": 1.0}, regularisers=(L2, EWC)),)
    )
    agent = begun(source, fresh)
    assert agent.active_penalties().bind(trained_parameters(agent.policy.optimizer), 0.0).weights == ()
    assert isinstance(agent.source_env, VectorAdapter)
    assert agent.source_env.counts["steps"] == 0  # and nothing is measured for it
    assert "train/penalty_l2_source" not in logged(agent, 64)[0]


def linear_gaussian(std: float) -> PPO:
    """Return an agent whose mean action is one linear layer of its observation, five entries to two."""
    settings = {"encoder": {"widths": []}, "policy_head": [], "log_std_init": float(np.log(std))}
    return make(2, **settings)


def test_the_fisher_information_of_a_linear_gaussian_policy() -> None:
    """mean = W x + b: F_W[i, j] = E[x_j^2] / std^2, F_b = 1 / std^2, F_logstd = 2."""
    agent = linear_gaussian(0.5)
    obs = torch.randn((300, 5), generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0])
    fisher = compute_diagonal_fisher(agent.policy, obs)
    squares = (obs**2).mean(0) / 0.25
    torch.testing.assert_close(fisher["policy_head.output.weight"], squares.expand(2, 5), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(fisher["policy_head.output.bias"], torch.full((2,), 4.0))
    torch.testing.assert_close(fisher["log_std.value"], torch.full((2,), 2.0))
    assert set(fisher) == {"policy_head.output.weight", "policy_head.output.bias", "log_std.value"}


def test_the_fisher_information_is_the_mean_square_of_the_score() -> None:
    """A deep policy against its definition, with sampled actions."""
    agent = make(2, encoder={"widths": [6]}, policy_head=[6], log_std_init=-0.5)
    generator = torch.Generator().manual_seed(1)
    obs = torch.randn((4, 5), generator=generator)
    fisher = compute_diagonal_fisher(agent.policy, obs)["policy_head.output.weight"]
    weight, total, num = parts.references(agent.policy)["policy_head.output.weight"], torch.zeros(2, 6), 400
    for row in obs:
        mean, log_std = agent.policy.gaussian(row[None])
        for _ in range(num):
            action = (mean + torch.exp(log_std) * torch.randn(mean.shape, generator=generator)).detach()
            score = -0.5 * ((action - mean) * torch.exp(-log_std)).square().sum()
            total += torch.autograd.grad(score, weight, retain_graph=True)[0] ** 2
    torch.testing.assert_close(total / (num * 4), fisher, rtol=0.25, atol=0.05)


def test_fisher_weights_have_mean_one_and_repeat_themselves(source: dict[str, torch.Tensor]) -> None:
    first, again = begun(source, plan_with(EWC)), begun(source, plan_with(EWC))
    for agent in (first, again):
        agent.generator.manual_seed(len(parts.digests(agent.policy)))
        before = agent.generator.get_state()
        agent.active_penalties()
        assert torch.equal(agent.generator.get_state(), before)  # the learner's own is not drawn from
        assert isinstance(agent.source_env, VectorAdapter)
        assert agent.source_env.counts["steps"] == 128
        agent.active_penalties()
        assert agent.source_env.counts["steps"] == 128  # measured once
    one, two = first.penalties.get_state(), again.penalties.get_state()
    assert all(torch.equal(one[name], two[name]) for name in one)
    entries = torch.cat([tensor.flatten() for tensor in one.values()])
    assert float(entries.mean()) == pytest.approx(1.0, rel=1e-5)
    assert float(entries.min()) >= 0.0
    assert entries.numel() == parts.count(first.policy, "encoder", "policy_head", "log_std")


def test_states_are_those_of_the_source_policy(source: dict[str, torch.Tensor]) -> None:
    """Steps are rounded up to whole ones of all worlds; another seed, other states."""
    agent = make(1)

    def collect(seed: int) -> tuple[torch.Tensor, int]:
        worlds = VectorAdapter(LinearWorld(16, seed=5))
        origin = Origin(source, agent.make_fresh_policy, worlds, seed)
        return origin.collect_states(origin.policy(), 100, torch.device("cpu")), worlds.counts["steps"]

    (one, steps), (two, _), (other, _) = collect(0), collect(0), collect(1)
    assert one.shape == (112, 5)
    assert steps == 112
    assert torch.equal(one, two)
    assert not torch.equal(one[16:], other[16:])
    assert torch.equal(one[:16], other[:16])  # the worlds begin as they did


def test_the_divergence_is_that_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    source_mean, mean, source_log_std, log_std = torch.randn((4, 20, 3), generator=generator)
    found = compute_gaussian_kl(source_mean, source_log_std, mean, log_std)
    normals = [
        torch.distributions.Normal(source_mean, source_log_std.exp()),
        torch.distributions.Normal(mean, log_std.exp()),
    ]
    torch.testing.assert_close(found, torch.distributions.kl_divergence(*normals).sum(1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(compute_gaussian_kl(mean, log_std, mean, log_std), torch.zeros(20), atol=1e-6, rtol=0)


@pytest.mark.parametrize("common", [True, False])
def test_the_derivatives_of_the_divergence_are_autograds(common: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    targets = torch.randn((20, 6), generator=generator)
    mean = torch.randn((20, 3), generator=generator).requires_grad_()
    log_std = torch.randn((3,) if common else (20, 3), generator=generator).requires_grad_()
    term = KlTerm(0.7, make().policy)
    term.loss(targets, mean, log_std).backward()  # type: ignore[no-untyped-call]
    by_mean, by_log_std = term.gradients(targets, mean, log_std)
    torch.testing.assert_close(by_mean, mean.grad)
    torch.testing.assert_close(by_log_std.sum(0) if common else by_log_std, log_std.grad)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("encoder", ["trains", "frozen"])
def test_gradients_by_hand_are_autograds_with_the_divergence(
    source: dict[str, torch.Tensor], shared: bool, encoder: str
) -> None:
    if not shared:
        source = parts.tensors(make(0, shared_encoder=False).learn(64 * 3).policy)
    frozen = encoder == "frozen"
    trains = {part: 1.0 for part in ALL if part != "encoder" or not frozen}
    plan = TransferPlan({**KEPT, "encoder": "freeze" if frozen else "keep"}, (Phase("p", trains, regularisers=(KL,)),))
    agent = begun(source, plan, shared_encoder=shared)
    agent.learn(64)
    with torch.no_grad():
        for parameter in trained_parameters(agent.policy.optimizer):
            parameter += 0.05
    term = agent.active_penalties().bind([], 0.0).policy
    assert term is not None
    agent.rollout_buffer.features[:] = (
        agent.policy.encoder(agent.rollout_buffer.flat("observations")).detach().reshape(8, 8, -1)
    )
    table, columns = make_table(agent.policy, agent.rollout_buffer, True, False, term)
    batch = columns.batch(table[:40])
    assert batch.source.shape == (40, 4)
    agent.policy.zero_grad()
    expected = compute_loss(agent.policy, batch, columns, agent.settings, term)
    expected.total.backward()  # type: ignore[no-untyped-call]
    total, divergence = (float(value.detach()) for value in (expected.total, expected.kl_source) if value is not None)
    wanted = {name: p.grad.clone() for name, p in agent.policy.named_parameters() if p.grad is not None}
    agent.policy.zero_grad()
    found = HandGradients(agent.policy, columns, agent.settings, 64, term)(batch)
    assert found.kl_source is not None
    assert float(found.kl_source) == pytest.approx(divergence, rel=1e-4)
    assert float(found.total) == pytest.approx(total, rel=1e-4)
    assert divergence > 1e-4
    without = compute_loss(agent.policy, batch, columns, agent.settings)
    assert total == pytest.approx(float(without.total.detach()) + divergence, rel=1e-4)
    for name, parameter in agent.policy.named_parameters():
        assert (parameter.grad is None) == (name not in wanted)
        if parameter.grad is not None:
            torch.testing.assert_close(parameter.grad, wanted[name], rtol=1e-4, atol=1e-6, msg=name)


def test_the_divergence_is_to_the_source_with_its_own_statistics(source: dict[str, torch.Tensor]) -> None:
    agent = begun(source, plan_with(KL))
    loaded = make()
    parts.load(loaded.policy, source)
    obs = torch.randn((7, 5), generator=torch.Generator().manual_seed(0)) * 3.0
    agent.learn(64 * 3)
    term = agent.active_penalties().bind([], 0.0).policy
    assert term is not None
    with torch.no_grad():
        mean, log_std = loaded.policy.gaussian(obs)
    assert torch.equal(term.targets(obs), torch.cat([mean, log_std], dim=1))
    assert not torch.equal(agent.policy.encoder.normalizer.mean, loaded.policy.encoder.normalizer.mean)


def test_the_divergence_sinks_linearly_to_nothing(source: dict[str, torch.Tensor]) -> None:
    agent = begun(source, plan_with(Regulariser("kl_source", 2.0, {"share": 0.5})))
    bind = agent.active_penalties().bind
    weights = [term.weight if (term := bind([], done).policy) else 0.0 for done in (0.0, 0.1, 0.25, 0.499, 0.5, 1.0)]
    assert weights == pytest.approx([2.0, 1.6, 1.0, 0.004, 0.0, 0.0])
    rows = logged(begun(source, plan_with(KL)), 64 * 4)
    assert ["train/penalty_kl_source" in row for row in rows] == [True, True, False, False]


@pytest.mark.parametrize(("kind", "weight"), [("l2_source", 1e4), ("ewc", 1e6)])
def test_a_huge_weight_keeps_what_it_holds(source: dict[str, torch.Tensor], kind: str, weight: float) -> None:
    held = begun(source, plan_with(Regulariser(kind, weight, EWC.options if kind == "ewc" else L2.options)))
    held.learn(STEPS)
    free = begun(source, plan_with())
    free.learn(STEPS)
    assert drift(free, source, "policy_head") > 2e-3
    if kind == "l2_source":
        assert drift(held, source, *KEPT) < 1e-3
    else:  # what the policy does not hang on is free to move: the distance counts by the Fisher information
        fisher = held.penalties.get_state()
        now = parts.tensors(held.policy)
        stiff = {name.removeprefix("fisher/128/"): tensor > 0.1 for name, tensor in fisher.items()}
        assert max(float((now[n] - source[n]).abs()[mask].max()) for n, mask in stiff.items() if mask.any()) < 1e-3
        assert drift(held, source, "value_head") > 1e-3


def test_a_huge_divergence_weight_keeps_the_policy(source: dict[str, torch.Tensor]) -> None:
    obs = torch.randn((200, 5), generator=torch.Generator().manual_seed(0))
    distances = []
    for regularisers in ((Regulariser("kl_source", 1e4, {"share": 1.0}),), ()):
        agent = begun(source, plan_with(*regularisers), num_epochs=10)
        agent.learn(STEPS)
        loaded = make()
        parts.load(loaded.policy, source)
        with torch.no_grad():
            distances.append(
                float(compute_gaussian_kl(*loaded.policy.gaussian(obs), *agent.policy.gaussian(obs)).mean())
            )
    assert distances[0] < 0.1 * distances[1]


@pytest.mark.parametrize("kind", REGULARISERS)
def test_a_vanishing_weight_is_fine_tuning(source: dict[str, torch.Tensor], kind: str) -> None:
    free, held = (
        begun(source, plan_with()),
        begun(source, plan_with(Regulariser(kind, 1e-30, EWC.options if kind == "ewc" else {}))),
    )
    for agent in (free, held):
        agent.learn(STEPS)
    one, two = parts.tensors(free.policy), parts.tensors(held.policy)
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=0, atol=1e-7, msg=name)


def test_penalties_are_logged_and_part_of_the_loss(source: dict[str, torch.Tensor]) -> None:
    rows = logged(begun(source, plan_with(L2, EWC, KL, warm=True), num_epochs=1, batch_size=64), 64 * 7)[:3]
    names = [f"train/penalty_{kind}" for kind in REGULARISERS]
    assert [[name in row for name in names] for row in rows] == [[False] * 3, [True] * 3, [True] * 3]
    loss = rows[2]
    expected = loss["train/policy_gradient_loss"] + 0.5 * loss["train/value_loss"] + sum(loss[name] for name in names)
    assert loss["train/loss"] == pytest.approx(expected, rel=1e-5)
    assert all(loss[name] > 0 for name in names)


def test_without_a_known_stack_penalties_act_by_autograd(source: dict[str, torch.Tensor]) -> None:
    """The same training whether gradients come by hand or from autograd."""
    ends = []
    for by_hand in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(HandGradients, "supports", staticmethod(lambda policy, known=by_hand: known))
            agent = begun(source, plan_with(L2, EWC, KL))
            agent.learn(STEPS)
        ends.append(parts.tensors(agent.policy))
    for name, tensor in ends[0].items():
        torch.testing.assert_close(ends[1][name], tensor, rtol=1e-4, atol=1e-5, msg=name)


def save(agent: PPO, path: Path) -> str:
    state, training = agent.get_training_state()
    return save_bundle(path, weights=parts.tensors(agent.policy), state=state, meta={"training": training})


@pytest.mark.parametrize(
    "regularisers", [(EWC,), (KL,), (L2, EWC, KL)], ids=lambda rows: "+".join(r.kind for r in rows)
)
@pytest.mark.parametrize("stop_at", [0, 1, 3])
def test_training_continues_byte_for_byte(
    source: dict[str, torch.Tensor], tmp_path: Path, regularisers: tuple[Regulariser, ...], stop_at: int
) -> None:
    """Before anything was measured, at the border of the phases, and in the middle of the one that is held."""

    plan, total = plan_with(*regularisers, warm=True), 64 * 5 + 24
    whole = begun(source, plan)
    whole.learn(total, callback=AtRollout(stop_at, lambda agent: save(agent, tmp_path / "middle")))
    digest = save(whole, tmp_path / "end")
    again = begun(source, plan)
    loaded = load_bundle(tmp_path / "middle")
    parts.load(again.policy, loaded.weights)
    again.set_training_state(loaded.state, loaded.meta["training"])
    again.learn(total - again.num_timesteps, reset_num_timesteps=False)
    assert save(again, tmp_path / "again") == digest
    one, two = load_bundle(tmp_path / "end"), load_bundle(tmp_path / "again")
    assert all(torch.equal(one.state[name], two.state[name]) for name in one.state)
    measured = EWC in regularisers
    assert any(name.startswith("penalties/fisher/") for name in one.state) == measured
    assert isinstance(again.source_env, VectorAdapter)
    assert again.source_env.counts["steps"] == (128 if measured else 0)


def test_what_was_measured_is_not_measured_again(source: dict[str, torch.Tensor]) -> None:
    """Even a learner of another seed, that would find other states, goes on with the same numbers."""
    agent = begun(source, plan_with(EWC))
    agent.learn(128)
    state, training = agent.get_training_state()
    other = begun(source, plan_with(EWC), seed=8)
    parts.load(other.policy, parts.tensors(agent.policy))
    other.set_training_state(state, training)
    other.learn(64, reset_num_timesteps=False)
    agent.learn(64, reset_num_timesteps=False)
    assert parts.digests(other.policy) == parts.digests(agent.policy)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: plan_with(Regulariser("l2_sourc", 1.0)), "unknown regulariser 'l2_sourc' .did you mean 'l2_source'"),
        (lambda: plan_with(Regulariser("ewc", 0.0)), "weight is 0.0, it must be above 0"),
        (lambda: plan_with(Regulariser("ewc", 1.0, {"stepz": 3})), "unknown option 'stepz' .did you mean 'steps'"),
        (lambda: plan_with(Regulariser("ewc", 1.0, {"steps": 0})), "steps is 0: it must be a whole number"),
        (lambda: plan_with(Regulariser("kl_source", 1.0, {"share": 1.5})), r"share is 1.5: it must lie in \(0, 1\]"),
        (
            lambda: plan_with(Regulariser("l2_source", 1.0, {"parts": "encoder"})),
            "parts is 'encoder': it must be a list",
        ),
        (lambda: plan_with(L2, L2), "'l2_source' comes twice in a phase"),
        (lambda: replace(plan_with(EWC), source_data=SourceData(8)), "'ewc' measures the source in the worlds that"),
    ],
)
def test_regularisers_that_cannot_be(build: Any, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        build()


@pytest.mark.parametrize("regulariser", [EWC, KL], ids=lambda row: row.kind)
def test_the_targets_critic_may_be_built_differently(source: dict[str, torch.Tensor], regulariser: Regulariser) -> None:
    plan = replace(plan_with(regulariser), parts={**KEPT, "value_head": "reset"})
    agent = begun(source, plan, value_head=[16]).learn(64)
    assert agent.num_timesteps == 64


def test_a_regulariser_without_what_it_holds_on_to(source: dict[str, torch.Tensor]) -> None:
    fresh = TransferPlan(dict.fromkeys(KEPT, "reset"), (Phase("all", ALL, regularisers=(L2,)),))
    with pytest.raises(PlanError, match="'l2_source' regularises towards a source: it needs the source's tensors"):
        make().apply_plan(fresh)
    agent = make()
    before = parts.digests(agent.policy)
    with pytest.raises(PlanError, match=r"'ewc' measures the source in its worlds: .*source_env=worlds"):
        agent.apply_plan(plan_with(EWC), source)
    with pytest.raises(PlanError, match=r"worlds of the source show \(1,\) .*\(5,\)"):
        agent.apply_plan(plan_with(EWC), source, source_env=RandomObs(4))
    assert parts.digests(agent.policy) == before


def test_plans_with_regularisers_survive_as_json() -> None:
    plan = plan_with(Regulariser("l2_source", 0.5, {"parts": ["encoder"]}), EWC, KL)
    assert TransferPlan.from_json(plan.to_json()) == plan


def test_a_learner_that_knows_no_penalties_says_so(source: dict[str, torch.Tensor]) -> None:
    class Plain(PPO):
        takes_penalties = False

    with pytest.raises(PlanError, match="the plan's regularisers would have no effect: Plain knows none"):
        Plain(LinearWorld(8), SMALL, device="cpu").apply_plan(plan_with(L2), source)


def test_nothing_is_held_without_regularisers(source: dict[str, torch.Tensor]) -> None:
    agent = begun(source, plan_with())
    assert agent.active_penalties() == ActivePenalties()
    assert make().active_penalties() == ActivePenalties()
