"""Teacher and student: what worlds tell and where, what the student learns of it, and that nothing else moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from memory_worlds import mean_reward
from probes import SMALL, make_policy_env
from rma_worlds import GAIN, HiddenGain

from agents import (
    PPO,
    Adaptation,
    AgentsError,
    CheckpointError,
    EncoderSettings,
    FrozenError,
    Phase,
    PlanError,
    Regulariser,
    SourceData,
    TransferPlan,
    VectorAdapter,
    entry_axes,
    freeze,
    parts,
)
from agents.learning.adaptation import adapt
from agents.networks.encoders import RmaEncoder
from agents.rollouts.privileged import PrivilegedSpace, PrivilegedWindow
from agents.sac import SAC

torch.set_num_threads(1)

ENCODER: dict[str, Any] = {"kind": "rma", "parameters": [GAIN], "length": 4, "memory_width": 8, "extrinsics": 2}
TINY: dict[str, Any] = {**SMALL, "encoder": {**ENCODER, "widths": [8]}}
SOLVES: dict[str, Any] = {
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
    teacher = PPO(HiddenGain(8, seed=1), TINY, seed=seed, device="cpu")
    teacher.tell_parameters()
    return teacher.learn(8 * 8 * 2)


def told_adapter(worlds: Any) -> VectorAdapter:
    adapter = VectorAdapter(worlds, history=4, parameters=(GAIN,))
    adapter.tell_parameters()
    return adapter


class WiderGain(HiddenGain):
    obs_dim = 3


class TwoGains(HiddenGain):
    action_dim = 2


# what worlds tell


def test_space_and_window_by_hand() -> None:
    box = spaces.Box(-1.0, 1.0, (1,), np.float32)
    space = PrivilegedSpace(box, box, 2, ("mass", "delay"))
    assert space.parameters == ("mass", "delay")
    assert space.shape == (2 * 3 + 2 + 1,)
    assert space.low.tolist() == [-1, -1, 0] * 2 + [-np.inf, -np.inf, 0]
    assert space.high.tolist() == [1, 1, 1] * 2 + [np.inf, np.inf, 1]
    window = space.window(2)
    window.begin(np.array([[0.5], [0.25]]))
    assert window.window().tolist() == [[0, 0, 0, 0.5, 0, 1, 0, 0, 0], [0, 0, 0, 0.25, 0, 1, 0, 0, 0]]
    assert window.window()[:, window.newest].tolist() == [[0.5], [0.25]]
    window.tell(np.array([[3.0, 1.0], [4.0, 2.0]]))
    window.push(np.full((2, 1), 0.75), np.full((2, 1), -1.0))
    assert window.window()[1].tolist() == [0.25, 0, 1, -1, 0.75, 1, 4, 2, 1]
    other = space.window(2)
    other.set_state(window.get_state())
    np.testing.assert_array_equal(other.window(), window.window())
    with pytest.raises(CheckpointError, match=r"'told' must have shape \(2, 2\), it is \(2, 3\): same parameters"):
        PrivilegedWindow(2, 1, 1, 2, 1).set_state(window.get_state())
    with pytest.raises(AgentsError, match=r"finite and of shape \(2, 2\)"):
        window.tell(np.array([[3.0, np.nan], [4.0, 2.0]]))


def test_an_episode_ends_with_its_own_parameters_and_the_next_begins_with_others() -> None:
    worlds = HiddenGain(6, seed=3)
    adapter, ends = told_adapter(worlds), 0
    seen = adapter.reset()
    worlds.time[:] = np.arange(6)  # worlds end apart
    for _ in range(HiddenGain.limit):
        before = worlds.gain.copy()
        np.testing.assert_array_equal(seen[:, -2:], np.stack([before, np.ones(6)], axis=1).astype(np.float32))
        step = adapter.step_arrays(np.zeros((6, 1), np.float32))
        np.testing.assert_array_equal(step.final_obs[:, -2], before[step.ended].astype(np.float32))
        assert (worlds.gain[step.ended] != before[step.ended]).all()
        seen, ends = step.obs, ends + len(step.ended)
    assert ends == 6


def test_worlds_tell_nothing_unless_asked_to() -> None:
    """The inputs of whoever acts are the same in worlds that differ in nothing but what they could have told."""
    low, high = (HiddenGain(8, seed=2, gains=(gain, gain + 0.01)) for gain in (0.5, 1.9))
    quiet = [VectorAdapter(worlds, history=4, parameters=(GAIN,)).reset() for worlds in (low, high)]
    assert (low.gain < high.gain).all()
    np.testing.assert_array_equal(*quiet)
    assert not quiet[0][:, -2:].any()
    teacher = tiny_teacher()
    np.testing.assert_array_equal(*(teacher.predict(obs, deterministic=True)[0] for obs in quiet))
    loud = [told_adapter(worlds).reset() for worlds in (HiddenGain(8, 2, (0.5, 0.51)), HiddenGain(8, 2, (1.9, 1.91)))]
    one, two = (teacher.predict(obs, deterministic=True)[0] for obs in loud)
    assert (one != two).all()
    actor, obs = teacher.make_actor(8), quiet[0][:, -2 - 4 : -2 - 2]  # the newest observation, and no more
    expected = teacher.predict(quiet[0], deterministic=True)[0]  # other operations than act's: equal to rounding
    np.testing.assert_allclose(actor.act(obs, np.ones(8, bool)), expected, rtol=1e-5, atol=1e-6)


def test_worlds_that_cannot_tell_are_refused() -> None:
    with pytest.raises(AgentsError, match="has no world_parameter_names"):
        VectorAdapter(make_policy_env(2, 1), history=4, parameters=(GAIN,)).tell_parameters()
    with pytest.raises(AgentsError, match="worlds tell gain, wanted are mass"):
        VectorAdapter(HiddenGain(2), history=4, parameters=("mass",)).tell_parameters()
    with pytest.raises(AgentsError, match="no room for world parameters"):
        VectorAdapter(HiddenGain(2), history=4).tell_parameters()
    with pytest.raises(AgentsError, match="here none, not"):
        PPO(HiddenGain(2), {**TINY, "encoder": {"kind": "rma", "length": 4}}, device="cpu")
    PPO(HiddenGain(2), SMALL, device="cpu").tell_parameters()  # nothing that reads them: nothing to tell


def test_settings() -> None:
    assert EncoderSettings(kind="rma", length=7).history == 7
    assert EncoderSettings(kind="rma", parameters=["a", "b"]).parameters == ("a", "b")  # type: ignore[arg-type]
    for given, words in (
        ({"kind": "rma", "parameters": ["a", "a"]}, "list of names, each once"),
        ({"kind": "rma", "parameters": "mass"}, "list of names, each once"),
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


def test_the_teacher_reads_what_is_told_and_the_student_does_not() -> None:
    encoder = encoder_of(tiny_teacher())
    obs = torch.from_numpy(told_adapter(HiddenGain(5, seed=4)).reset())
    other = obs.clone()
    other[:, -2] += 0.5
    untold = obs.clone()
    untold[:, -2:] = 0.0
    assert not torch.equal(encoder(obs), encoder(other))
    mean = float(encoder.extrinsics.normalizer.mean)
    average = obs.clone()
    average[:, -2] = mean
    torch.testing.assert_close(encoder(untold), encoder(average), rtol=0, atol=1e-6)
    encoder.adaptation.adapted.fill_(1.0)
    assert torch.equal(encoder(obs), encoder(other))
    assert torch.equal(encoder(obs), encoder(untold))
    changed = obs.clone()
    changed[:, -2 - 4] += 0.1  # of the newest slot: what the last action came to
    assert not torch.equal(encoder(changed), encoder(obs))


def test_statistics_are_of_worlds_that_tell() -> None:
    encoder = encoder_of(PPO(HiddenGain(8), TINY, device="cpu"))
    obs = torch.from_numpy(told_adapter(HiddenGain(6, seed=4)).reset())
    obs[4:, -2:] = 0.0
    encoder.update_statistics(obs)
    assert encoder.extrinsics.normalizer.seen == 4
    assert float(encoder.extrinsics.normalizer.mean) == pytest.approx(float(obs[:4, -2].double().mean()), abs=1e-12)
    assert encoder.normalizer.seen == 6
    assert encoder.normalizer.mean.shape == (2,)
    normalized = encoder.normalize(obs)
    expected = (obs[:4, -2].double() - encoder.extrinsics.normalizer.mean) / encoder.extrinsics.normalizer.var.sqrt()
    torch.testing.assert_close(normalized[:4, -2].double(), expected, rtol=0, atol=1e-5)
    assert not normalized[4:, -2:].any()
    freeze(encoder.extrinsics)
    encoder.update_statistics(obs)  # statistics of observations may go on alone
    assert (encoder.extrinsics.normalizer.seen, encoder.normalizer.seen) == (4, 12)


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
    student.apply_plan(plan(200, num_steps=7), source, HiddenGain(8, seed=6))
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
    rounded.apply_plan(plan(201), source, HiddenGain(8, seed=6))
    assert rounded.adaptation is not None
    assert rounded.adaptation.steps == 208


def test_the_same_seed_learns_the_same() -> None:
    source, found = parts.tensors(tiny_teacher().policy), []
    for seed in (5, 5, 6):
        student = PPO(HiddenGain(4, seed=seed), TINY, seed=seed, device="cpu")
        student.apply_plan(plan(128, num_steps=4), source, HiddenGain(8, seed=6))
        found.append(parts.digests(student.policy)["encoder"])
    assert found[0] == found[1] != found[2]


def test_what_moves_beside_the_student_is_found_out() -> None:
    teacher, worlds = tiny_teacher(), told_adapter(HiddenGain(8, seed=6))
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
    with pytest.raises(AgentsError, match="has no world_parameter_names"):
        student.apply_plan(plan(64), source, make_policy_env(2, 1))
    with pytest.raises(PlanError, match="the worlds tell no parameters"):
        adapt(tiny_teacher().policy, VectorAdapter(HiddenGain(4), history=4, parameters=(GAIN,)), Adaptation(8), 0)
    never_told = parts.tensors(PPO(HiddenGain(8), TINY, device="cpu").learn(64).policy)
    with pytest.raises(PlanError, match="was never told a world's parameters"):
        student.apply_plan(plan(64), never_told, HiddenGain(8))
    for worlds, shows in (
        (WiderGain(8), r"show \(22,\) and take \(1,\)"),
        (TwoGains(8), r"show \(22,\) and take \(2,\)"),
    ):
        with pytest.raises(PlanError, match=shows + r", the policy reads \(18,\) and gives \(1,\): between spaces"):
            student.apply_plan(plan(64), source, worlds)
    worlds = HiddenGain(8)
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


def test_source_data_is_not_taken_in_worlds_that_tell_for_an_adaptation() -> None:
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
    teacher = SAC(HiddenGain(8, seed=1), SAC_TINY, seed=0, device="cpu")
    teacher.tell_parameters()
    return teacher.learn(64)


@pytest.mark.parametrize("corrected", [False, True])
def test_transitions_of_the_source_tell_nothing_that_the_targets_do_not(corrected: bool) -> None:
    """A flag that is set in the source alone would part the domains, whatever happens in them."""
    wanted = SourceData(64, share=0.5, per_target_step=1, corrected=corrected)
    parted = dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), "keep")
    phases = (Phase("all", dict.fromkeys(parted, 1.0)),)
    student = SAC(HiddenGain(4), SAC_TINY, seed=5, device="cpu")
    student.apply_plan(
        TransferPlan(parted, phases, source_data=wanted), parts.tensors(sac_teacher().policy), HiddenGain(8, seed=6)
    )
    student.learn(64)
    assert student.experience.stream is not None
    own, theirs = student.replay.recent(16), student.experience.stream.replay.recent(16)
    for rows in (own, theirs):
        assert not rows.obs[:, -2:].any()
        assert not rows.next_obs[:, -2:].any()
        assert bool((rows.obs[:, -3] == 1.0).all())  # the window is there


def test_states_of_the_source_that_ewc_measures_are_of_a_policy_that_is_told_nothing() -> None:
    ewc = Phase("all", {"policy_head": 1.0}, regularisers=(Regulariser("ewc", 1.0, {"steps": 32}),))
    student = PPO(HiddenGain(4), TINY, seed=5, device="cpu")
    student.apply_plan(
        TransferPlan(dict.fromkeys(FROZEN, "keep"), (ewc,)), parts.tensors(tiny_teacher().policy), HiddenGain(8, seed=6)
    )
    student.active_penalties()
    assert isinstance(student.source_env, VectorAdapter)
    assert student.source_env.counts["steps"] == 32
    assert student.source_env.env.gain.all()  # type: ignore[attr-defined] # there was something to tell
    assert not student.source_env.get_state()["told"].any()
    adapted = PPO(HiddenGain(4), TINY, seed=5, device="cpu")
    adapted.apply_plan(plan(32), parts.tensors(tiny_teacher().policy), HiddenGain(8, seed=6))
    assert isinstance(adapted.source_env, VectorAdapter)
    assert (adapted.source_env.get_state()["told"][:, -1] == 1.0).all()


def test_a_sac_agent_adapts_and_its_slow_copy_follows() -> None:
    teacher = sac_teacher()
    assert float(encoder_of(teacher).extrinsics.normalizer.count) == 64
    student = SAC(HiddenGain(4), SAC_TINY, seed=5, device="cpu")
    student.apply_plan(plan(64), parts.tensors(teacher.policy), HiddenGain(8, seed=6))
    held = student.policy.encoder_target.state_dict()
    assert all(torch.equal(held[name], tensor) for name, tensor in student.policy.encoder.state_dict().items())
    assert encoder_of(student).adaptation.adapted == 1.0


def test_a_teachers_training_continues_exactly() -> None:
    """Two updates at once, and one, all state handed over, one more: the same bytes."""

    def fresh(worlds_seed: int, seed: int) -> PPO:
        agent = PPO(HiddenGain(8, seed=worlds_seed), TINY, seed=seed, device="cpu")
        agent.tell_parameters()
        return agent

    num = 8 * 8
    whole, first, second = fresh(1, 4).learn(8 * num), fresh(1, 4).learn(5 * num), fresh(77, 9)
    tensors, state = first.get_training_state()
    parts.load(second.policy, parts.tensors(first.policy))
    second.set_training_state(tensors, state)
    second.learn(3 * num, reset_num_timesteps=False)
    assert parts.digests(second.policy) == parts.digests(whole.policy)
    np.testing.assert_array_equal(second._last_obs, whole._last_obs)
    assert whole.env.counts["episodes"] > 0
    assert (whole._last_obs[:, -1] == 1.0).all()


# a world that cannot be solved without it


@pytest.fixture(scope="module")
def teacher() -> PPO:
    agent = PPO(HiddenGain(128, seed=1), SOLVES, seed=0, device="cpu")
    agent.tell_parameters()
    return agent.learn(128 * 10 * 60)


def told_reward(agent: PPO) -> float:
    """Return the mean reward of an episode in which every world tells its parameters."""
    adapter = told_adapter(HiddenGain(256, seed=7))
    obs, total = adapter.reset(), 0.0
    for _ in range(HiddenGain.limit):
        step = adapter.step_arrays(agent.predict(obs, deterministic=True)[0])
        obs, total = step.obs, total + float(step.reward.mean())
    return total / HiddenGain.limit


@pytest.mark.thorough
def test_the_teacher_solves_it_and_the_student_does_without_being_told(teacher: PPO) -> None:
    best = told_reward(teacher)
    assert best > 0.98
    student = PPO(HiddenGain(4), SOLVES, seed=3, device="cpu")
    quick = plan(131072, learning_rate=3e-3, num_steps=16, batch_size=128)
    student.apply_plan(quick, parts.tensors(teacher.policy), HiddenGain(128, seed=9))
    found = mean_reward(student, HiddenGain(256))
    assert found > 0.98 * best
    assert student.adaptation is not None
    assert student.adaptation.last < 0.05 * student.adaptation.variance < student.adaptation.first
    untold = mean_reward(teacher, HiddenGain(256))
    assert abs(untold - HiddenGain.best_without_knowing) < 0.1  # it takes every world for the average one


def test_an_mlp_cannot() -> None:
    agent = PPO(HiddenGain(128, seed=1), {**SOLVES, "encoder": {"widths": [32]}}, seed=0, device="cpu")
    agent.learn(128 * 10 * 40)
    assert abs(mean_reward(agent, HiddenGain(256)) - HiddenGain.best_without_knowing) < 0.06
