"""Advice builds no rule on what its 95 % interval does not support, and says the interval."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim2real.advise import RULES, SIGNALS
from sim2real.advise.blocks import compare, number_blocks
from sim2real.advise.rules import Rule
from sim2real.advise.signals import Reading

RULE = {rule.name: rule for rule in RULES}


def readings(**changed: Reading) -> dict[str, Reading]:
    return {**{name: Reading(0.0, "", 0.0, 0.0) for name in SIGNALS}, **changed}


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.signal is not None], ids=lambda rule: rule.name)
def test_a_rule_needs_its_whole_interval(rule: Rule) -> None:
    assert rule.signal is not None
    least = rule.least
    sure, unsure, unknown = (
        readings(**{rule.signal: Reading(least + 0.3, "x", low, least + 0.6)})
        for low in (least + 0.01, least - 0.01, math.nan)
    )
    assert (rule.holds(sure), rule.is_open(sure)) == (True, False)
    assert (rule.holds(unsure), rule.is_open(unsure)) == (False, True)
    assert (rule.holds(unknown), rule.is_open(unknown)) == (False, True)


def test_half_a_return_lost_in_five_episodes_is_no_loss_and_is_said_with_its_interval() -> None:
    wide = readings(return_lost=Reading(0.53, "", -0.03, 1.08))
    assert not any(RULE[name].holds(wide) for name in ("return", "failure", "collapse"))
    assert RULE["return"].explain(wide) == "the policy loses 53% [-3%, 108%] of its return: there is something to gain"
    known = readings(return_lost=Reading(0.53, "", 0.2, 0.9))
    assert [name for name in ("return", "failure", "collapse") if RULE[name].holds(known)] == ["return"]


def test_blocks_are_stretches_of_single_worlds_and_ten_where_steps_allow() -> None:
    for num_steps, num_envs, num in ((1000, 1, 10), (500, 2, 10), (300, 16, 16), (4, 1, 2), (100, 3, 12)):
        ids = number_blocks(num_steps, num_envs)
        assert len(np.unique(ids)) == num
        assert all(np.all(np.diff(ids[:, world]) >= 0) for world in range(num_envs))
        assert len({frozenset(ids[:, world]) for world in range(num_envs)}) == num_envs


def test_intervals_of_block_means_cover_what_they_should() -> None:
    rng, hits, num = np.random.default_rng(0), 0, 600
    ids = number_blocks(400, 2)
    for _ in range(num):
        noise = rng.standard_normal((2, 400, 2))
        for step in range(1, 400):  # each step remembers a half of the one before
            noise[:, step] += 0.5 * noise[:, step - 1]
        rows = [(side.reshape(-1, 1), ids.ravel()) for side in noise]
        (pair,) = compare(lambda values: values.mean(axis=0), *rows)
        assert pair.low <= pair.rise <= pair.high
        hits += pair.low <= 0.0 <= pair.high
    assert hits / num == pytest.approx(0.95, abs=0.03)
    narrow = compare(lambda values: values.mean(axis=0), *rows)[0]
    wide = compare(lambda values: values.mean(axis=0), *rows, num_tests=20)[0]
    assert wide.high - wide.low > narrow.high - narrow.low


def test_a_side_without_a_sound_step_supports_nothing() -> None:
    rows, ids = np.ones((10, 1)), np.arange(10) // 2
    nothing = (np.ones((0, 1)), np.zeros(0, np.intp))
    (pair,) = compare(lambda v: v.mean(axis=0) if len(v) else np.full(1, np.nan), (rows, ids), nothing)
    assert not Reading(1.0, "", pair.low, pair.high).reaches(0.5)
