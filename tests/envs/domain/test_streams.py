"""Streams: what a world draws depends on seed, world and episode alone; draws are disjoint, fair and resumable."""

import numpy as np
import pytest
from scipy import stats

from envs.domain.streams import CHANNELS, EpisodeStreams, StepNoise


def ids(*worlds: int) -> np.ndarray:
    return np.array(worlds, np.intp)


def test_draws_do_not_depend_on_the_company() -> None:
    alone, crowd = EpisodeStreams(3, 8), EpisodeStreams(3, 100)
    for _ in range(3):
        few, many = alone.next_episode(ids(5, 2)), crowd.next_episode(np.arange(100))
        for draw in ("random", "standard_normal", "random"):
            np.testing.assert_array_equal(getattr(few, draw)(7), getattr(many, draw)(7)[[5, 2]])


def test_draws_do_not_depend_on_the_order_of_restarts() -> None:
    one, other = EpisodeStreams(3, 2), EpisodeStreams(3, 2)
    a = [one.next_episode(ids(w)).standard_normal(4)[0] for w in (0, 0, 1, 0)]
    b = [other.next_episode(ids(w)).standard_normal(4)[0] for w in (1, 0, 0, 0)]
    np.testing.assert_array_equal(np.stack(a), np.stack([b[1], b[2], b[0], b[3]]))
    np.testing.assert_array_equal(one.episode, [2, 0])


def test_draws_do_not_depend_on_the_number_of_parameters() -> None:
    plain = EpisodeStreams(3, 4).next_episode(np.arange(4))
    rich = EpisodeStreams(3, 4).next_episode(np.arange(4), 30)
    assert plain.parameters.shape == (4, 0)
    assert rich.parameters.shape == (4, 30)
    for dim in (5, 40, 40, 200):
        np.testing.assert_array_equal(plain.random(dim), rich.random(dim))
    np.testing.assert_array_equal(plain.standard_normal(9), rich.standard_normal(9))


def test_no_number_comes_twice() -> None:
    streams = EpisodeStreams(0, 16)
    rows = []
    for _ in range(10):
        draws = streams.next_episode(np.arange(16), 5)
        rows += [draws.parameters, draws.random(6), draws.random(60), draws.random(70), draws.random(1)]
    rows.append(EpisodeStreams(1, 16).next_episode(np.arange(16)).random(20))
    numbers = np.concatenate([row.ravel() for row in rows])
    assert len(np.unique(numbers)) == len(numbers)


def test_step_noise_does_not_depend_on_the_company() -> None:
    few, many = StepNoise(3, "action_noise"), StepNoise(3, "action_noise")
    for _ in range(5):
        np.testing.assert_array_equal(few.standard_normal(2, 3), many.standard_normal(1000, 3)[:2])


def test_step_noise_never_comes_twice() -> None:
    """Neither in another step, nor in another channel, nor in another world."""
    noises = [StepNoise(3, channel) for channel in CHANNELS]
    drawn = np.stack([[noise.standard_normal(100, 7) for _ in range(20)] for noise in noises])
    assert len(np.unique(drawn)) == drawn.size
    between = np.corrcoef(drawn.reshape(len(CHANNELS) * 20, -1)) - np.eye(len(CHANNELS) * 20)
    assert np.abs(between).max() < 4.5 / np.sqrt(700)


def test_step_noise_restarts_from_another_seed() -> None:
    noise = StepNoise(3, "action_noise")
    noise.standard_normal(2, 3)
    noise.restart(4)
    np.testing.assert_array_equal(noise.standard_normal(2, 3), StepNoise(4, "action_noise").standard_normal(2, 3))


@pytest.mark.parametrize("channel", CHANNELS)
def test_step_noise_is_disjoint_from_episodes(channel: str) -> None:
    """The same key, but another part of the counter: no raw block is shared."""
    streams, noise = EpisodeStreams(5, 3), StepNoise(5, channel)
    steps = set(noise.standard_normal(500, 8).ravel().tolist())
    for _ in range(20):
        drawn = streams.next_episode(np.arange(3)).standard_normal(40)
        assert not steps & set(drawn.ravel().tolist())
        for world in range(3):
            assert not steps & set(streams.generator(world, 0).standard_normal(40).tolist())


def test_uniform_numbers_are_uniform() -> None:
    draws = EpisodeStreams(1, 500).next_episode(np.arange(500), 20)
    for numbers in (draws.parameters, draws.random(20), draws.uniform(0.0, 1.0, 20)):
        assert numbers.min() >= 0
        assert numbers.max() < 1
        assert stats.kstest(numbers.ravel(), "uniform").pvalue > 1e-3
        correlation = np.corrcoef(numbers.T) - np.eye(20)
        assert np.abs(correlation).max() < 4.5 / np.sqrt(500)  # columns
        correlation = np.corrcoef(numbers[:50]) - np.eye(50)
        assert np.abs(correlation).max() < 4.8 / np.sqrt(20)  # worlds
    between = draws.uniform(-2.0, 5.0, 20)
    assert -2 <= between.min() < -1.9
    assert 4.9 < between.max() < 5


def test_normal_numbers_are_normal() -> None:
    episodes = EpisodeStreams(1, 500).next_episode(np.arange(500)).standard_normal(20)
    steps = StepNoise(1, "observation_noise").standard_normal(500, 20)
    for numbers in (episodes, steps):
        assert stats.kstest(numbers.ravel(), "norm").pvalue > 1e-3
        assert np.abs(np.corrcoef(numbers.T) - np.eye(20)).max() < 4.5 / np.sqrt(500)


@pytest.mark.parametrize("num_drawn", [0, 1, 5])
def test_step_noise_continues_from_its_state(num_drawn: int) -> None:
    noise = StepNoise(2, "action_noise")
    for _ in range(num_drawn):
        noise.standard_normal(11, 3)
    state = noise.get_state()
    expected = [noise.standard_normal(4, 5) for _ in range(3)]
    other = StepNoise(99, "action_noise")
    other.standard_normal(7, 7)
    other.set_state(state)
    np.testing.assert_array_equal([other.standard_normal(4, 5) for _ in range(3)], expected)
    noise.set_state(state)  # and drawing has not changed the state that was returned
    np.testing.assert_array_equal(noise.standard_normal(4, 5), expected[0])


def test_episode_streams_continue_from_key_and_episode() -> None:
    streams, other = EpisodeStreams(2, 3), EpisodeStreams(3, 3)
    streams.next_episode(np.arange(3))
    streams.next_episode(ids(1))
    other.key[:], other.episode[:] = streams.key, streams.episode
    np.testing.assert_array_equal(
        streams.next_episode(ids(0, 1)).standard_normal(6), other.next_episode(ids(0, 1)).standard_normal(6)
    )


def test_seeds_differ_and_are_reproducible() -> None:
    def first(seed: int) -> list[float]:
        return EpisodeStreams(seed, 2).next_episode(np.arange(2)).random(3).ravel().tolist()

    drawn = [first(seed) for seed in range(50)]
    assert first(17) == drawn[17]
    assert len({number for row in drawn for number in row}) == 300
