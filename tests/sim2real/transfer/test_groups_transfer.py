"""An asymmetric critic from configuration to target: `privileged` in the source alone, resumed byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import CONTENT, silent, small_config

from sim2real.config.config import RunConfig
from sim2real.errors import UserError
from sim2real.runs.building import load_agent
from sim2real.runs.pretraining import pretrain
from sim2real.runs.run import RunDirectory
from sim2real.transfer.transfer import Transfer, transfer

NAMES = ["body_mass", "action_delay"]  # what is random in the source


def asymmetric(**changes: Any) -> RunConfig:
    settings = {key: value for key, value in CONTENT["agent"]["settings"].items() if key != "encoder"}
    encoders = {"policy": {"widths": [16]}, "privileged": {"widths": [8]}}
    return small_config(agent={**CONTENT["agent"], "settings": {**settings, "encoders": encoders}}, **changes)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    out = tmp_path_factory.mktemp("asymmetric") / "source"
    return pretrain(asymmetric(), out, resume=False, num_threads=1, report=silent)


def test_the_source_shows_the_group_and_the_target_reads_its_mean(source: RunDirectory, tmp_path: Path) -> None:
    weights = source.final().weights
    assert weights["encoder.privileged.normalizer.mean"].shape == (len(NAMES),)
    assert float(weights["encoder.privileged.normalizer.count"].max()) == asymmetric().budget.source_steps
    rows: list[Any] = []
    job = Transfer(asymmetric(), source, "heavy", "frozen_encoder")
    run = transfer(job, tmp_path / "run", resume=False, num_threads=1, report=silent, show_plan=rows.extend)
    assert {row.part: row.action for row in rows}["encoder.privileged"].startswith("frozen; privileged is not shown")
    after = run.final().weights
    moved = {name.split(".")[0] for name, tensor in after.items() if not torch.equal(tensor, weights[name])}
    assert moved == {"policy_head", "value_head", "log_std"}
    agent, _ = load_agent(run, asymmetric())
    assert agent.observation_space.absent == {"privileged": len(NAMES)}  # type: ignore[attr-defined]


def test_recalibrate_moves_the_statistics_of_every_group_that_the_target_shows(
    source: RunDirectory, tmp_path: Path
) -> None:
    job = Transfer(asymmetric(), source, "heavy", "recalibrate")
    run = transfer(job, tmp_path / "run", resume=False, num_threads=1, report=silent, show_plan=lambda rows: None)
    before, after = source.final().weights, run.final().weights
    moved = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    counts = {name for name in moved if name.endswith(".count")}  # one that sees nothing only counts for less
    assert {name.rpartition(".")[0] for name in moved - counts} == {"encoder.policy.normalizer"}


def test_an_interrupted_run_ends_byte_for_byte_as_a_whole_one(source: RunDirectory, tmp_path: Path) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if done >= 900:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(asymmetric(), tmp_path / "killed", resume=False, num_threads=1, report=stop)
    resumed = pretrain(asymmetric(), tmp_path / "killed", resume=True, num_threads=1, report=silent)
    assert resumed.final().digest == source.final().digest
    assert resumed.curve() == source.curve()


def test_a_source_without_anything_random_is_refused(tmp_path: Path) -> None:
    dull = asymmetric(source={**CONTENT["source"], "parameters": {}})
    with pytest.raises(UserError, match=r"reads the group 'privileged'.*source\.parameters has nothing random"):
        pretrain(dull, tmp_path / "dull", resume=False, num_threads=1, report=silent)
