"""Evaluation: breaking the simulation is no way to a better return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from rich.console import Console
from small_runs import silent, small_config, write_config

from envs import Domain, DomainVectorEnv
from sim2real.api import EvaluationResult
from sim2real.cli.show import evaluation_table
from sim2real.config.config import load_config
from sim2real.errors import UserError
from sim2real.runs import evaluation
from sim2real.runs.evaluation import EvaluationWorlds, evaluate, settle_faults
from sim2real.runs.pretraining import pretrain
from sim2real.runs.run import RunDirectory
from sim2real.stats import Interval
from sim2real.transfer.transfer import Transfer, transfer


class Breaker:
    """Holds still, and breaks the simulation of some worlds at the `at`-th step, counted from 0."""

    def __init__(self, act_dim: int, at: int | None = None, worlds: Sequence[int] = (0,)) -> None:
        self.act_dim, self.at, self.worlds, self.step = act_dim, at, list(worlds), -1

    def make_actor(self, num_envs: int, /) -> Breaker:
        self.step = -1
        return self

    def act(self, obs: np.ndarray, started: np.ndarray, /) -> np.ndarray:
        self.step += 1
        actions = np.zeros((len(obs), self.act_dim), np.float32)
        if self.step == self.at:
            actions[self.worlds] = np.nan
        return actions


def settle(returns: list[float], lengths: list[int], faulty: list[bool], limit: int | None = 100) -> list[float]:
    counted: list[float] = settle_faults(np.array(returns), np.array(lengths), np.array(faulty), limit).tolist()
    return counted


def test_a_diverged_episode_counts_with_the_lowest_there_is() -> None:
    assert settle([6.0, 9.0, 30.0], [4, 3, 100], [True, False, False]) == [6.0, 9.0, 30.0]  # its own is the lowest
    assert settle([6.0, 4.0, 30.0], [4, 3, 100], [True, False, False]) == [4.0, 4.0, 30.0]
    assert settle([-6.0, -40.0], [4, 100], [True, False]) == [-200.0, -40.0]  # three steps at a cost of 2
    assert settle([-6.0, -400.0], [4, 100], [True, False]) == [-400.0, -400.0]
    assert settle([0.0, -6.0], [1, 4], [True, True]) == [-200.0, -200.0]  # the first had no sound step
    assert settle([-6.0, -4.0], [4, 100], [True, False], None) == [-6.0, -4.0]
    assert settle([1.0, 2.0], [5, 5], [False, False]) == [1.0, 2.0]


def test_where_nothing_was_measured_nothing_is_said() -> None:
    with pytest.raises(UserError, match="all 2 episodes diverged in their first step"):
        settle([0.0, 0.0], [1, 1], [True, True])


@pytest.mark.parametrize(("env", "act_dim"), [("reacher", 2), ("pusher", 7), ("inverted_pendulum", 1)])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_breaking_the_simulation_is_no_way_to_a_better_return(env: str, act_dim: int, at: int) -> None:
    calm = evaluate(Breaker(act_dim), env, Domain(), episodes=3, seed=3)
    broken = evaluate(Breaker(act_dim, at), env, Domain(), episodes=3, seed=3)
    assert (calm.faults, broken.faults) == (0, 1)
    assert broken.lengths[0] == at + 1 < calm.lengths[0]
    assert_array_equal(broken.returns[1:], calm.returns[1:])
    assert broken.returns[0] <= calm.returns[1:].min()
    if at > 0:  # the pusher's costs grow by a few thousandths after the steps that are seen
        assert broken.returns[0] <= calm.returns[0] + 1e-3 * abs(calm.returns[0])


def test_diverged_episodes_of_one_batch_are_held_against_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "LARGEST_BATCH", 2)
    found = evaluate(Breaker(2, 0, [0]), "reacher", Domain(), episodes=5, seed=3)  # the first of every batch
    sound = found.returns[[1, 3]]
    assert found.faults == 3
    assert_array_equal(found.returns[[0, 2, 4]], np.full(3, sound.min()))


def test_reward_terms_sum_to_the_return() -> None:
    result = evaluate(Breaker(6), "half_cheetah", Domain(), episodes=3, seed=0)
    assert list(result.terms) == ["reward_forward", "reward_ctrl"]
    np.testing.assert_allclose(sum(result.terms.values()), result.returns, rtol=1e-12)


def test_the_table_tells_of_diverged_episodes() -> None:
    console = Console(width=100)
    for at, told in ((None, False), (1, True)):
        result = evaluate(Breaker(2, at), "reacher", Domain(), episodes=2, seed=0)
        with console.capture() as capture:
            found = EvaluationResult(Path("run"), None, {}, 0, result, Interval(0.0, -1.0, 1.0, 2))
            console.print(evaluation_table("run", [found]))
        assert ("the simulation diverged in 1 of 2 episodes" in capture.get()) == told
        own = replace(found, episodes=replace(result, not_finite={"reward_track": 1}))
        with console.capture() as capture:
            console.print(evaluation_table("run", [own]))
        assert "simulation diverged" not in capture.get()
        assert "ended these episodes: reward_track (1)" in " ".join(capture.get().split())


def test_a_task_whose_numbers_are_never_finite_is_named() -> None:
    with pytest.raises(UserError, match=r"nothing was measured \(the environment's own code .*: reward_track \(2\)\)"):
        settle_faults(np.zeros(2), np.ones(2, np.int64), np.ones(2, np.bool_), 10, {"reward_track": 2})


def test_worlds_that_are_kept_give_every_time_what_new_ones_give() -> None:
    mass, noise = {"scale": {"choice": [1, 2]}}, {"set": 0.1}
    domain = Domain.parse({"parameters": {"observation_noise": noise, "body_mass": mass}})
    kept = EvaluationWorlds("hopper", domain, episodes=5, seed=4)
    for at in (None, 3, None):
        new = evaluate(Breaker(3, at), "hopper", domain, episodes=5, seed=4)
        again = kept.evaluate(Breaker(3, at))
        assert_array_equal(again.returns, new.returns)
        assert_array_equal(again.observations, new.observations)
    kept.close()


def test_reading_a_configuration_builds_no_worlds_and_a_transfer_three(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are trained in, and those of the evaluations on target and source."""
    config = small_config()
    source = pretrain(config, tmp_path / "source", resume=False, num_threads=1, report=silent)
    built: list[int] = []
    build = DomainVectorEnv.__init__

    def count(self: DomainVectorEnv, *arguments: Any, **keywords: Any) -> None:
        built.append(keywords["num_envs"])
        build(self, *arguments, **keywords)

    monkeypatch.setattr(DomainVectorEnv, "__init__", count)
    config = load_config(write_config(tmp_path))
    assert built == []
    job = Transfer(config, RunDirectory.open(source.path), "heavy", "frozen_encoder")
    transfer(job, tmp_path / "run", resume=False, num_threads=1, report=silent, show_plan=lambda rows: None)
    budget = config.budget
    assert built == [config.transfer.num_envs, budget.eval_episodes, budget.eval_episodes]
