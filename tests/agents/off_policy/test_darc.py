"""darc: classifiers find the log-ratio of dynamics, and the corrected reward moves the best action where it should."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from probes import Probe

from agents import SAC, Phase, SourceData, TransferPlan, parts
from agents.errors import CheckpointError
from agents.off_policy import source_stream
from agents.off_policy.darc import ClassifierSettings, DomainClassifiers
from agents.off_policy.replay import Replay
from agents.rollouts.transition import Transition

torch.set_num_threads(1)  # networks this small are slower on more

SPREAD = 0.5  # standard deviation of s' given s and a
EXACT = ClassifierSettings(noise=0.0, learning_rate=2e-3, batch_size=1024)


def filled(num: int, start: float, shift: float, seed: int) -> Replay:
    """Return transitions s ~ N(start, 1), a ~ U(-1, 1), s' ~ N(s + a + shift, SPREAD^2), of one entry each."""
    rng = np.random.default_rng(seed)
    replay = Replay(num, 1, 1, num, torch.device("cpu"))
    obs, actions = rng.normal(start, 1.0, (num, 1)), rng.uniform(-1.0, 1.0, (num, 1))
    after = rng.normal(obs + actions + shift, SPREAD).astype(np.float32)
    never, nothing = np.zeros(num, bool), np.empty(0, np.intp)
    transition = Transition(after, np.zeros(num), never, never, nothing, after[:0])
    replay.add(obs.astype(np.float32), actions.astype(np.float32), transition)
    return replay


def trained(source: Replay, target: Replay, settings: ClassifierSettings, updates: int = 800) -> DomainClassifiers:
    """Return classifiers that have learnt to tell the two apart."""
    classifiers = DomainClassifiers(1, 1, settings, seed=0)
    classifiers.measure(source.recent(1))
    classifiers.learn(source, target, updates, torch.Generator().manual_seed(0))
    return classifiers


