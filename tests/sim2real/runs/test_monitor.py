"""TensorBoard: every promised tag is there, each step once, and the hyper-parameters with their final metrics."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from small_runs import silent, small_config
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from sim2real.runs.monitor import Monitor
from sim2real.runs.pretraining import pretrain
from sim2real.transfer.transfer import Transfer, transfer


def read(folder: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    accumulator.Reload()
    return accumulator


def test_a_transfer_logs_rollout_train_evaluations_plan_shift_throughput_and_hyper_parameters(tmp_path: Path) -> None:
    small = small_config()
    longer = small.budget.model_copy(update={"source_steps": 5120})  # eight worlds must reach the end of an episode
    config = small.model_copy(update={"budget": longer})
    source = pretrain(config, tmp_path / "source", resume=False, num_threads=1, report=silent)
    job = Transfer(config, source, "heavy", "frozen_encoder")
    run = transfer(job, tmp_path / "run", resume=False, num_threads=1, report=silent, show_plan=lambda rows: None)

    pretrained = set(read(source.tb).Tags()["scalars"])
    assert {"rollout/ep_rew_mean", "rollout/faults", "train/value_loss", "train/explained_variance"} <= pretrained
    assert {"eval/source/return", "time/fps", "final/source_return"} <= pretrained
    values = {tag: [event.value for event in read(source.tb).Scalars(tag)] for tag in pretrained}
    terms = [values[f"reward/{name}"] for name in ("upright", "centered", "spin", "ctrl")]
    assert np.sum(terms, axis=0) == pytest.approx(values["rollout/ep_rew_mean"])

    events = read(run.tb)
    tags = set(events.Tags()["scalars"])
    assert {"eval/target/return", "evaluation/target/falls", "eval/source/return", "train/value_loss"} <= tags
    assert {"transfer/observation_z_score", "transfer/phase", "time/fps", "final/target_return"} <= tags
    texts = {tag.removesuffix("/text_summary") for tag in events.Tags()["tensors"]}
    assert {"transfer/plan", "transfer/digests"} <= texts
    plan = events.Tensors("transfer/plan/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "| encoder | frozen |" in plan
    digests = [e.tensor_proto.string_val[0].decode() for e in events.Tensors("transfer/digests/text_summary")]
    frozen = [next(line for line in text.splitlines() if "encoder" in line) for text in digests]
    assert len(frozen) == 2
    assert frozen[0] == frozen[1]
    steps = [event.step for event in events.Scalars("eval/target/return")]
    assert steps == [point["step"] for point in run.curve()]
    for point in run.curve():
        assert sum(point["rewards"].values()) == pytest.approx(point["return"])
    assert min(tags).startswith("eval/")  # the first chart is a return
    assert {tag for tag in tags if tag.startswith("eval/")} == {"eval/source/return", "eval/target/return"}
    ours, theirs = hyper_parameters(events), hyper_parameters(read(source.tb))
    assert ours == theirs
    assert {"kind", "method", "target", "agent.algorithm", "final/target_return"} <= ours


def hyper_parameters(events: EventAccumulator) -> set[str]:
    """Names of the hyper-parameters and metrics that the HParams page shows."""
    content = events.SummaryMetadata("_hparams_/experiment").plugin_data.content
    experiment = HParamsPluginData.FromString(content).experiment
    return {info.name for info in experiment.hparam_infos} | {info.name.tag for info in experiment.metric_infos}


def test_an_event_that_cannot_be_written_is_one_error_and_no_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monitor = Monitor(tmp_path)
    monitor.flush()
    writer = monitor._output.writer._get_file_writer().event_writer._async_writer

    def full(data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    writer._worker._record_writer.write = full

    def log() -> None:
        for step in range(100):
            monitor.observation_shift(0.5, step)
            monitor.flush()

    with pytest.raises(OSError, match="No space left"):
        log()
    writer._worker.join()
    assert capfd.readouterr() == ("", "")
