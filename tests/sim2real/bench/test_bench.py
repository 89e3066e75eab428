"""Benchmarks: jobs run once, failures are shown and tried again, Ctrl-C leaves everything continuable."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from rich.console import Console
from small_runs import small_content

from sim2real.bench import Bench, load_bench_config, read_results
from sim2real.errors import UserError
from sim2real.report import write_report
from sim2real.stats.results_file import load_results
from sim2real.versions import collect_versions

ENVIRONMENTS = ["hopper", "half_cheetah", "walker2d"]
METHODS = ["zero_shot", "scratch", "frozen_encoder"]


def write_bench(folder: Path, seeds: list[int]) -> Path:
    (folder / "small.yaml").write_text(yaml.safe_dump(small_content()))
    bench = {"name": "small", "environments": ["small.yaml"], "targets": ["heavy"], "methods": METHODS, "seeds": seeds}
    file = folder / "bench.yaml"
    file.write_text(yaml.safe_dump(bench))
    return file


def begin(file: Path, out: Path) -> Bench:
    return Bench.begin(out, load_bench_config(file), file.parent)


def run_quietly(bench: Bench, only: Sequence[str] = ()) -> str:
    text = io.StringIO()
    bench.run(Console(file=text, width=200), only=only)
    return text.getvalue()


def test_a_bench_runs_reports_skips_and_tells_of_failures(tmp_path: Path) -> None:
    file, out = write_bench(tmp_path, [0, 1]), tmp_path / "out"
    bench = begin(file, out)
    text = run_quietly(bench)
    assert text.count("finished") == len(bench.jobs) == 2 * (1 + len(METHODS))
    results = bench.results()
    assert [r.status for r in results.records] == ["finished"] * 2 * len(METHODS)
    for record in results.records:
        assert record.target_steps == (0 if record.method == "zero_shot" else 1024)
        assert record.steps[-1] == record.target_steps
        assert (record.frozen_digest is not None) == (record.method != "scratch")
    by_key = {(r.method, r.seed): r for r in results.records}
    for seed in (0, 1):  # a policy that is carried over starts where zero_shot stands, to the bit
        assert by_key["frozen_encoder", seed].returns[0] == by_key["zero_shot", seed].returns[0]
    paths = bench.report()
    assert load_results(paths.json).records == results.records
    for path in (paths.html, paths.markdown, paths.csv):
        assert "frozen_encoder" in path.read_text()

    stamps = {job.path: (out / job.path / "ledger.json").stat().st_mtime_ns for job in bench.jobs}
    assert "skipped" in run_quietly(Bench.open(out))
    assert stamps == {job.path: (out / job.path / "ledger.json").stat().st_mtime_ns for job in bench.jobs}

    damaged = out / "source/small/seed1/checkpoints"
    for weights in damaged.glob("*/weights.safetensors"):
        weights.write_bytes(b"")
    (out / "transfer/small/heavy/frozen_encoder/seed1/ledger.json").unlink()
    assert "FAILED" in run_quietly(begin(file, out))
    failed = [r for r in bench.results().records if r.status == "failed"]
    assert [(r.method, r.seed) for r in failed] == [("frozen_encoder", 1)]
    assert "weights.safetensors" in (failed[0].error or "")
    assert "weights.safetensors" in bench.report().html.read_text()


def test_a_bench_ends_when_all_that_is_left_fails_with_its_source(tmp_path: Path) -> None:
    file, out = write_bench(tmp_path, [0]), tmp_path / "out"
    bench = begin(file, out)
    source = out / "source/small/seed0"
    source.mkdir(parents=True)
    (source / "something").touch()  # no run, and not empty: the source agent cannot be trained here
    text = run_quietly(bench)
    assert text.count("FAILED") == 1 + 2  # the source, zero_shot and frozen_encoder
    assert "FAILED" in run_quietly(Bench.open(out))  # now nothing else is left to run
    by_method = {record.method: record for record in bench.results().records}
    assert by_method["scratch"].status == "finished"
    assert "its source agent failed" in (by_method["zero_shot"].error or "")


@pytest.mark.thorough
def test_a_run_of_another_configuration_in_a_jobs_place_does_not_count(tmp_path: Path) -> None:
    file, out = write_bench(tmp_path, [0]), tmp_path / "out"
    bench = begin(file, out)
    job = next(job for job in bench.jobs if job.method == "zero_shot")
    run_quietly(bench)
    assert bench.results().versions == collect_versions()
    manifest = json.loads((out / job.path / "manifest.json").read_text())
    manifest |= {"config": "0" * 64, "versions": {**manifest["versions"], "torch": "1.0"}}
    (out / job.path / "manifest.json").write_text(json.dumps(manifest))
    found = {record.method: record for record in bench.results().records}
    assert {method: record.status for method, record in found.items()} == {
        "zero_shot": "failed",
        "scratch": "finished",
        "frozen_encoder": "finished",
    }
    assert "config.resolved.yaml: was changed after the run had begun" in (found["zero_shot"].error or "")
    assert bench.results().versions == collect_versions()  # those of the runs that count
    text = run_quietly(Bench.open(out))
    assert text.count("FAILED") == 1
    assert "was changed after the run had begun" in text


def test_a_run_counts_only_with_its_manifest_and_from_the_source_agent_that_lies_there(tmp_path: Path) -> None:
    file, out = write_bench(tmp_path, [0]), tmp_path / "out"
    bench = begin(file, out)
    run_quietly(bench)
    paths = {job.method: out / job.path for job in bench.jobs}
    (paths["scratch"] / "manifest.json").unlink()
    ledger = json.loads((paths["frozen_encoder"] / "ledger.json").read_text())
    (paths["frozen_encoder"] / "ledger.json").write_text(json.dumps({**ledger, "source_return_before": 0.125}))
    curve = [json.loads(line) for line in (paths["zero_shot"] / "curve.jsonl").read_text().splitlines()]
    (paths["zero_shot"] / "curve.jsonl").write_text(json.dumps({**curve[0], "faults": 2}) + "\n")
    found = {record.method: record for record in bench.results().records}
    assert {method: record.status for method, record in found.items()} == {
        "zero_shot": "finished",
        "scratch": "failed",
        "frozen_encoder": "failed",
    }
    assert "manifest.json" in (found["scratch"].error or "")
    assert "began from a source agent of return 0.125" in (found["frozen_encoder"].error or "")
    assert (found["zero_shot"].eval_faults, found["scratch"].eval_faults) == (2, 0)
    assert run_quietly(Bench.open(out)).count("skipped") == 1


def test_a_folder_of_another_bench_is_refused(tmp_path: Path) -> None:
    file, out = write_bench(tmp_path, [0]), tmp_path / "out"
    begin(file, out)
    begin(file, out)  # the same one is taken up
    with pytest.raises(UserError, match="already holds another benchmark"):
        begin(write_bench(tmp_path, [1]), out)
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    (stranger / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match="holds no benchmark"):
        begin(file, stranger)


def test_a_bench_that_never_ran_reports_what_is_missing(tmp_path: Path) -> None:
    bench = begin(write_bench(tmp_path, [0]), tmp_path / "out")
    assert {r.status for r in bench.results().records} == {"missing"}
    assert "missing" in bench.report().markdown.read_text()


@pytest.mark.thorough
def test_the_oracle_spends_the_sources_budget_and_may_be_watched_less_closely(tmp_path: Path) -> None:
    file = write_bench(tmp_path, [0])
    content = yaml.safe_load(file.read_text()) | {
        "methods": ["scratch", "oracle", "frozen_encoder"],
        "oracle_budget": {"evaluations": 6, "eval_episodes": 1},
    }
    file.write_text(yaml.safe_dump(content))
    bench = begin(file, tmp_path / "out")
    budgets = {job.method: job.config["budget"] for job in bench.jobs}
    assert (budgets["oracle"]["evaluations"], budgets["oracle"]["eval_episodes"]) == (6, 1)
    assert budgets["oracle"]["target_steps"] == budgets["scratch"]["target_steps"] == 1024
    assert (budgets["scratch"]["evaluations"], budgets["scratch"]["eval_episodes"]) == (4, 2)
    assert {job.source for job in bench.jobs if job.method in ("scratch", "oracle")} == {None}
    run_quietly(bench)
    results = bench.results()
    by_method = {record.method: record for record in results.records}
    assert {m: (r.status, r.target_steps) for m, r in by_method.items()} == {
        "scratch": ("finished", 1024),
        "oracle": ("finished", 1536),
        "frozen_encoder": ("finished", 1024),
    }
    assert by_method["oracle"].steps[-1] == 1536
    # episodes of 500 steps: 6 evaluations and the one at step 0, of one episode each, and one episode on the source
    assert by_method["oracle"].steps.size == 7
    assert by_method["oracle"].eval_steps == (7 + 1) * 500
    assert results.settings["runs"]["small"]["budget"]["eval_episodes"] == 2


def test_an_oracle_is_no_default_and_its_last_fifth_needs_evaluations(tmp_path: Path) -> None:
    file = write_bench(tmp_path, [0])
    content = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(content | {"methods": ["scratch", "oracle"], "default_method": "oracle"}))
    with pytest.raises(UserError, match="spends the source's budget"):
        load_bench_config(file)
    file.write_text(yaml.safe_dump(content | {"oracle_budget": {"evaluations": 4}}))
    with pytest.raises(UserError, match="greater than or equal to 5"):
        load_bench_config(file)
    file.write_text(yaml.safe_dump(content | {"oracle_budget": {"target_steps": 5}}))
    with pytest.raises(UserError, match="target_steps"):
        load_bench_config(file)


def test_the_grid_of_the_method_table_is_whole_and_at_a_tenth_of_the_sources_steps() -> None:
    file = Path(__file__).parents[3] / "configs/bench/methods.yaml"
    config = load_bench_config(file)
    assert (config.environments, config.targets) == (ENVIRONMENTS, ["heavy", "lag_and_noise", "worn"])
    assert {"zero_shot", "scratch", "oracle", "frozen_encoder", "fine_tune", "actor_only"} <= set(config.methods)
    for name in config.environments:
        run = config.run_config(name, 0, file.parent)
        assert run.budget.target_steps * 10 == run.budget.source_steps == 512_000
        parameters = run.targets["lag_and_noise"].domain(run.env, run.make_task()).to_mapping()["parameters"]
        assert set(parameters) == {"action_delay", "observation_noise"}
        assert run.target_domain("worn", run.make_task()).to_mapping()["parameters"]


def start_bench(file: Path, out: Path) -> subprocess.Popen[bytes]:
    """Start the command in a process group of its own and wait until its first job trains."""
    # a shell that put the tests into the background has told its children to ignore Ctrl-C
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    start = f"{heed}; from sim2real.cli import main; main()"
    command = [sys.executable, "-c", start, "bench", str(file), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    while not (out / "source/small/seed0/tb").exists() and process.poll() is None:
        time.sleep(0.01)
    return process


@pytest.mark.thorough
def test_a_killed_launcher_takes_its_workers_along_and_the_bench_continues(tmp_path: Path) -> None:
    file, out = write_bench(tmp_path, [0]), tmp_path / "out"
    process = start_bench(file, out)
    process.kill()  # SIGKILL, the launcher alone: nothing can be tidied up
    process.communicate(timeout=60)
    bench = Bench.open(out)
    assert "FAILED" not in run_quietly(bench)  # waits until the orphan has let go of its run
    results = bench.results()
    assert {r.status for r in results.records} == {"finished"}
    for record in results.records:
        assert len(set(record.steps.tolist())) == len(record.steps)


def test_one_unreadable_run_does_not_hide_the_others(tmp_path: Path) -> None:
    bench = begin(write_bench(tmp_path, [0]), tmp_path / "out")
    for job in bench.jobs[1:]:
        folder = bench.path / job.path
        folder.mkdir(parents=True)
        (folder / "ledger.json").write_text("[1]" if job.method == "scratch" else '{"status": "finished", "steps": 9}')
        (folder / "curve.jsonl").write_text('{"step": 8, "return": 1, "return_sd": 0}\n' * 2)
    assert {r.status for r in bench.results().records} == {"failed"}
    assert "damaged" in bench.report().markdown.read_text()


@pytest.mark.parametrize("text", ['{"odd": 7, "x": [[1]], "status": "finished"}', "[1]", "no JSON"])
def test_a_damaged_ledger_of_a_bench_hides_no_run(text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bench = begin(write_bench(tmp_path, [0]), tmp_path / "out")
    (bench.path / "ledger.json").write_text(text)
    assert {r.status for r in bench.results().records} == {"missing"}
    assert "ledger.json: damaged: " in caplog.text


def test_a_report_is_not_written_through_a_link(tmp_path: Path) -> None:
    bench, victim = begin(write_bench(tmp_path, [0]), tmp_path / "out"), tmp_path / "victim"
    victim.mkdir()
    (bench.path / "report").symlink_to(victim)
    with pytest.raises(UserError, match=r"report: is a symbolic link \(to .*victim\)"):
        write_report(read_results(bench.path), bench.path / "report")
    assert not any(victim.iterdir())


def test_ctrl_c_leaves_a_bench_that_continues(tmp_path: Path) -> None:
    file, out = write_bench(tmp_path, [0]), tmp_path / "out"
    process = start_bench(file, out)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in error
    assert b"the same command continues" in error
    assert (out / "report/report.html").exists()
    bench = Bench.open(out)
    run_quietly(bench)
    assert {r.status for r in bench.results().records} == {"finished"}
    ledger = json.loads((out / "ledger.json").read_text())
    assert {entry["status"] for entry in ledger.values()} == {"finished"}


@pytest.mark.thorough
def test_a_script_without_a_main_guard_is_told_what_is_missing(tmp_path: Path) -> None:
    file = write_bench(tmp_path, [0])
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from rich.console import Console\n"
        "from sim2real.bench import Bench, load_bench_config\n"
        f"file = Path({str(file)!r})\n"
        "bench = Bench.begin(file.parent / 'out', load_bench_config(file), file.parent)\n"
        "bench.run(Console(), 1)\n"
    )
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 1
    assert ended.stderr.count("UserError: Bench.run: ") == 1
    assert 'call it below `if __name__ == "__main__":`' in ended.stderr
    assert "another process" not in ended.stderr
