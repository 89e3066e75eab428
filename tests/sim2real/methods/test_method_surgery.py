"""Methods with a surgery: what a finished run recorded is what its checkpoint does; a killed one goes on exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import silent, small_config

from agents import PlanError, parts
from envs import Domain
from sim2real.config.seeding import derive_seed
from sim2real.methods import METHODS, Target
from sim2real.runs.building import load_agent
from sim2real.runs.evaluation import evaluate
from sim2real.runs.pretraining import pretrain
from sim2real.runs.run import RunDirectory
from sim2real.transfer.transfer import Transfer, transfer

SURGICAL = ("residual", "progressive", "low_rank")
TARGET = Target("cartpole_swingup", "heavy", Domain(), 1000)

every_method = pytest.mark.parametrize("method", SURGICAL)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    out = tmp_path_factory.mktemp("surgery") / "source"
    return pretrain(small_config(), out, resume=False, num_threads=1, report=silent)


@pytest.fixture(scope="module", params=SURGICAL)
def run(request: pytest.FixtureRequest, source: RunDirectory, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    job = Transfer(small_config(), source, "heavy", request.param)
    out = tmp_path_factory.mktemp("surgery") / request.param
    return transfer(job, out, resume=False, num_threads=1, report=silent, show_plan=lambda rows: None)


@every_method
def test_the_plan(method: str) -> None:
    plan = METHODS[method].plan(None, TARGET)
    first, second = plan.phases
    assert plan.surgery is not None
    assert plan.surgery.kind == method
    assert plan.parts["encoder"] == plan.parts["policy_head"] == "freeze"
    assert set(first.trains) == {"value_head"}
    assert first.stop is not None
    assert 0 < first.stop.min_steps < first.stop.max_steps < TARGET.steps / 2
    assert dict(second.trains) == {"adapters": 1.0, "value_head": 1.0, "log_std": 1.0}


@pytest.mark.thorough
def test_a_finished_run_does_again_what_it_recorded(run: RunDirectory) -> None:
    config = small_config()
    agent, bundle = load_agent(run, config)
    assert parts.digests(agent.policy) == {**bundle.meta["training"]["weights"]}
    assert "adapters" in parts.part_names(agent.policy)
    result = evaluate(
        agent,
        config.env,
        config.target_domain("heavy", config.make_task()),
        episodes=config.budget.eval_episodes,
        seed=derive_seed(config.seed, "target", "evaluation"),
        num_threads=1,
    )
    assert result.mean == run.curve()[-1]["return"]
    assert run.curve()[0]["return"] != run.curve()[-1]["return"]


def test_it_begins_at_the_sources_return(run: RunDirectory, source: RunDirectory, tmp_path: Path) -> None:
    job = Transfer(small_config(), source, "heavy", "zero_shot")
    still = transfer(job, tmp_path / "still", resume=False, num_threads=1, report=silent, show_plan=lambda rows: None)
    assert run.curve()[0]["return"] == still.curve()[0]["return"]


def test_the_source_is_still_in_it(run: RunDirectory, source: RunDirectory) -> None:
    before, after = source.final().weights, run.final().weights
    for name, tensor in before.items():
        if name.startswith(("encoder.", "policy_head.")):
            assert torch.equal(tensor, after[name]), name
    assert {name.split(".")[0] for name in after.keys() - before.keys()} == {"adapters"}
    assert set(run.ledger()["frozen_digests"]) == {"encoder", "policy_head"}


def test_it_is_not_carried_on_without_its_adapters(run: RunDirectory, tmp_path: Path) -> None:
    for method in ("zero_shot", "frozen_encoder", "low_rank"):
        job = Transfer(small_config(), run, "heavy", method)
        with pytest.raises(PlanError, match="the source was changed by a surgery"):
            transfer(job, tmp_path / method, resume=False, num_threads=1, report=silent, show_plan=lambda rows: None)
        assert not (tmp_path / method).exists()


@pytest.mark.thorough
def test_an_interrupted_run_ends_byte_for_byte_as_a_whole_one(
    run: RunDirectory, source: RunDirectory, tmp_path: Path
) -> None:
    def carry_out(out: Path, resume: bool, stop_at: int | None = None) -> RunDirectory:
        def report(done: int, total: int, text: str) -> None:
            if stop_at is not None and done >= stop_at:
                raise KeyboardInterrupt

        job = Transfer(small_config(), source, "heavy", run.manifest()["method"])
        return transfer(job, out, resume=resume, num_threads=1, report=report, show_plan=lambda rows: None)

    with pytest.raises(KeyboardInterrupt):
        carry_out(tmp_path / "killed", resume=False, stop_at=700)
    resumed = carry_out(tmp_path / "killed", resume=True)
    one, two = run.final(), resumed.final()
    assert one.digest == two.digest
    assert [point["return"] for point in run.curve()] == [point["return"] for point in resumed.curve()]
    assert all(np.array_equal(one.weights[name].numpy(), two.weights[name].numpy()) for name in one.weights)
