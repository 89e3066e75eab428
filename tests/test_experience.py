"""Experience: what was measured elsewhere is what the records say, and speaks only where it can."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from sim2real.advise import EXPERIENCE, SIGNALS
from sim2real.advise.candidates import candidates
from sim2real.advise.experience import CellOf, compute_shares, measure_experience, recall
from sim2real.advise.ranking import rank
from sim2real.advise.signals import Reading
from sim2real.advise.worth import outcomes_of
from sim2real.config import RunConfig, validate
from sim2real.results_file import load_results

FILES = sorted((Path(__file__).parent.parent / "benchmarks" / "methods").glob("*.json"))
LOST = {name: Reading(0.3 if name == "return_lost" else 0.0) for name in SIGNALS}
METHODS = list(EXPERIENCE["hopper"])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_experience_is_what_the_records_say(file: Path) -> None:
    results = load_results(file)
    config = validate(RunConfig, results.settings["runs"][file.stem], str(file))
    assert isinstance(config, RunConfig)
    seeds = {record.seed for record in results.records}
    outcomes = outcomes_of(results.records, {(file.stem, seed): config for seed in seeds})
    measured = measure_experience(outcomes)
    assert set(measured) == {file.stem}
    assert measured[file.stem] == pytest.approx(EXPERIENCE[file.stem], abs=6e-4)
    assert set(EXPERIENCE[file.stem]) <= set(candidates(config))


def test_every_environment_of_experience_has_its_records() -> None:
    assert [file.stem for file in FILES] == sorted(EXPERIENCE)


def test_shares_run_from_the_worst_to_the_best_in_every_cell() -> None:
    assert compute_shares({"a": -10.0, "b": 0.0, "c": 30.0}) == {"a": 0.0, "b": 0.25, "c": 1.0}
    outcomes = {
        CellOf("x", "heavy", 0): {"a": -10.0, "b": 0.0, "c": 30.0},
        CellOf("x", "worn", 0): {"a": 5.0, "b": 1.0, "c": 3.0},
        CellOf("x", "same", 0): {"a": 1.0, "b": 1.0, "c": 1.0},  # says nothing
        CellOf("y", "heavy", 0): {"a": 1.0, "b": 2.0},
    }
    assert measure_experience(outcomes) == {"x": {"a": 0.5, "b": 0.125, "c": 0.75}, "y": {"a": 0.0, "b": 1.0}}


def test_experience_counts_from_the_policy_as_it_is_and_leaves_out_what_it_must() -> None:
    found = recall("ppo", METHODS, LOST)
    assert found is not None
    assert found.points["zero_shot"] == 0.0
    for name in METHODS:
        mean = np.mean([EXPERIENCE[env][name] - EXPERIENCE[env]["zero_shot"] for env in EXPERIENCE])
        assert found.points[name] == pytest.approx(50.0 * mean)
    assert found.points["fine_tune"] > 0.0 > found.points["scratch"]
    elsewhere = recall("ppo", METHODS, LOST, without="hopper")
    assert elsewhere is not None
    assert "hopper" not in elsewhere.envs
    assert elsewhere.shares != found.shares
    assert "fine_tune went" in found.explain("fine_tune")


@pytest.mark.parametrize("lost", [math.nan, -0.2, 0.0, 0.09])
def test_experience_is_silent_where_little_is_lost(lost: float) -> None:
    assert recall("ppo", METHODS, {**LOST, "return_lost": Reading(lost)}) is None


def test_experience_is_silent_about_other_learners_and_where_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    assert recall("sac", METHODS, LOST) is None
    monkeypatch.setattr("sim2real.advise.experience.EXPERIENCE", {"hopper": EXPERIENCE["hopper"]})
    assert recall("ppo", METHODS, LOST, without="hopper") is None


def test_a_method_that_was_never_measured_counts_as_the_mean_of_those_that_were() -> None:
    found = recall("ppo", ["scratch", "mine", "fine_tune"], LOST)
    assert found is not None
    known = [found.shares[name] for name in ("scratch", "fine_tune", "zero_shot")]  # the last is always there
    assert found.shares["mine"] == pytest.approx(np.mean(known))


def test_experience_decides_between_methods_that_signals_cannot_tell_apart() -> None:
    traits = dict.fromkeys(["residual", "low_rank", "zero_shot"], ())
    found = recall("ppo", traits, LOST)
    assert found is not None
    ranked = rank(traits, LOST, found)
    assert [row.method for row in ranked] == sorted(traits, key=lambda name: -found.shares[name])
    assert [row.method for row in rank(traits, LOST)] == list(traits)
    assert ranked[0].pros == ("experience",)
    assert ranked[-1] == ("zero_shot", 0.0, (), ())
