"""A run that is damaged in whatever way is listed with its reason, and hides no other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sim2real.bench.collect import collect_record, has_finished, made_with
from sim2real.bench.grid import Job
from sim2real.config.config import content_digest
from sim2real.stats.records import RunRecord

CONFIG = {"env": "hopper"}
LEDGER = {"status": "finished", "steps": 100, "eval_steps": 20, "episodes": 4, "falls": 1, "wall_seconds": 1.5}
POINTS = [{"step": step, "return": 1.0, "return_sd": 0.1, "eval_steps": 10, "faults": 0} for step in (0, 100)]
DEEP = "[" * 100_000
HUGE = "1" + "0" * 400


def write(root: Path, seed: int, **files: str) -> Job:
    """Write a sound run with some of its files replaced by texts."""
    job = Job("hopper", seed, "heavy", "scratch", CONFIG, f"run{seed}", None)
    manifest = {"config": content_digest(CONFIG), "seed": seed, "target": "heavy", "method": "scratch"}
    texts = {"manifest": json.dumps(manifest), "ledger": json.dumps(LEDGER)}
    texts |= {"curve": "".join(json.dumps(point) + "\n" for point in POINTS)} | files
    folder = root / job.path
    folder.mkdir()
    for name, suffix in (("manifest", "json"), ("ledger", "json"), ("curve", "jsonl")):
        (folder / f"{name}.{suffix}").write_text(texts[name], encoding="utf-8")
    return job


def ledger(**changes: Any) -> str:
    return json.dumps({**LEDGER, **changes})


def point(key: str, value: str) -> str:
    """The curve with one value of its second point as it stands in JSON."""
    last = ", ".join(f'"{k}": {value if k == key else json.dumps(v)}' for k, v in POINTS[1].items())
    return f"{json.dumps(POINTS[0])}\n{{{last}}}\n"


DAMAGES: dict[str, dict[str, str]] = {
    **{f"{name} {what}": {name: text} for name in ("manifest", "ledger", "curve") for what, text in (
        ("nested", DEEP), ("a number", "7\n"), ("null", "null\n"), ("no JSON", "{\n"), ("binary", "\x00\x01\n"))},
    **{f"ledger {key} {value!r:.9}": {"ledger": ledger(**{key: value})} for key, value in (
        ("wall_seconds", "x"), ("wall_seconds", None), ("steps", "many"), ("episodes", 1.5), ("falls", -1),
        ("falls", True), ("source_return_before", [1]), ("source_return_after", "9"), ("frozen_digests", 5),
        ("eval_steps", {}), ("source_return_after", 1e300), ("episodes", 2**70), ("source_steps", [3]))},
    **{f"ledger of {word}": {"ledger": ledger(source_return_before=1.0).replace("1.0", word)} for word in (
        "NaN", "Infinity", "1e999", HUGE)},
    **{f"curve {key} {value:.9}": {"curve": point(key, value)} for key in ("step", "return") for value in (
        '"3"', "null", "true", "NaN", "1e999", HUGE, "{}", "-5e120")},
    "curve without a key": {"curve": '{"step": 0}\n'},
    "curve twice": {"curve": (json.dumps(POINTS[0]) + "\n") * 2},
    "manifest of another seed": {"manifest": json.dumps({"seed": 7})},
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_is_listed_with_its_reason(damage: str, tmp_path: Path) -> None:
    job = write(tmp_path, 0, **DAMAGES[damage])
    record = collect_record(tmp_path, job, None)
    assert record.status == "failed"
    assert record.error is not None
    assert record.error.startswith("damaged, or another's: ")
    assert len(record.error) <= 500
    assert record.steps.size == 0
    has_finished(tmp_path, job)  # neither raises
    assert made_with(tmp_path, job) == {}


def test_a_sound_run_beside_it_is_read(tmp_path: Path) -> None:
    record = collect_record(tmp_path, write(tmp_path, 0), None)
    assert (record.status, record.error, record.target_steps) == ("finished", None, 100)


def test_a_file_that_is_a_folder_or_cannot_be_read_is_no_crash(tmp_path: Path) -> None:
    for seed, name in enumerate(("manifest.json", "ledger.json", "curve.jsonl")):
        job = write(tmp_path, seed)
        (tmp_path / job.path / name).unlink()
        (tmp_path / job.path / name).mkdir()
        assert collect_record(tmp_path, job, None).status in ("failed", "missing")


def test_a_reason_of_another_kind_is_still_a_text(tmp_path: Path) -> None:
    job = Job("hopper", 0, "heavy", "scratch", CONFIG, "absent", None)
    assert collect_record(tmp_path, job, 5).error == "5"  # type: ignore[arg-type]
    assert isinstance(collect_record(tmp_path, job, None), RunRecord)
