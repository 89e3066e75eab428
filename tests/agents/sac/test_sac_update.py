"""SAC's update: stable-baselines3's losses, autograd's gradients, exact slow copies, features that are cached."""

from __future__ import annotations

from typing import Any

import pytest
import stable_baselines3
import torch
from probes import make_policy_env
from stable_baselines3.common.type_aliases import ReplayBufferSamples

from agents import Phase, TransferPlan, parts
from agents.networks.backprop import Stack
from agents.networks.ensemble import Ensemble, EnsembleLayerNorm, EnsembleLinear
from agents.networks.ensemble_stack import EnsembleStack
from agents.off_policy.pools import Pool
from agents.sac import SAC
from agents.sac.batches import Batch, iterate_batches
from agents.sac.gradients import HandGradients
from agents.sac.loss import AutogradGradients, compute_critic_loss, compute_policy_loss, compute_targets
from agents.sac.squash import sample_gradient, squash_sample
from agents.sac.update import Updater

torch.set_num_threads(1)  # networks this small are slower on more

TINY: dict[str, Any] = {
    "encoder": {"widths": [8, 6]},
    "policy_head": [10],
    "critic_head": [10, 9],
    "batch_size": 32,
    "learning_starts": 64,
    "buffer_size": 4096,
    "gradient_steps": 0.5,
}


def collected(settings: dict[str, Any], steps: int = 8 * 14, seed: int = 3) -> SAC:
    """Return an agent after some updates, its replay filled."""
    return SAC(make_policy_env(5, 2), settings, seed=seed, device="cpu").learn(steps)


def a_batch(agent: SAC, cached: bool = False) -> Batch:
    """Return one minibatch out of the agent's replay."""
    cache = None
    if cached:
        agent.experience.cache.refresh(agent.policy.encoder)
        cache = agent.experience.cache
    generator = torch.Generator().manual_seed(7)
    pool = Pool(agent.replay, agent.settings.batch_size, cache)
    return next(iterate_batches(agent.policy, [pool], agent.settings, generator, 1))


def gradients_of(agent: SAC, by: HandGradients | AutogradGradients, batch: Batch) -> dict[str, torch.Tensor]:
    """Return losses and gradients of critics' and policy's step, weights standing still."""
    agent.policy.zero_grad()
    temperature = agent.policy.temperature.detach()
    log_prob = by.act(batch, True)
    assert log_prob is not None
    found = {"log_prob": log_prob.clone()}
    for kind, names, step in (
        ("critic", ("encoder", "critic"), by.of_critics),
        ("policy", ("policy_head",), by.of_policy),
    ):
        wanted = [p for p in parts.parameters(agent.policy, names) if p.requires_grad]
        found[f"{kind} loss"] = step(batch, temperature, list(wanted)).clone()
        for name, tensor in parts.references(agent.policy, names).items():
            if tensor.grad is not None and tensor.requires_grad:
                found[f"{kind}: {name}"] = tensor.grad.clone()
    return found