def error(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the error's root mean square, as a share of that of what is expected."""
    return float((found - expected).square().mean().sqrt() / expected.square().mean().sqrt())


def test_classifiers_recover_the_log_ratio_of_gaussian_dynamics() -> None:
    shift, start = 0.6, 0.8
    source, target = filled(100_000, 0.0, 0.0, 1), filled(100_000, start, shift, 2)
    classifiers = trained(source, target, EXACT)
    rows = filled(4000, start / 2, shift / 2, 3).recent(1)  # between the two, where both have been seen
    off = (rows.next_obs - rows.obs - rows.actions).squeeze(1)
    dynamics = (off.square() - (off - shift).square()) / (2.0 * SPREAD**2)
    states = (rows.obs.square() - (rows.obs - start).square()).squeeze(1) / 2.0
    with torch.no_grad():
        whole, known = classifiers.logits(rows)
    assert error(known, states) < 0.1
    assert error(whole, states + dynamics) < 0.1
    assert error(classifiers.correction(rows), dynamics) < 0.1


@pytest.mark.thorough
def test_noise_makes_classifiers_less_sure() -> None:
    shift, noise = 0.6, 0.6
    source, target = filled(100_000, 0.0, 0.0, 1), filled(100_000, 0.0, shift, 2)
    rows = filled(4000, 0.0, shift / 2, 3).recent(1)
    sure, unsure = (
        trained(source, target, ClassifierSettings(noise=n, learning_rate=2e-3, batch_size=1024)).correction(rows).std()
        for n in (0.0, noise)
    )
    assert float(unsure) < 0.75 * float(sure)
    assert float(sure) == pytest.approx(shift / SPREAD, rel=0.15)  # std of off * shift / SPREAD^2


def test_equal_domains_are_not_corrected() -> None:
    source, target = filled(100_000, 0.0, 0.0, 1), filled(100_000, 0.0, 0.0, 2)
    correction = trained(source, target, ClassifierSettings()).correction(source.recent(1))
    assert float(correction.abs().mean()) < 0.1
    assert abs(float(correction.mean())) < 0.02


@pytest.mark.thorough
def test_domains_that_differ_only_in_states_visited_are_not_corrected() -> None:
    source, target = filled(100_000, 0.0, 0.0, 1), filled(100_000, 1.0, 0.0, 2)
    classifiers, rows = trained(source, target, EXACT), source.recent(1)
    with torch.no_grad():
        whole, _ = classifiers.logits(rows)
    assert float(whole.abs().mean()) > 0.5
    assert abs(float(classifiers.correction(rows).mean())) < 0.1


def test_corrections_are_clipped() -> None:
    source, target = filled(4000, 0.0, 0.0, 1), filled(4000, 0.0, 4.0, 2)
    classifiers = trained(source, target, ClassifierSettings(clip=0.5, noise=0.0), updates=200)
    assert float(classifiers.correction(source.recent(1)).min()) == -0.5
    assert float(classifiers.correction(target.recent(1)).max()) == 0.5


def test_classifiers_continue_byte_for_byte() -> None:
    source, target = filled(4000, 0.0, 0.0, 1), filled(4000, 0.0, 1.0, 2)
    whole = DomainClassifiers(1, 1, ClassifierSettings(), seed=0)
    whole.measure(source.recent(1))
    generator = torch.Generator().manual_seed(0)
    whole.learn(source, target, 20, generator)
    saved, drawn = whole.get_state(), generator.get_state()
    again = DomainClassifiers(1, 1, ClassifierSettings(), seed=9)
    again.set_state(saved)
    whole.learn(source, target, 20, generator)
    again.learn(source, target, 20, torch.Generator().set_state(drawn))
    for name, tensor in whole.get_state().items():
        assert torch.equal(tensor, again.get_state()[name]), name
    with pytest.raises(CheckpointError, match="domain classifiers"):
        DomainClassifiers(2, 1, ClassifierSettings(), seed=0).set_state(saved)


class Push(Probe):
    """Pushed by the action, an episode of one step that pays it; `blocked`: pushes above 0 go nowhere."""

    blocked = False

    def advance(self, actions: np.ndarray) -> np.ndarray:
        pushed = np.minimum(actions, 0.0) if self.blocked else actions
        self.state = pushed + SPREAD * self.rng.standard_normal(pushed.shape)
        return actions[:, 0].copy()


class BlockedPush(Push):
    blocked = True


LEARNER: dict[str, Any] = {
    "encoder": {"widths": []},
    "policy_head": [32],
    "critic_head": [32],
    "critic_layer_norm": False,
    "batch_size": 128,
    "learning_starts": 64,
    "buffer_size": 8192,
    "gradient_steps": 0.5,
    "learning_rate": 3e-3,
    "target_entropy": -2.0,
    "temperature_init": 0.1,
    "gamma": 0.0,
}


@pytest.mark.thorough
@pytest.mark.parametrize("corrected", [False, True])
def test_the_best_action_is_the_one_that_the_target_allows(corrected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It pays a, but a push a > 0 is log N(s'; 0, v) - log N(s'; a, v) likelier on the target: a mean of -a^2 / 2 v.

    So the corrected reward is a - a^2 / 2 v, best at a = v = SPREAD^2; uncorrected, the best action is the largest.
    """
    monkeypatch.setattr(source_stream, "ClassifierSettings", lambda: replace(EXACT, batch_size=256))
    begun = SAC(Push(8), LEARNER, seed=0, device="cpu")
    everything = dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), 1.0)
    data = SourceData(1024, share=1.0, per_target_step=2, corrected=corrected)
    phases = Phase("classifiers", {}, budget=1024), Phase("corrected", everything)
    agent = SAC(BlockedPush(8, seed=3), LEARNER, seed=1, device="cpu")
    plan = TransferPlan(dict.fromkeys(everything, "keep"), phases, source_data=data)
    agent.apply_plan(plan, parts.tensors(begun.policy), Push(8, seed=4))
    agent.learn(4096)
    action, _ = agent.predict(np.zeros((1, 1)), deterministic=True)
    assert agent.source_env is not None
    assert agent.source_env.counts["steps"] == 1024 + 2 * 4096  # type: ignore[attr-defined]
    if corrected:
        assert float(action[0, 0]) == pytest.approx(SPREAD**2, abs=0.12)
    else:
        assert float(action[0, 0]) > 0.8


def test_what_tells_nothing_costs_log_four() -> None:
    source = filled(4000, 0.0, 0.0, 1)
    classifiers = DomainClassifiers(1, 1, ClassifierSettings(), seed=0)
    for parameter in classifiers.parameters():
        torch.nn.init.zeros_(parameter)
    assert classifiers.learn(source, source, 1, torch.Generator().manual_seed(0)) == pytest.approx(math.log(4.0))
