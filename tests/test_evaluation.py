"""Evaluation: a simulation that breaks never pays."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from envs import Domain
from sim2real.evaluation import charge, evaluate


class Breaker:
    """Holds still, and breaks the simulation of the first world at its `at`-th step, counted from 0."""

    def __init__(self, act_dim: int, at: int | None) -> None:
        self.act_dim, self.at, self.step = act_dim, at, -1

    def make_actor(self, num_envs: int, /) -> "Breaker":
        return self

    def act(self, obs: np.ndarray, started: np.ndarray, /) -> np.ndarray:
        self.step += 1
        actions = np.zeros((len(obs), self.act_dim), np.float32)
        if self.step == self.at:
            actions[0] = np.nan
        return actions


def test_what_a_diverged_episode_counts_with() -> None:
    returns, lengths = np.array([6.0, -6.0, 0.0, -8.0]), np.array([3, 3, 1, 100])
    assert_allclose(charge(returns, lengths, 100), [6.0, -200.0, 0.0, -8.0])
    assert_allclose(charge(returns, lengths, None), returns)


@pytest.mark.parametrize(("env", "act_dim", "sign"), [("reacher", 2, -1), ("inverted_pendulum", 1, 1)])
def test_breaking_the_simulation_is_no_way_to_a_better_return(env: str, act_dim: int, sign: int) -> None:
    calm = evaluate(Breaker(act_dim, None), env, Domain(), episodes=4, seed=3)
    broken = evaluate(Breaker(act_dim, 2), env, Domain(), episodes=4, seed=3)
    assert (calm.faults, broken.faults) == (0, 1)
    assert broken.lengths[0] == 3
    assert calm.lengths[0] > 3
    np.testing.assert_array_equal(broken.returns[1:], calm.returns[1:])
    assert np.sign(broken.returns[0]) == sign
    if sign > 0:
        assert broken.returns[0] == 2.0  # a reward of 1 for each step that was sound
    else:
        assert broken.returns[0] < 0.5 * calm.returns[0]  # two of three steps were sound, so two thirds of all 50 count
