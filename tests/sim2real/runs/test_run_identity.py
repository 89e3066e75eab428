"""What a run has come to is its own and whole: the checkpoint and the curve of its end, and no other run's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from small_runs import CONTENT, silent, small_config

from agents import CheckpointError, load_bundle, save_bundle
from sim2real.errors import UserError
from sim2real.runs.building import load_agent
from sim2real.runs.pretraining import pretrain
from sim2real.runs.run import RunDirectory

BUDGET = {**CONTENT["budget"], "source_steps": 256, "source_evaluations": 2, "eval_episodes": 1}


def train(out: Path, resume: bool = True, seed: int = 0) -> RunDirectory:
    return pretrain(small_config(budget=BUDGET, seed=seed), out, resume=resume, num_threads=1, report=silent)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("made") / "run").path


@pytest.fixture
def run(made: Path, tmp_path: Path) -> RunDirectory:
    return RunDirectory(Path(shutil.copytree(made, tmp_path / "run")))


def last_checkpoint(run: Path) -> Path:
    return max((run / "checkpoints").iterdir())


def without_end(run: RunDirectory) -> None:
    """Take away the last checkpoint and the last evaluation: what is left fits together."""
    shutil.rmtree(last_checkpoint(run.path))
    file = run.path / "curve.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))


def with_another_seeds(run: RunDirectory) -> None:
    other = train(run.path.parent / "other", seed=1)
    place = last_checkpoint(run.path)
    shutil.rmtree(place)
    shutil.copytree(last_checkpoint(other.path), place)


def with_other_weights(run: RunDirectory) -> None:
    """Put a checkpoint in its place that says the same of itself."""
    bundle = load_bundle(last_checkpoint(run.path))
    weights = {name: tensor + 1 for name, tensor in bundle.weights.items()}
    save_bundle(last_checkpoint(run.path), weights=weights, state=bundle.state, meta=bundle.meta)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (without_end, r"the checkpoint of its end, step 256, is missing; --resume goes on from step 128"),
        (with_another_seeds, r"0000000256: is a checkpoint of another run: seed: run 0, checkpoint 1"),
        (with_other_weights, r"is not the checkpoint that the run ended with: digest \w{64}, ledger.json has \w{64}"),
    ],
)
def test_a_finished_run_ends_with_its_own_last_checkpoint(
    harm: object, words: str, run: RunDirectory, made: Path
) -> None:
    assert callable(harm)
    harm(run)
    with pytest.raises((UserError, CheckpointError), match=words):
        load_agent(run, run.config())
    assert not run.complete
    train(run.path)
    assert run.final().digest == RunDirectory(made).final().digest
    assert run.curve() == RunDirectory(made).curve()


@pytest.mark.parametrize("lines", [None, 0, 1])
def test_a_finished_run_has_its_curve_to_the_end(lines: int | None, run: RunDirectory) -> None:
    """Without it there is nothing to go back to; the run stays as it is, however often --resume is tried."""
    file = run.path / "curve.jsonl"
    kept = file.read_text().splitlines(keepends=True)[:lines]
    file.unlink() if lines is None else file.write_text("".join(kept))
    ledger = run.ledger()
    with pytest.raises(UserError, match=r"curve.jsonl: .*, the run ended at step 256; bring it back from a copy"):
        load_agent(run, run.config())
    for _ in range(2):
        with pytest.raises(UserError, match=r"curve.jsonl.* the checkpoint knows .*; bring it back from a copy"):
            train(run.path)
    assert run.ledger() == ledger
