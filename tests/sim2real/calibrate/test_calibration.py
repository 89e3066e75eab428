"""Calibration: known curves are solved, and what cannot be solved is said."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from drop_curves import DROPS, Curve, balancer, sides

from envs import SHIFTS, make_vec
from sim2real.calibrate.calibration import Calibration, Sides, calibrate, check_drops
from sim2real.calibrate.severity_search import TOLERANCE, DropCurve, search
from sim2real.config.severities import level_names
from sim2real.errors import UserError


def solve(shift: str, drop: Curve, drops: list[float] = DROPS, fresh: Curve | None = None) -> Calibration:
    rng = np.random.default_rng(0)
    return calibrate(shift, drops, sides(drop, noise=5), lambda: sides(fresh or drop, seed=1, noise=5), rng)


@pytest.mark.parametrize("steepness", [0.05, 1.0, 30.0])
def test_a_growing_curve_is_solved_to_tolerance(steepness: float) -> None:
    result = solve("heavy", lambda s: 1 - np.exp(-steepness * s))
    assert [level.name for level in result.levels] == ["mild", "moderate", "severe"]
    for level, wanted in zip(result.levels, DROPS, strict=True):
        assert level.severity is not None
        assert level.drop is not None
        assert abs(level.searched - wanted) <= TOLERANCE
        assert 1 - np.exp(-steepness * level.severity) == pytest.approx(wanted, abs=TOLERANCE)
        assert level.drop.low <= level.drop.point <= level.drop.high
        assert level.drop.point == pytest.approx(level.searched, abs=1e-3)
        assert level.mean_return == pytest.approx(1000 - 900 * level.searched, abs=1.0)
    assert result.policy_return == pytest.approx(1000, abs=1)
    assert result.random_return == 100


def test_returns_below_zero_have_drops_too() -> None:
    own, chance = -5.0, -50.0
    policy = Sides(lambda s: np.full(30, own - 30 * s), np.full(30, chance))
    result = calibrate("heavy", [0.5], policy, lambda: policy, np.random.default_rng(0))
    assert result.found[0].severity == pytest.approx(0.75, abs=0.02)
    assert result.found[0].name == "drop_0.5"


def test_steps_of_delay_are_searched_as_integers() -> None:
    calls: list[float] = []
    curve = DropCurve(sides(lambda s: min(s / 20, 1.0), calls=calls).policy, np.full(400, 100.0))
    found = search(curve, SHIFTS["laggy"], [0.04, 0.26, 0.9])
    assert [f.severity for f in found] == [1, 5, 18]
    assert [f.drop for f in found] == pytest.approx([0.05, 0.25, 0.9])
    assert all(call == int(call) for call in calls)
    assert len(calls) == len(set(calls))  # every severity is measured once
    assert len(calls) <= 18


def test_a_jump_gives_the_nearest_side_and_says_what_it_costs() -> None:
    result = solve("heavy", lambda s: 0.0 if s == 0 else 0.1 if s < 0.3 else 0.9)
    mild, moderate, severe = result.levels
    assert (mild.searched, moderate.searched, severe.searched) == pytest.approx((0.1, 0.1, 0.9), abs=1e-3)
    assert mild.severity is not None
    assert severe.severity is not None
    assert mild.severity < 0.3 <= severe.severity <= 0.301
    assert mild.remark == ""
    assert moderate.remark == severe.remark == "nothing nearer: 0.10 at 0.2999, 0.90 at 0.3"
    assert severe.severity == float(f"{severe.severity:.4g}")  # no more digits than a person would write


def test_a_drop_out_of_reach_is_absent_with_its_reason() -> None:
    result = solve("weak", lambda s: 0.6 * s)
    assert [level.name for level in result.found] == ["mild", "moderate"]
    assert result.levels[2].remark == "no severity up to 0.99 costs it; 0.59 at 0.99"
    assert solve("slippery", lambda s: -s).found == []


def test_a_curve_that_turns_back_is_refused() -> None:
    result = solve("weak", lambda s: 0.2 if 0.3 < s < 0.8 else 0.0)
    assert [level.severity for level in result.levels] == [None] * 3
    assert "does not grow with the severity: 0.20 at 0.3001, 0.00 at 0.99" in result.levels[0].remark
    assert "no severity up to 0.99 costs it; 0.20 at" in result.levels[1].remark


def test_the_drop_reported_is_that_of_fresh_episodes() -> None:
    result = solve("heavy", lambda s: min(s, 1.0), fresh=lambda s: min(1.2 * s, 1.0))
    for level in result.levels:
        assert level.drop is not None
        assert level.drop.point == pytest.approx(1.2 * level.searched, abs=1e-3)


def test_the_interval_is_that_of_a_ratio_of_means() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for trial in range(60):
        draws = np.random.default_rng(trial)
        policy = {s: 1000 - 300 * s + 100 * draws.standard_normal(50) for s in (0.0, 1.0)}
        one = Sides(lambda s, p=policy: p[float(s > 0)], 100 * draws.standard_normal(50))
        level = calibrate("heavy", [0.2], one, lambda one=one: one, rng).levels[0]
        covered += level.drop is not None and level.drop.low <= 0.3 <= level.drop.high
    assert covered >= 51  # 57 expected; fewer than 51 once in two hundred


def test_a_policy_with_nothing_to_lose_is_refused() -> None:
    worse = Sides(lambda s: np.full(30, 50.0), np.full(30, 100.0))
    with pytest.raises(UserError, match=r"return 50\.0 is not above the 100\.0 of random actions"):
        calibrate("heavy", DROPS, worse, lambda: worse, np.random.default_rng(0))


@pytest.mark.parametrize("drops", [[], [0.0], [1.0], [0.4, 0.4], [-0.1, 0.5]])
def test_drops_are_shares_of_the_return(drops: list[float]) -> None:
    with pytest.raises(UserError, match="drops: "):
        check_drops(drops)


def test_drops_come_in_order_and_name_their_levels() -> None:
    assert check_drops([0.7, 0.15, 0.4]) == DROPS
    assert level_names(DROPS) == ["mild", "moderate", "severe"]
    assert level_names([0.15, 0.5]) == ["mild", "drop_0.5"]
    assert level_names([0.01, 0.02, 0.03]) == ["drop_0.01", "drop_0.02", "drop_0.03"]


def test_a_real_controller_is_measured_on_the_same_episodes() -> None:
    run, told = balancer("laggy"), []
    one = run.sides(12, 0, lambda severity, mean: told.append((severity, mean)))
    assert one.policy(0.0).tolist() == [1000.0] * 12  # balances to the end of every episode
    assert 3 < one.random.mean() < 30
    assert one.policy(4.0).tolist() == run.sides(12, 0).policy(4.0).tolist()
    assert one.random.tolist() == run.sides(12, 0).random.tolist()
    assert [severity for severity, _ in told] == [0.0, 4.0]
    result = calibrate("laggy", DROPS, one, lambda: run.sides(12, 1), np.random.default_rng(0))
    assert result.found
    assert all(level.severity == int(level.severity or 0) for level in result.found)
    assert max(drop for _, drop in result.curve) > 0.9


@pytest.mark.parametrize("shift", [name for name, row in SHIFTS.items() if row.resolution])
def test_severities_of_builds_are_searched_where_they_make_another_robot(shift: str) -> None:
    row = SHIFTS[shift]
    calls: list[float] = []

    def drop(severity: float) -> float:
        calls.append(severity)
        return float(np.clip(400 * (severity - 0.02), 0, 1))  # all of it between one hundredth and the next

    found = solve(shift, drop)
    assert all(level.severity is None or level.severity in calls for level in found.levels)
    tried = sorted({severity for severity in calls if severity > 0})
    assert min(tried) >= row.resolution
    env = next(iter(row.parameters)) if isinstance(row.parameters, Mapping) else "hopper"
    for severity in tried:
        make_vec(env, num_envs=1, num_threads=1, domain=row.domain(severity, env)).close()  # none is refused
