"""Calibration: known curves are solved, what cannot be solved is said, and configurations find the result."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from small_runs import CONTENT, small_config, small_content, write_config

from envs import SHIFTS
from sim2real import cli
from sim2real.calibration import Calibration, Sides, calibrate, check_drops
from sim2real.config import RunConfig, load_config, validate
from sim2real.errors import UserError
from sim2real.policy_run import PolicyRun
from sim2real.several_numbers import repeat_options
from sim2real.severities import level_names
from sim2real.severity_search import TOLERANCE, DropCurve, search

DROPS = [0.15, 0.4, 0.7]
Curve = Callable[[float], float]


def sides(drop: Curve, *, seed: int = 0, noise: float = 0.0, calls: list[float] | None = None) -> Sides:
    """Return a policy that loses drop(severity) of the 900 between its own 1000 and the random 100."""

    def policy(severity: float) -> np.ndarray:
        if calls is not None:
            calls.append(severity)
        own = np.random.default_rng(seed).standard_normal(400)  # an episode is the same at every severity
        return 1000.0 - 900.0 * drop(severity) + noise * own

    return Sides(policy, np.full(400, 100.0))


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
    assert level_names([0.15, 0.5]) == ["drop_0.15", "drop_0.5"]


def test_several_numbers_may_follow_one_option() -> None:
    line = ["hopper", "--drops", "0.15", "0.4", "0.7", "--out", "f", "--seed", "3", "x"]
    assert repeat_options(line) == [
        *("hopper", "--drops", "0.15", "--drops", "0.4", "--drops", "0.7"),
        *("--out", "f", "--seed", "3", "x"),
    ]
    assert repeat_options(["--drops", "0.1", "--drops", "0.2"]) == ["--drops", "0.1", "--drops", "0.2"]
    assert repeat_options(["--drops", "much", "0.2"]) == ["--drops", "much", "0.2"]


class Balancer:
    """A linear controller of the inverted pendulum."""

    def predict(self, observation: Any, /, *, deterministic: bool) -> tuple[np.ndarray, None]:
        return np.clip(observation @ np.array([1.0, 20.0, 1.5, 3.0]), -3, 3)[:, None].astype(np.float32), None


def balancer(shift: str) -> PolicyRun:
    config = small_config(env="inverted_pendulum", targets={}, source={})
    return PolicyRun("balancer", "0" * 64, config, shift, Balancer(), num_threads=1)


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


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["sim2real", "calibrate", *map(str, arguments)])
    monkeypatch.setattr(cli.console, "_width", 200)
    code = 0
    try:
        cli.main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def fake_run(monkeypatch: pytest.MonkeyPatch, drop: Curve, shift: str = "heavy") -> None:
    """Let the command meet a policy whose curve is known."""

    def measured(self: PolicyRun, episodes: int, seed: int, report: Any = None) -> Sides:
        return sides(drop, seed=seed % 1000, noise=5)

    run = PolicyRun("source", "d" * 64, small_config(), shift, Balancer())
    monkeypatch.setattr(PolicyRun, "sides", measured)
    monkeypatch.setattr(PolicyRun, "open", classmethod(lambda cls, *a, **k: run))


def test_the_command_writes_a_file_that_a_configuration_can_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_run(monkeypatch, lambda s: min(s / 2, 1.0))
    out = tmp_path / "calibrations" / "heavy.yaml"
    line = ("cartpole_swingup", "--shift", "heavy", "--policy", "run", "--drops", 0.15, 0.4, 0.7, "--out", out)
    code, printed = call(capsys, monkeypatch, *line)
    assert code == 0, printed
    for words in ("mild", "moderate", "severe", "95 % interval", "random actions"):
        assert words in printed
    content = yaml.safe_load(out.read_text())
    assert content["env"] == "cartpole_swingup"
    assert content["shift"] == "heavy"
    assert content["policy"] == {"run": "source", "checkpoint": "d" * 64}
    assert content["absent"] == {}
    assert content["returns"]["random"] == 100
    moderate = content["severities"]["moderate"]
    assert moderate["severity"] == pytest.approx(0.8, abs=0.03)
    assert moderate["drop_interval"][0] <= moderate["drop"] <= moderate["drop_interval"][1]

    target = {"shift": "heavy", "severity": "moderate", "calibration": "calibrations/heavy.yaml"}
    config = load_config(write_config(tmp_path, targets={"moderately_heavy": target}))
    resolved = config.model_dump(mode="json")["targets"]["moderately_heavy"]
    assert resolved == {"shift": "heavy", "severity": moderate["severity"], "fidelity": "nominal", "parameters": {}}
    domain = config.target_domain("moderately_heavy", config.make_task())
    assert domain.entries[0].support()[0] == 1 + moderate["severity"]
    assert validate(RunConfig, config.model_dump(mode="json"), "resolved") == config

    code, printed = call(capsys, monkeypatch, *line)
    assert code == 2
    assert "is there already" in printed


def test_no_level_at_all_is_said_and_exit_code_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_run(monkeypatch, lambda s: 0.0, "weak")
    out = tmp_path / "weak.yaml"
    line = ("cartpole_swingup", "--shift", "weak", "--policy", "run", "--drops", 0.5, "--out", out)
    code, printed = call(capsys, monkeypatch, *line)
    assert code == 1
    assert "no severity up to 0.99 costs it" in printed
    content = yaml.safe_load(out.read_text())
    assert content["severities"] == {}
    assert content["absent"]["drop_0.5"].startswith("no severity")


def test_user_errors_of_the_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rest = ("--policy", tmp_path / "none", "--out", tmp_path / "x.yaml")
    for line, words in (
        (("hopper", "--shift", "heavy", "--drops", 0.5, *rest), "no such run directory"),
        (("hopper", "--shift", "hevy", "--drops", 0.5, *rest), "'hevy' (did you mean 'heavy'?)"),
        (("hopper", "--shift", "heavy", "--drops", 1.5, *rest), "drops: each must be > 0 and < 1, got 1.5"),
        (("hopper", "--shift", "heavy", *rest), "--drops"),
    ):
        code, printed = call(capsys, monkeypatch, *line)
        assert code == 2
        assert words in printed
    assert not (tmp_path / "x.yaml").exists()


GOOD = {
    "env": CONTENT["env"],
    "shift": "heavy",
    "severities": {"mild": {"severity": 0.3}},
    "absent": {"severe": "no severity up to 2 costs it; 0.50 at 2"},
}


@pytest.mark.parametrize(
    ("change", "target", "words"),
    [
        ({}, {"calibration": "none.yaml"}, ["calibration: no such file 'none.yaml'", "looked for"]),
        ({"env": "hopper"}, {}, ["calibration:", "is of env 'hopper'; must be of 'cartpole_swingup'"]),
        ({"shift": "weak"}, {}, ["calibration:", "is of shift 'weak'; must be of 'heavy'"]),
        ({}, {"severity": "mld"}, ["severity: unknown level of", "'mld' (did you mean 'mild'?); valid: mild"]),
        ({}, {"severity": "severe"}, ["found no 'severe': no severity up to 2 costs it", "valid: mild"]),
        ({}, {"severity": 0.3}, ["severity: unknown level of", "0.3", "valid: mild"]),
        ({"severities": None}, {}, ["damaged", "no severities"]),
        ({"severities": {"mild": {"severity": "much"}}}, {}, ["damaged", "'much'", "no number"]),
    ],
)
def test_a_calibration_that_does_not_fit_is_one_error(
    tmp_path: Path, change: dict[str, Any], target: dict[str, Any], words: list[str]
) -> None:
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({**GOOD, **change}))
    file = write_config(
        tmp_path, targets={"x": {"shift": "heavy", "severity": "mild", "calibration": "c.yaml", **target}}
    )
    with pytest.raises(UserError) as caught:
        load_config(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: targets.x.")
    for word in words:
        assert word in message, message


def test_a_file_that_is_no_calibration(tmp_path: Path) -> None:
    target = {"x": {"shift": "heavy", "severity": "mild", "calibration": "c.yaml"}}
    for text, words in (("- 1\n", "holds no calibration"), ("a: [", "cannot be read")):
        (tmp_path / "c.yaml").write_text(text)
        with pytest.raises(UserError, match=words):
            load_config(write_config(tmp_path, targets=target))


def test_a_calibration_is_also_found_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(GOOD))
    monkeypatch.chdir(tmp_path)
    target = {"x": {"shift": "heavy", "severity": "mild", "calibration": "c.yaml"}}
    assert load_config(write_config(tmp_path / "configs", targets=target)).targets["x"].severity == 0.3


def test_levels_of_a_shift_need_no_calibration(tmp_path: Path) -> None:
    targets = {"x": {"shift": "rwrl_action_delay", "severity": "hard"}}
    assert load_config(write_config(tmp_path, targets=targets)).targets["x"].severity == 9
    assert small_config(targets=targets).target_domain("x", small_config().make_task()).entries[0].support() == (9, 9)
    targets["x"]["severity"] = "hrad"
    with pytest.raises(UserError, match=r"targets\.x\.severity: unknown level 'hrad' \(did you mean 'hard'\?\)"):
        load_config(write_config(tmp_path, targets=targets))


def test_a_calibration_without_a_shift_or_a_file_is_refused() -> None:
    for target in ({"calibration": "c.yaml"}, {"shift": "heavy", "severity": 1.0, "calibration": "c.yaml"}):
        with pytest.raises(UserError, match=r"targets\.x.*a calibration belongs to a shift"):
            validate(RunConfig, small_content(targets={"x": target}), "here")
