"""The replay: whole blocks in order, last observations that are last, features that are never stale."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from probes import LinearWorld, make_policy_env

from agents import AgentsError, CheckpointError, freeze, parts, unfreeze
from agents.networks.encoders import MlpEncoder
from agents.off_policy.feature_cache import FeatureCache
from agents.off_policy.replay import Replay
from agents.rollouts.transition import Transition
from agents.rollouts.vec_adapter import VectorAdapter
from agents.sac import SAC

torch.set_num_threads(1)  # networks this small are slower on more

CPU = torch.device("cpu")


def step(number: int, num_envs: int = 3, ended: tuple[int, ...] = (), terminated: tuple[int, ...] = ()) -> Transition:
    """Return a step whose every number tells where it belongs: observations 100 number + world, rewards number."""
    worlds = np.arange(num_envs)
    done, over = np.isin(worlds, ended), np.isin(worlds, terminated)
    obs = np.repeat((100.0 * (number + 1) + worlds)[:, None], 2, axis=1).astype(np.float32)
    final = np.full((len(ended), 2), -1.0 - number, np.float32)
    return Transition(obs, np.full(num_envs, float(number)), over, done & ~over, np.flatnonzero(done), final)


def filled(capacity: int, num_steps: int, num_envs: int = 3) -> Replay:
    """Return a replay after so many steps; world 1 of step 1 ends by a time limit, world 2 of step 2 terminates."""
    replay = Replay(capacity, 2, 1, num_envs, CPU)
    for number in range(num_steps):
        obs = np.repeat((100.0 * number + np.arange(num_envs))[:, None], 2, axis=1).astype(np.float32)
        ended, over = {1: ((1,), ()), 2: ((2,), (2,))}.get(number, ((), ()))
        replay.add(obs, np.full((num_envs, 1), 0.01 * number, np.float32), step(number, num_envs, ended, over))
    return replay


def test_what_comes_out_is_what_went_in() -> None:
    rows = filled(30, 4).recent(4)
    numbers = torch.arange(4.0).repeat_interleave(3)
    torch.testing.assert_close(rows.obs[:, 0], 100 * numbers + torch.arange(3.0).repeat(4))
    torch.testing.assert_close(rows.rewards, numbers)
    torch.testing.assert_close(rows.actions[:, 0], 0.01 * numbers)
    expected = rows.obs[:, 0] + 100
    expected[3 * 1 + 1], expected[3 * 2 + 2] = -2.0, -3.0  # the last observations of their episodes
    torch.testing.assert_close(rows.next_obs[:, 0], expected)
    assert rows.ended.nonzero().flatten().tolist() == [4, 8]
    assert (rows.continues == 0).nonzero().flatten().tolist() == [8]  # a time limit is no end


def test_final_observations_leave_the_transition_alone() -> None:
    replay, transition = Replay(9, 2, 1, 3, CPU), step(0, ended=(1,))
    before = transition.obs.copy()
    replay.add(np.zeros((3, 2), np.float32), np.zeros((3, 1), np.float32), transition)
    np.testing.assert_array_equal(transition.obs, before)


@pytest.mark.parametrize(("capacity", "kept"), [(6, 2), (8, 2), (11, 3), (12, 4)])
def test_whole_blocks_and_the_oldest_goes_first(capacity: int, kept: int) -> None:
    replay = filled(capacity, 7)
    assert replay.capacity == 3 * kept
    assert replay.size == 3 * kept
    assert replay.total == 21
    rows = replay.recent(kept)
    torch.testing.assert_close(rows.rewards, torch.arange(7.0 - kept, 7.0).repeat_interleave(3))
    torch.testing.assert_close(replay.recent(1).rewards, torch.full((3,), 6.0))
    assert len(replay.recent(100).rewards) == 3 * kept


def test_draws_are_uniform_over_what_is_held() -> None:
    replay = filled(300, 4)
    rows = replay.draw(12000, torch.Generator().manual_seed(0))
    counts = torch.bincount(rows, minlength=12)
    assert len(counts) == 12
    assert float((counts - 1000).abs().max()) < 4 * 30  # 4 standard deviations
    assert torch.equal(rows, replay.draw(12000, torch.Generator().manual_seed(0)))


def test_too_small_a_replay_is_refused() -> None:
    with pytest.raises(AgentsError, match="buffer_size is 2: a step of all 3 worlds must fit"):
        Replay(2, 2, 1, 3, CPU)


@pytest.mark.parametrize("num_steps", [2, 7])
def test_state_is_the_filled_part(num_steps: int) -> None:
    replay = filled(12, num_steps)
    tensors, state = replay.get_state()
    assert tensors["replay"].shape == (min(3 * num_steps, 12), 2 + 2 + 1 + 3)
    other = Replay(12, 2, 1, 3, CPU)
    other.set_state(tensors, state)
    tensors["replay"].zero_()  # it was a copy
    for one in (replay, other):
        one.add(np.ones((3, 2), np.float32), np.ones((3, 1), np.float32), step(9))
    for mine, theirs in zip(replay.recent(4), other.recent(4), strict=True):
        assert torch.equal(mine, theirs)
    assert (replay.position, replay.size, replay.total) == (other.position, other.size, other.total)
    with pytest.raises(CheckpointError, match=r"same buffer_size, num_envs\?"):
        Replay(9, 2, 1, 3, CPU).set_state(*replay.get_state())
    with pytest.raises(CheckpointError, match="no replay"):
        other.set_state({}, {})


def encoder_for(replay: Replay) -> MlpEncoder:
    """Return a frozen encoder of two entries."""
    torch.manual_seed(0)
    encoder = MlpEncoder(VectorAdapter(make_policy_env(2, 1)).observation_space, (16,))
    encoder.update_statistics(torch.randn(50, 2) * 100)
    freeze(encoder)
    return encoder


def test_features_are_the_encoders_whenever_they_are_computed() -> None:
    """A block at a time as it is added, or all at once afterwards: the same bytes."""
    at_once, stepwise = filled(12, 7), Replay(12, 2, 1, 3, CPU)
    encoder = encoder_for(at_once)
    caches = [FeatureCache(replay, CPU) for replay in (at_once, stepwise)]
    for number in range(7):
        obs = np.repeat((100.0 * number + np.arange(3))[:, None], 2, axis=1).astype(np.float32)
        ended, over = {1: ((1,), ()), 2: ((2,), (2,))}.get(number, ((), ()))
        rows = stepwise.add(obs, np.full((3, 1), 0.01 * number, np.float32), step(number, 3, ended, over))
        caches[1].refresh(encoder, rows)
    caches[0].refresh(encoder)
    everything = torch.arange(12)
    for one, two in zip(caches[0].gather(everything), caches[1].gather(everything), strict=True):
        assert torch.equal(one, two)
    found = caches[0].gather(everything)
    with torch.no_grad():
        for features, raw in zip(found, (at_once.gather(everything)[:2]), strict=True):
            torch.testing.assert_close(features, encoder(raw), rtol=1e-5, atol=1e-6)


def test_features_know_when_the_encoder_was_written_to() -> None:
    replay = filled(12, 4)
    encoder, everything = encoder_for(replay), torch.arange(12)
    cache = FeatureCache(replay, CPU)
    cache.refresh(encoder)
    before = cache.gather(everything)[0].clone()
    cache.refresh(encoder)
    assert torch.equal(cache.gather(everything)[0], before)
    with torch.no_grad():
        encoder.layers[0].weight.mul_(2.0)
        encoder.layers[0].bias.add_(0.5)
    cache.refresh(encoder)
    changed = cache.gather(everything)[0].clone()
    assert not torch.allclose(changed, before)
    unfreeze(encoder)
    encoder.update_statistics(torch.randn((50, 2), generator=torch.Generator().manual_seed(1)))
    freeze(encoder)
    cache.refresh(encoder)
    assert not torch.allclose(cache.gather(everything)[0], changed)
    cache.forget()
    assert not cache.valid


def test_other_weights_loaded_into_a_frozen_encoder_are_noticed() -> None:
    settings = {"encoder": {"widths": [8]}, "policy_head": [8], "critic_head": [8], "learning_starts": 64}
    agent, other = (SAC(LinearWorld(8), {**settings, "buffer_size": 512}, seed=s, device="cpu") for s in (0, 1))
    agent.learn(8 * 16)
    parts.freeze_all_but(
        agent.policy, [unit for unit in parts.unit_names(agent.policy) if not unit.startswith("encoder")]
    )
    agent.experience.cache.refresh(agent.policy.encoder)
    parts.load(agent.policy, parts.tensors(other.policy))  # all parts: another agent in its place
    agent.experience.cache.refresh(agent.policy.encoder)
    rows = torch.arange(agent.replay.size)
    with torch.no_grad():
        expected = other.policy.encoder(agent.replay.gather(rows).obs)
    torch.testing.assert_close(agent.experience.cache.gather(rows)[0], expected, rtol=1e-5, atol=1e-6)
