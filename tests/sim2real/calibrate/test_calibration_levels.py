"""Configurations find the severity that a shift or a calibration gives a name, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from small_runs import CONTENT, small_config, small_content, write_config

from sim2real.config.config import RunConfig, load_config, validate
from sim2real.errors import UserError

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
        ({"task": {"ctrl_weight": 0.5}}, {}, ["calibration:", "is of task {'ctrl_weight': 0.5}; must be of {}"]),
        ({}, {"severity": "mld"}, ["severity: unknown level of", "'mld' (did you mean 'mild'?); valid: mild"]),
        ({}, {"severity": "severe"}, ["found no 'severe': no severity up to 2 costs it", "valid: mild"]),
        ({}, {"severity": 0.3}, ["severity: unknown level of", "0.3", "valid: mild"]),
        ({}, {"severity": [1]}, ["severity: unknown level of", "[1]", "valid: mild"]),
        ({"severities": {"mild": {"severity": True}}}, {}, ["damaged", "True", "no number"]),
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
    for text, words in (("- 1\n", "holds no calibration"), ("a: [", "not valid YAML")):
        (tmp_path / "c.yaml").write_text(text)
        with pytest.raises(UserError, match=words):
            load_config(write_config(tmp_path, targets=target))


def test_a_calibration_is_also_found_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(GOOD))
    monkeypatch.chdir(tmp_path)
    target = {"x": {"shift": "heavy", "severity": "mild", "calibration": "c.yaml"}}
    assert load_config(write_config(tmp_path / "configs", targets=target)).targets["x"].severity == 0.3


def test_a_calibration_is_of_the_same_task_options(tmp_path: Path) -> None:
    options = {"ctrl_weight": 0.5}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({**GOOD, "task": options}))
    target = {"x": {"shift": "heavy", "severity": "mild", "calibration": "c.yaml"}}
    assert load_config(write_config(tmp_path, targets=target, task=options)).targets["x"].severity == 0.3
    with pytest.raises(UserError, match=r"is of task \{'ctrl_weight': 0.5\}; must be of \{'ctrl_weight': 0.25\}"):
        load_config(write_config(tmp_path, targets=target, task={"ctrl_weight": 0.25}))


def test_a_level_of_a_calibration_that_is_not_named_is_told_where_it_comes_from(tmp_path: Path) -> None:
    file = write_config(tmp_path, targets={"x": {"shift": "heavy", "severity": "moderate"}})
    words = r"targets\.x\.severity: unknown level 'moderate'.*mild, moderate, severe need `calibration: FILE`"
    with pytest.raises(UserError, match=words):
        load_config(file)


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