@pytest.mark.parametrize("layer_norm", [True, False])
@pytest.mark.parametrize("activation", ["relu", "elu", "tanh"])
@pytest.mark.parametrize(("critics", "subset"), [(1, 1), (2, 2), (5, 5), (5, 2)])
def test_gradients_by_hand_are_autograds(layer_norm: bool, activation: str, critics: int, subset: int) -> None:
    sizes = {"num_critics": critics, "num_subset": subset}
    agent = collected({**TINY, **sizes, "critic_layer_norm": layer_norm, "head_activation": activation})
    batch = a_batch(agent)
    assert HandGradients.supports(agent.policy, cached=False)
    by_hand = gradients_of(agent, HandGradients(agent.policy, agent.settings, False), batch)
    by_autograd = gradients_of(agent, AutogradGradients(agent.policy, agent.settings.gamma, False), batch)
    assert by_hand.keys() == by_autograd.keys()
    assert sum(name.startswith("critic: encoder") for name in by_hand) == 8
    for name, expected in by_autograd.items():
        torch.testing.assert_close(by_hand[name], expected, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("critics", [1, 2])
def test_gradients_through_the_smaller_critic_are_the_same_sorted_and_in_one_product(critics: int) -> None:
    agent = collected({**TINY, "num_critics": critics, "num_subset": critics})
    batch, found = a_batch(agent), []
    for sorts in (True, False):
        by = HandGradients(agent.policy, agent.settings, False)
        assert by._sorts_by_critic  # on a CPU
        by._sorts_by_critic = sorts
        found.append(gradients_of(agent, by, batch))
    for name, expected in found[1].items():
        torch.testing.assert_close(found[0][name], expected, rtol=1e-5, atol=1e-7, msg=name)


@pytest.mark.parametrize("frozen", [("encoder", "encoder_target"), ("encoder.layers.0",), ("critic.layers.0",)])
def test_gradients_by_hand_with_something_frozen(frozen: tuple[str, ...]) -> None:
    agent = collected(TINY)
    parts.freeze_all_but(agent.policy, [unit for unit in parts.unit_names(agent.policy) if not unit.startswith(frozen)])
    batch = a_batch(agent)
    by_hand = gradients_of(agent, HandGradients(agent.policy, agent.settings, False), batch)
    by_autograd = gradients_of(agent, AutogradGradients(agent.policy, agent.settings.gamma, False), batch)
    assert by_hand.keys() == by_autograd.keys()
    assert not any(name.removeprefix("critic: ").startswith(frozen) for name in by_hand)
    for name, expected in by_autograd.items():
        torch.testing.assert_close(by_hand[name], expected, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize(
    ("encoder", "by_hand"),
    [
        ({"widths": [8, 6]}, True),
        ({"widths": [8, 6]}, False),
        *(
            ({"kind": "history", "cell": cell, "length": 4, "widths": [8, 6], "memory_width": 5}, False)
            for cell in ("gru", "tcn")
        ),
    ],
    ids=["mlp by hand", "mlp", "gru", "tcn"],
)
def test_gradients_with_cached_features_are_those_without(encoder: dict[str, Any], by_hand: bool) -> None:
    agent = collected({**TINY, "encoder": encoder})
    everything_else = [u for u in parts.unit_names(agent.policy) if not u.startswith("encoder")]
    parts.freeze_all_but(agent.policy, everything_else)
    found = []
    for cached in (True, False):
        by: HandGradients | AutogradGradients
        if by_hand:
            by = HandGradients(agent.policy, agent.settings, cached)
        else:
            by = AutogradGradients(agent.policy, agent.settings.gamma, cached)
        found.append(gradients_of(agent, by, a_batch(agent, cached)))
    assert len(found[0]) == 3 + 4 + 10
    for name, expected in found[1].items():
        # Cached features come from products of other shapes, which a kernel may sum in another order: each of some 40
        # roundings of 6e-8 counts up to four times in a density, as d log(1 - tanh(z)^2) = -2 tanh(z) dz for two
        torch.testing.assert_close(found[0][name], expected, rtol=1e-5, atol=1e-5, msg=name)


def to_stable_baselines3(agent: SAC) -> stable_baselines3.SAC:
    """Return stable-baselines3's SAC with the same weights, for an agent without encoder and LayerNorm."""
    theirs = stable_baselines3.SAC(
        "MlpPolicy", agent.env, policy_kwargs={"net_arch": {"pi": [10], "qf": [10, 9]}}, seed=0, device="cpu", verbose=0
    )
    actor, policy, size = theirs.actor, agent.policy, agent.policy.action_space.shape[0]
    with torch.no_grad():
        actor.latent_pi[0].load_state_dict(policy.policy_hidden[0].state_dict())
        for head, rows in ((actor.mu, slice(0, size)), (actor.log_std, slice(size, None))):
            head.weight.copy_(policy.policy_output.weight[rows])
            head.bias.copy_(policy.policy_output.bias[rows])
        for critic, ensemble in ((theirs.critic, policy.critic), (theirs.critic_target, policy.critic_target)):
            linear = [layer for layer in ensemble.layers if isinstance(layer, EnsembleLinear)]
            for index, network in enumerate(critic.q_networks):
                for layer, batched in zip(network[::2], linear, strict=True):
                    layer.weight.copy_(batched.weight[index].T)
                    layer.bias.copy_(batched.bias[index, 0])
        assert theirs.log_ent_coef is not None
        theirs.log_ent_coef.copy_(policy.log_temperature)
    return theirs


def test_losses_and_step_are_stable_baselines3s(monkeypatch: pytest.MonkeyPatch) -> None:
    """One minibatch, the same random numbers: the same losses, and the same weights after the step."""
    settings = {**TINY, "encoder": {"widths": []}, "critic_layer_norm": False, "learning_rate": 1e-3}
    agent = collected(settings)
    theirs, batch = to_stable_baselines3(agent), a_batch(agent)
    agent.renew_optimizer()  # fresh moments, as theirs
    for optimizer in agent.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = 3e-4
    noise = iter([batch.noise, batch.next_noise])
    monkeypatch.setattr("torch.distributions.normal._standard_normal", lambda *args, **kwargs: next(noise))
    columns = batch.rewards.unsqueeze(1), 1.0 - batch.continues.unsqueeze(1)
    samples = ReplayBufferSamples(batch.inputs, batch.actions, batch.next_inputs, columns[1], columns[0])
    monkeypatch.setattr(theirs.replay_buffer, "sample", lambda *args, **kwargs: samples)
    written: dict[str, float] = {}
    theirs._logger = type("L", (), {"record": lambda self, name, value, **_: written.__setitem__(name, value)})()
    theirs._current_progress_remaining = 1.0
    theirs.train(1, 32)
    updater = Updater(agent.policy, agent.settings, agent._optimizers, float(agent.target_entropy), cached=False)
    log = updater.run([batch], 0)
    for name in ("critic_loss", "actor_loss", "ent_coef", "ent_coef_loss"):
        assert log[name] == pytest.approx(written[f"train/{name}"], rel=1e-5, abs=1e-5), name
    after = to_stable_baselines3(agent)
    for one, two in zip(after.policy.parameters(), theirs.policy.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(agent.policy.log_temperature, theirs.log_ent_coef)


def test_ensemble_is_as_many_separate_networks() -> None:
    torch.manual_seed(0)
    ensemble = Ensemble(3, 7, (12, 11), layer_norm=True, activation="relu")
    features, actions = torch.randn(20, 5), torch.randn(20, 2)
    together = ensemble(features, actions)
    for index in range(3):
        alone: list[torch.nn.Module] = []
        for layer in ensemble.layers:
            if isinstance(layer, EnsembleLinear):
                own: torch.nn.Module = torch.nn.Linear(*layer.weight.shape[1:])
                state = {"weight": layer.weight[index].T, "bias": layer.bias[index, 0]}
            elif isinstance(layer, EnsembleLayerNorm):
                with torch.no_grad():
                    layer.weight.uniform_(0.5, 1.5)
                own, state = torch.nn.LayerNorm(layer.weight.shape[2]), {}
                state = {"weight": layer.weight[index, 0], "bias": layer.bias[index, 0]}
            else:
                own, state = layer, {}
            own.load_state_dict(state)
            alone.append(own)
        together = ensemble(features, actions)
        expected = torch.nn.Sequential(*alone)(torch.cat([features, actions], 1)).squeeze(1)
        torch.testing.assert_close(together[index], expected, rtol=1e-5, atol=1e-6)
    chosen = ensemble(features, actions, torch.tensor([2, 0]))
    torch.testing.assert_close(chosen, together[[2, 0]], rtol=1e-5, atol=1e-6)


def test_ensembles_begin_as_torchs_linear_layers() -> None:
    torch.manual_seed(0)
    layer, reference = EnsembleLinear(50, 64, 32), torch.nn.Linear(64, 32)
    for name in ("weight", "bias"):
        values, bound = getattr(layer, name).detach().flatten(), 1.0 / 8.0
        assert float(values.abs().max()) <= bound
        assert float(getattr(reference, name).detach().abs().max()) <= bound
        assert float(values.mean()) == pytest.approx(0.0, abs=0.01 * bound * 3)
        assert float(values.std()) == pytest.approx(bound / 3**0.5, rel=0.03)
    assert not torch.equal(layer.weight[0], layer.weight[1])


def test_stack_of_critics_leaves_their_gradients_alone_if_asked() -> None:
    torch.manual_seed(0)
    ensemble = Ensemble(2, 4, (5,), layer_norm=True, activation="relu")
    stack, inputs = EnsembleStack(ensemble, 3, 2), torch.randn(3, 4)
    with torch.no_grad():
        stack.forward(inputs)
        by_input = stack.backward(torch.ones(2, 3), slice(2, 4), to_weights=False)
    assert all(parameter.grad is None for parameter in ensemble.parameters())
    inputs.requires_grad_()
    ensemble(inputs[:, :2], inputs[:, 2:]).sum().backward()
    torch.testing.assert_close(by_input, inputs.grad[:, 2:])


def test_gradient_of_the_first_rows_alone() -> None:
    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Linear(3, 6), torch.nn.LayerNorm(6), torch.nn.ELU(), torch.nn.Linear(6, 2))
    x, weight = torch.randn(10, 3), torch.randn(4, 2)
    stack = Stack(layers, 10)
    stack.forward(x)
    stack.backward(weight.clone(), to_input=False)
    found = [parameter.grad.clone() for parameter in layers.parameters() if parameter.grad is not None]
    layers.zero_grad()
    (layers(x[:4]) * weight).sum().backward()
    for one, parameter in zip(found, layers.parameters(), strict=True):
        torch.testing.assert_close(one, parameter.grad)


def test_density_and_gradient_of_squashed_actions() -> None:
    generator = torch.Generator().manual_seed(0)
    output = torch.randn((50, 6), generator=generator).mul_(3.0).requires_grad_()
    noise = torch.randn((50, 3), generator=generator)
    sample = squash_sample(output, noise)
    normal = torch.distributions.Normal(output[:, :3], output[:, 3:].clamp(-20, 2).exp())
    squashed = torch.distributions.TransformedDistribution(normal, torch.distributions.TanhTransform(cache_size=1))
    inner = (sample.action.abs() < 0.99).all(1)
    expected = squashed.log_prob(sample.action.double().clamp(-0.999999, 0.999999)).sum(1)
    torch.testing.assert_close(sample.log_prob[inner].double(), expected[inner], rtol=1e-3, atol=2e-3)
    by_action, by_log_prob = torch.randn((50, 3), generator=generator), torch.tensor(0.3)
    ((sample.action * by_action).sum() + by_log_prob * sample.log_prob.sum()).backward()
    found = sample_gradient(squash_sample(output.detach(), noise), by_action, by_log_prob)
    # 1 - tanh(z)^2 is wrong by a rounding of 1.2e-7 where tanh(z) is near 1; times noise and std it weighs up to 60.
    torch.testing.assert_close(found, output.grad, rtol=1e-4, atol=5e-5)


def test_slow_copies_follow_exactly_and_share_statistics() -> None:
    agent = collected(TINY)
    policy = agent.policy
    slow = parts.tensors(policy, ["critic_target", "encoder_target"])
    agent.train(1)
    tau = agent.settings.tau
    moved = 0
    for name, before in slow.items():
        now = parts.references(policy)[name]
        fast = parts.references(policy)[name.replace("_target", "")]
        if isinstance(fast, torch.nn.Parameter):
            torch.testing.assert_close(now, before + tau * (fast - before), rtol=0, atol=1e-7, msg=name)
            moved += not torch.equal(now, before)
        else:
            assert torch.equal(now, fast), name
    assert moved >= 16
    agent.learn(8 * 3, reset_num_timesteps=False)
    for mine, theirs in zip(policy.encoder.buffers(), policy.encoder_target.buffers(), strict=True):
        assert torch.equal(mine, theirs)


def test_targets_stop_at_an_end_and_go_on_after_a_time_limit() -> None:
    agent = collected(TINY)
    batch = a_batch(agent)
    zero = torch.zeros_like(batch.continues)
    temperature = agent.policy.temperature.detach()
    ended = compute_targets(agent.policy, batch._replace(continues=zero), temperature, 0.9, cached=False)
    torch.testing.assert_close(ended, batch.rewards)
    going_on = compute_targets(agent.policy, batch._replace(continues=zero + 1.0), temperature, 0.9, cached=False)
    assert float((going_on - ended).abs().min()) > 0.0


def test_policy_climbs_the_smaller_of_two_and_the_mean_of_more() -> None:
    for critics, subset in ((2, 2), (4, 2)):
        agent = collected({**TINY, "num_critics": critics, "num_subset": subset})
        batch, policy = a_batch(agent), agent.policy
        features = policy.encoder.encode(batch.inputs)
        sample = policy.sample(features, batch.noise)
        values = policy.critic(features, sample.action)
        value = values.amin(0) if critics == 2 else values[batch.subset].mean(0)
        expected = (0.5 * sample.log_prob - value).mean()
        torch.testing.assert_close(
            compute_policy_loss(policy, features, sample, batch, torch.tensor(0.5)), expected, rtol=1e-5, atol=1e-6
        )
        targets = torch.zeros_like(batch.rewards)
        errors = policy.critic(features, batch.actions).square().mean(1)
        torch.testing.assert_close(compute_critic_loss(policy, features, batch, targets), 0.5 * errors.sum())


def test_subsets_are_drawn_without_replacement_and_evenly() -> None:
    agent = collected({**TINY, "num_critics": 4, "num_subset": 2})
    generator = torch.Generator().manual_seed(0)
    pool = Pool(agent.replay, agent.settings.batch_size)
    batches = iterate_batches(agent.policy, [pool], agent.settings, generator, 600)
    subsets = torch.stack([batch.subset for batch in batches if batch.subset is not None])
    assert bool((subsets[:, 0] != subsets[:, 1]).all())
    counts = torch.bincount(subsets.flatten(), minlength=4)
    assert int(counts.sum()) == 1200
    assert float(counts.min()) > 240  # 300 expected of each, 5 % of draws is 3 standard deviations


def test_gradients_are_limited_if_asked() -> None:
    agent = collected({**TINY, "max_grad_norm": 1e-3})
    agent.train(1)
    for names in (("encoder", "critic"), ("policy_head",)):
        grads = [p.grad for p in parts.parameters(agent.policy, names) if p.grad is not None]
        norm = torch.linalg.vector_norm(torch.cat([grad.flatten() for grad in grads]))
        assert float(norm) == pytest.approx(1e-3, rel=1e-3)


def test_policy_waits_for_the_critics_if_asked() -> None:
    agent = collected({**TINY, "policy_delay": 3})
    agent._n_updates = 1
    before = parts.digests(agent.policy)
    agent.train(2)  # updates 1 and 2 of 0, 1, 2, 3
    after = parts.digests(agent.policy)
    assert {part for part in before if after[part] != before[part]} == {
        "encoder", "encoder_target", "critic", "critic_target"
    }  # fmt: skip
    agent.train(1)
    assert parts.digests(agent.policy)["policy_head"] != before["policy_head"]


def test_an_encoder_of_unknown_layers_trains_by_autograd(monkeypatch: pytest.MonkeyPatch) -> None:
    """With autograd in place of hand-derived gradients a whole run goes the same way."""
    ends = []
    for by_hand in (True, False):
        if not by_hand:
            monkeypatch.setattr(HandGradients, "supports", staticmethod(lambda policy, cached: False))
        ends.append(parts.tensors(collected(TINY, steps=8 * 24).policy))
    for name, tensor in ends[0].items():
        torch.testing.assert_close(tensor, ends[1][name], rtol=1e-2, atol=5e-3, msg=name)


def test_the_plans_of_ppo_hold_for_sac_too() -> None:
    """Parts that PPO's plans do not name follow their counterparts."""
    heads = {"policy_head": 1.0, "value_head": 1.0, "log_std": 1.0}
    plan = TransferPlan({"encoder": "freeze", **dict.fromkeys(heads, "reset")}, (Phase("heads", heads),))
    source = collected(TINY)
    agent = SAC(make_policy_env(5, 2), TINY, seed=5, device="cpu")
    agent.apply_plan(plan, parts.tensors(source.policy))
    assert agent.phases.trains("critic")
    assert agent.phases.trains("critic_target")
    assert agent.phases.trains("temperature")
    assert not agent.phases.trains("encoder_target")
