"""Running statistics: exact, identity before the first batch, fixed when frozen, in float64 on any device."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common.running_mean_std import RunningMeanStd

from agents import AgentsError, FrozenError, ReturnScale, RunningNormalizer, freeze, unfreeze
from agents.networks.value_scale import compute_return_traces


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.floats(-1e6, 1e6))
def test_batches_give_the_moments_of_all_samples(sizes: list[int], offset: float) -> None:
    rng = np.random.default_rng(0)
    batches = [rng.standard_normal((size, 3)) * 5.0 + offset for size in sizes]
    normalizer = RunningNormalizer(3)
    for batch in batches:
        normalizer.update(torch.from_numpy(batch))
    everything = np.concatenate(batches)
    assert normalizer.seen == len(everything)
    np.testing.assert_allclose(normalizer.mean.numpy(), everything.mean(axis=0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(normalizer.var.numpy(), everything.var(axis=0), rtol=1e-6, atol=1e-9)


def test_identity_before_the_first_update() -> None:
    x = torch.tensor([[-300.0, 0.1, 300.0]])
    assert torch.equal(RunningNormalizer(3)(x), x)


def test_formula_and_clip() -> None:
    normalizer = RunningNormalizer(1)
    normalizer.update(torch.tensor([[1.0], [5.0]]))  # mean 3, population variance 4
    out = normalizer(torch.tensor([[7.0], [-1000.0]], dtype=torch.float64))
    assert out.dtype == torch.float32
    assert out.flatten().tolist() == [2.0, -10.0]


def test_constant_entry_gives_zero() -> None:
    normalizer = RunningNormalizer(1)
    normalizer.update(torch.full((8, 1), 7.0))
    assert normalizer(torch.full((2, 1), 7.0)).tolist() == [[0.0], [0.0]]


def test_z_score_of_seen_and_of_shifted_observations() -> None:
    generator = torch.Generator().manual_seed(0)
    normalizer = RunningNormalizer(2)
    normalizer.update(torch.randn((100_000, 2), generator=generator) * 3.0 + 1.0)
    seen = torch.randn((100_000, 2), generator=generator) * 3.0 + 1.0
    np.testing.assert_allclose(normalizer.z_score(seen), np.sqrt(2.0 / np.pi), atol=0.01)
    np.testing.assert_allclose(normalizer.z_score(torch.full((4, 2), 1.0 + 300.0)), 100.0, rtol=0.01)


def test_frozen_statistics_do_not_move() -> None:
    normalizer = RunningNormalizer(2)
    normalizer.update(torch.ones(3, 2))
    freeze(normalizer)
    with pytest.raises(FrozenError, match="RunningNormalizer is frozen"):
        normalizer.update(torch.zeros(3, 2))
    assert normalizer.mean.tolist() == [1.0, 1.0]
    unfreeze(normalizer)
    normalizer.update(torch.zeros(3, 2))
    assert normalizer.mean.tolist() == [0.5, 0.5]


def test_bad_batches_are_refused_before_they_do_harm() -> None:
    normalizer = RunningNormalizer(2)
    with pytest.raises(AgentsError, match=r"non-finite values in entries \[1\]"):
        normalizer.update(torch.tensor([[0.0, float("nan")], [1.0, 2.0]]))
    with pytest.raises(AgentsError, match=r"over 2 entries got a batch of shape \(4, 3\)"):
        normalizer.update(torch.zeros(4, 3))
    assert normalizer.seen == 0.0


def test_statistics_stay_float64_when_the_network_is_cast() -> None:
    normalizer = RunningNormalizer(2).half()
    assert {buffer.dtype for buffer in normalizer.buffers()} == {torch.float64}
    assert set(normalizer.state_dict()) == {"mean", "var", "count"}


def test_return_traces_by_hand() -> None:
    rewards = np.array([[1.0, 2.0], [1.0, 0.0], [1.0, 4.0]])
    dones = np.array([[False, False], [True, False], [False, False]])
    traces, left = compute_return_traces(rewards, dones, np.array([10.0, 0.0]), gamma=0.5)
    np.testing.assert_array_equal(traces, [[6.0, 2.0], [4.0, 1.0], [1.0, 4.5]])
    np.testing.assert_array_equal(left, [1.0, 4.5])
    _, ended = compute_return_traces(rewards[:2], dones[:2], np.zeros(2), gamma=0.5)
    assert ended[0] == 0.0


def test_return_scale_agrees_with_vec_normalize() -> None:
    rng = np.random.default_rng(1)
    scale, reference = ReturnScale(), RunningMeanStd(shape=())
    for _ in range(50):
        traces = rng.standard_normal((16, 8)) * 4.0 + 2.0
        scale.update(traces)
        reference.update(traces.reshape(-1))
    assert scale.std == pytest.approx(float(np.sqrt(reference.var)), rel=1e-5)
    np.testing.assert_allclose(scale.scale(np.array([4.0, -1e9])), [4.0 / scale.std, -10.0])


def test_a_constant_return_has_no_scale() -> None:
    scale = ReturnScale()
    assert scale.std == 1.0
    scale.update(np.ones((5, 3)))
    assert scale.std == 1.0
    freeze(scale)
    with pytest.raises(FrozenError, match="ReturnScale is frozen"):
        scale.update(np.ones(3))
