"""Teacher and student: what worlds show and where, what the student learns of it, and that nothing else moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from memory_worlds import mean_reward
from probes import SMALL
from rma_worlds import GAIN, HiddenGain, ShownGain

from agents import (
    PPO,
    Adaptation,
    AgentsError,
    EncoderSettings,
    FrozenError,
    Phase,
    PlanError,
    SourceData,
    TransferPlan,
    VectorAdapter,
    entry_axes,
    freeze,
    parts,
)
from agents.learning.adaptation import adapt
from agents.networks.encoders import RmaEncoder
from agents.rollouts import RowLayout
from agents.sac import SAC

torch.set_num_threads(1)

ENCODER: dict[str, Any] = {"kind": "rma", "length": 4, "memory_width": 8, "extrinsics": 2}
LAYOUT = RowLayout({"policy": 4, "privileged": 1}, (GAIN,))
TINY: dict[str, Any] = {**SMALL, "privileged": [GAIN], "encoder": {**ENCODER, "widths": [8]}}
SOLVES: dict[str, Any] = {
    "privileged": [GAIN],
    "encoder": {**ENCODER, "memory_width": 32, "widths": [32]},
    "policy_head": [32],
    "value_head": [32],
    "num_steps": 10,
    "batch_size": 320,
    "num_epochs": 6,
    "learning_rate": 2e-3,
    "gamma": 0.5,
    "log_std_init": -1.0,
}
SAC_TINY: dict[str, Any] = {
    "privileged": [GAIN],
    "encoder": TINY["encoder"],
    "policy_head": [8],
    "critic_head": [8],
    "buffer_size": 256,
    "batch_size": 16,
    "learning_starts": 16,
}
FROZEN = {"encoder": "freeze", "policy_head": "freeze", "value_head": "freeze", "log_std": "freeze"}


def plan(steps: int, **changes: Any) -> TransferPlan:
    return TransferPlan({**FROZEN, "encoder.adaptation": "reset"}, adaptation=Adaptation(steps, **changes))


def tiny_teacher(seed: int = 0) -> PPO:
    return PPO(ShownGain(8, seed=1), TINY, seed=seed, device="cpu").learn(8 * 8 * 2)


def adapter_of(worlds: Any) -> VectorAdapter:
    return VectorAdapter(worlds, layout=LAYOUT)


class WiderGain(ShownGain):
    obs_dim = 3


class TwoGains(ShownGain):
    action_dim = 2


# what worlds show


def test_an_episode_ends_with_its_own_parameters_and_the_next_begins_with_others() -> None:
    worlds = ShownGain(6, seed=3)
    adapter, ends = adapter_of(worlds), 0
    seen = adapter.reset()
    worlds.time[:] = np.arange(6)  # worlds end apart
    for _ in range(HiddenGain.limit):
        before = worlds.gain.copy()
        np.testing.assert_array_equal(seen[:, -1], before.astype(np.float32))
        step = adapter.step_arrays(np.zeros((6, 1), np.float32))
        np.testing.assert_array_equal(step.final_obs[:, -1], before[step.ended].astype(np.float32))
        assert (worlds.gain[step.ended] != before[step.ended]).all()
        seen, ends = step.obs, ends + len(step.ended)
    assert ends == 6


def test_the_group_is_read_where_it_is_shown_and_never_in_an_evaluation() -> None:
    """The inputs of whoever acts are the same in worlds that differ in nothing but what they could have shown."""
    gains = (0.5, 0.51), (1.9, 1.91)
    hidden = [adapter_of(HiddenGain(8, 2, gain)).reset() for gain in gains]
    np.testing.assert_array_equal(*hidden)
    assert hidden[0].shape == (8, 4 * 4)
    teacher = tiny_teacher()
    shown = [adapter_of(ShownGain(8, 2, gain)).reset() for gain in gains]
    assert shown[0].shape == (8, 4 * 4 + 1)
    np.testing.assert_array_equal(shown[0][:, :-1], hidden[0])
    one, two = (teacher.predict(rows, deterministic=True)[0] for rows in shown)
    assert (one != two).all()
    acted = [
        teacher.make_actor(8).act(worlds.reset()[0], np.ones(8, bool))
        for kind in (HiddenGain, ShownGain)
        for worlds in (kind(8, 2, gain) for gain in gains)
    ]
    for other in acted[1:]:
        np.testing.assert_array_equal(acted[0], other)


def test_worlds_that_do_not_fit_are_refused() -> None:
    with pytest.raises(AgentsError, match="'privileged' has 1 entries here, the agent knows 0"):
        PPO(ShownGain(2), {**TINY, "privileged": []}, device="cpu")
    with pytest.raises(AgentsError, match="the agent reads group 'privileged'; the worlds show policy"):
        PPO(HiddenGain(2), {**TINY, "privileged": []}, device="cpu")
    named = ShownGain(2)
    named.groups = {"privileged": type("Group", (), {"names": ("mass",)})}  # type: ignore[attr-defined]
    with pytest.raises(AgentsError, match="worlds show mass in group 'privileged', the agent reads gain"):
        adapter_of(named)


def test_settings() -> None:
    assert EncoderSettings(kind="rma", length=7).history == 7
    for given, words in (
        ({"kind": "rma", "extrinsics": 0}, "extrinsics is 0: it must be a whole number of at least 1"),
        ({"kind": "history", "extrinsics": 4}, "'history' reads only"),
    ):
        with pytest.raises(AgentsError, match=words):
            EncoderSettings(**given)  # type: ignore[arg-type]


# the encoder


def encoder_of(agent: Any) -> RmaEncoder:
    encoder = agent.policy.encoder
    assert isinstance(encoder, RmaEncoder)
    return encoder


def test_the_teacher_reads_the_group_and_the_student_does_not() -> None:
    encoder = encoder_of(tiny_teacher())
    obs = torch.from_numpy(adapter_of(ShownGain(5, seed=4)).reset())
    other = obs.clone()
    other[:, -1] += 0.5
    without = obs[:, :-1]
    assert not torch.equal(encoder(obs), encoder(other))
    average = obs.clone()
    average[:, -1] = float(encoder.extrinsics.normalizer.mean)
    torch.testing.assert_close(encoder(without), encoder(average), rtol=0, atol=1e-6)
    encoder.adaptation.adapted.fill_(1.0)
    assert torch.equal(encoder(obs), encoder(other))
    assert torch.equal(encoder(obs), encoder(without))
    changed = obs.clone()
    changed[:, -1 - 4] += 0.1  # of the newest slot: what the last action came to
    assert not torch.equal(encoder(changed), encoder(obs))


def test_statistics_are_of_worlds_that_show_the_group() -> None:
    encoder = encoder_of(PPO(ShownGain(8), TINY, device="cpu"))
    obs = torch.from_numpy(adapter_of(ShownGain(4, seed=4)).reset())
    encoder.update_statistics(obs)
    encoder.update_statistics(obs[:2, :-1])
    assert encoder.extrinsics.normalizer.seen == 4
    assert float(encoder.extrinsics.normalizer.mean) == pytest.approx(float(obs[:, -1].double().mean()), abs=1e-12)
    assert encoder.normalizer.seen == 6
    assert encoder.normalizer.mean.shape == (2,)
    normalized = encoder.normalize(obs)
    expected = (obs[:, -1].double() - encoder.extrinsics.normalizer.mean) / encoder.extrinsics.normalizer.var.sqrt()
    torch.testing.assert_close(normalized[:, -1].double(), expected, rtol=0, atol=1e-5)
    assert not encoder.normalize(obs[:, :-1])[:, -1].any()
    freeze(encoder.extrinsics)
    encoder.update_statistics(obs)  # statistics of observations may go on alone
    assert (encoder.extrinsics.normalizer.seen, encoder.normalizer.seen) == (4, 10)


def test_units_and_what_reads_which_entry() -> None:
    agent = PPO(HiddenGain(8), TINY, device="cpu")
    units = parts.unit_names(agent.policy, ("encoder",))
    assert units == (
        "encoder.normalizer",
        "encoder.extrinsics.normalizer",
        "encoder.extrinsics.layers.0",
        "encoder.extrinsics.layers.2",
        "encoder.adaptation",
        "encoder.adaptation.memory.gru",
        "encoder.adaptation.output",
        "encoder.layers.0",
        "encoder.layers.1",
    )
    axes, tensors = entry_axes(agent.policy), parts.tensors(agent.policy)
    assert axes["encoder.layers.0.weight"][0].segments == (2, "observation")
    assert axes["encoder.adaptation.memory.gru.weight_ih_l0"][0].segments == ("observation", "action", 1)
    assert tensors["encoder.layers.0.weight"].shape == (8, 2 + 2)
    assert not any(name.startswith("encoder.extrinsics") for name in axes)


# the adaptation


def test_only_the_student_moves_and_steps_are_exact() -> None:
    teacher = tiny_teacher()
    source = parts.tensors(teacher.policy)
    student = PPO(HiddenGain(4), TINY, seed=5, device="cpu")
    before = student.generator.get_state()
    student.apply_plan(plan(200, num_steps=7), source, ShownGain(8, seed=6))
    after = parts.tensors(student.policy)
    moved = {name for name, tensor in after.items() if not torch.equal(tensor, source[name])}
    assert moved == {name for name in source if name.startswith("encoder.adaptation.")}
    assert after["encoder.adaptation.adapted"] == 1.0
    assert source["encoder.adaptation.adapted"] == 0.0
    assert student.adaptation is not None
    assert student.adaptation.steps == 200
    assert student.source_env is not None
    assert student.source_env.counts["steps"] == 200
    assert student.env.counts["steps"] == student.num_timesteps == 0
    assert torch.equal(student.generator.get_state(), before)
    assert student.phases.finished
    rounded = PPO(HiddenGain(4), TINY, seed=5, device="cpu")
    rounded.apply_plan(plan(201), source, ShownGain(8, seed=6))
    assert rounded.adaptation is not None
    assert rounded.adaptation.steps == 208


def test_the_same_seed_learns_the_same() -> None:
    source, found = parts.tensors(tiny_teacher().policy), []
    for seed in (5, 5, 6):
        student = PPO(HiddenGain(4, seed=seed), TINY, seed=seed, device="cpu")
        student.apply_plan(plan(128, num_steps=4), source, ShownGain(8, seed=6))
        found.append(parts.digests(student.policy)["encoder"])
    assert found[0] == found[1] != found[2]


def test_what_moves_beside_the_student_is_found_out() -> None:
    teacher, worlds = tiny_teacher(), adapter_of(ShownGain(8, seed=6))
    stepped = worlds.step_arrays

    def meddle(actions: Any) -> Any:
        with torch.no_grad():
            teacher.policy.encoder.layers[0].bias[0] += 1e-7
        return stepped(actions)

    worlds.step_arrays = meddle  # type: ignore[method-assign]
    with pytest.raises(FrozenError, match=r"in the adaptation, encoder\.layers\.0 moved although only the student"):
        adapt(teacher.policy, worlds, Adaptation(32), 0)


def test_what_an_adaptation_needs() -> None:
    source = parts.tensors(tiny_teacher().policy)
    student = PPO(HiddenGain(4), TINY, seed=5, device="cpu")
    before = parts.digests(student.policy)
    with pytest.raises(PlanError, match="takes place in worlds of the source"):
        student.apply_plan(plan(64), source)
    with pytest.raises(PlanError, match="needs worlds of the source that show the group 'privileged'"):
        student.apply_plan(plan(64), source, HiddenGain(8))
    never_shown = parts.tensors(PPO(HiddenGain(8), TINY, device="cpu").learn(64).policy)
    with pytest.raises(PlanError, match="was never shown 'privileged'"):
        student.apply_plan(plan(64), never_shown, ShownGain(8))
    for worlds, shows in (
        (WiderGain(8), r"show \(20,\) and take \(1,\)"),
        (TwoGains(8), r"show \(20,\) and take \(2,\)"),
    ):
        with pytest.raises(PlanError, match=shows + r", the policy reads \(16,\) and gives \(1,\): between spaces"):
            student.apply_plan(plan(64), source, worlds)
    worlds = ShownGain(8)
    uneven = replace(
        plan(64), parts={**FROZEN, "policy_head": "keep"}, phases=(Phase("all", {"policy_head": 1.0}, budget=7),)
    )
    with pytest.raises(PlanError, match="4 worlds cannot take exactly 7 steps"):
        student.apply_plan(uneven, source, worlds)
    assert worlds.num_resets == 0  # it is known before any step of the source
    mlp = PPO(HiddenGain(8), SMALL, device="cpu")
    with pytest.raises(PlanError, match="an encoder of kind 'rma', not MlpEncoder"):
        mlp.apply_plan(TransferPlan(FROZEN, adaptation=Adaptation(8)), parts.tensors(mlp.policy), HiddenGain(8))
    assert parts.digests(student.policy) == before
    assert student.adaptation is None


def test_source_data_is_not_taken_in_worlds_of_an_adaptation() -> None:
    with pytest.raises(PlanError, match=r"adaptation is taught .* a plan can have one of the two"):
        replace(plan(8), source_data=SourceData(8))


def test_a_plan_with_an_adaptation_is_data() -> None:
    written = plan(640, learning_rate=0.5, num_steps=3)
    assert TransferPlan.from_json(written.to_json()) == written
    old = {key: value for key, value in replace(written, adaptation=None).to_json().items() if key != "adaptation"}
    assert TransferPlan.from_json(old) == replace(written, adaptation=None)
    for given, words in (({"steps": 0}, "steps is 0"), ({"steps": 8, "learning_rate": 0.0}, "must be above 0")):
        with pytest.raises(PlanError, match=words):
            TransferPlan.from_json({**old, "adaptation": given})


def sac_teacher() -> SAC:
    return SAC(ShownGain(8, seed=1), SAC_TINY, seed=0, device="cpu").learn(64)


def test_a_sac_agent_adapts_and_its_slow_copy_follows() -> None:
    teacher = sac_teacher()
    assert float(encoder_of(teacher).extrinsics.normalizer.count) == 64
    student = SAC(HiddenGain(4), SAC_TINY, seed=5, device="cpu")
    student.apply_plan(plan(64), parts.tensors(teacher.policy), ShownGain(8, seed=6))
    held = student.policy.encoder_target.state_dict()
    assert all(torch.equal(held[name], tensor) for name, tensor in student.policy.encoder.state_dict().items())
    assert encoder_of(student).adaptation.adapted == 1.0


def test_a_teachers_training_continues_exactly() -> None:
    """Two updates at once, and one, all state handed over, one more: the same bytes."""

    def fresh(worlds_seed: int, seed: int) -> PPO:
        return PPO(ShownGain(8, seed=worlds_seed), TINY, seed=seed, device="cpu")

    num = 8 * 8
    whole, first, second = fresh(1, 4).learn(8 * num), fresh(1, 4).learn(5 * num), fresh(77, 9)
    tensors, state = first.get_training_state()
    parts.load(second.policy, parts.tensors(first.policy))
    second.set_training_state(tensors, state)
    second.learn(3 * num, reset_num_timesteps=False)
    assert parts.digests(second.policy) == parts.digests(whole.policy)
    np.testing.assert_array_equal(second._last_obs, whole._last_obs)
    assert whole.env.counts["episodes"] > 0


# a world that cannot be solved without it


@pytest.fixture(scope="module")
def teacher() -> PPO:
    return PPO(ShownGain(128, seed=1), SOLVES, seed=0, device="cpu").learn(128 * 10 * 60)


def shown_reward(agent: PPO) -> float:
    """Return the mean reward of an episode in which every world shows its parameters."""
    adapter = adapter_of(ShownGain(256, seed=7))
    obs, total = adapter.reset(), 0.0
    for _ in range(HiddenGain.limit):
        step = adapter.step_arrays(agent.predict(obs, deterministic=True)[0])
        obs, total = step.obs, total + float(step.reward.mean())
    return total / HiddenGain.limit


@pytest.mark.thorough
def test_the_teacher_solves_it_and_the_student_does_without_being_shown(teacher: PPO) -> None:
    best = shown_reward(teacher)
    assert best > 0.98
    student = PPO(HiddenGain(4), SOLVES, seed=3, device="cpu")
    quick = plan(131072, learning_rate=3e-3, num_steps=16, batch_size=128)
    student.apply_plan(quick, parts.tensors(teacher.policy), ShownGain(128, seed=9))
    found = mean_reward(student, HiddenGain(256))
    assert found > 0.98 * best
    assert student.adaptation is not None
    assert student.adaptation.last < 0.05 * student.adaptation.variance < student.adaptation.first
    without = mean_reward(teacher, HiddenGain(256))
    assert abs(without - HiddenGain.best_without_knowing) < 0.1  # it takes every world for the average one


def test_an_mlp_cannot() -> None:
    agent = PPO(HiddenGain(128, seed=1), {**SOLVES, "encoder": {"widths": [32]}}, seed=0, device="cpu")
    agent.learn(128 * 10 * 40)
    assert abs(mean_reward(agent, HiddenGain(256)) - HiddenGain.best_without_knowing) < 0.06
