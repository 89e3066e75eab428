"""rma from end to end: worlds that tell, a teacher, its student on a target, and a grid with a source for each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from small_runs import CONTENT, silent, small_config, small_content

from agents.rollouts import GroupSpace
from envs import Domain, make_vec
from sim2real.bench import make_jobs
from sim2real.bench.collect import collect_record
from sim2real.config.config import RunConfig
from sim2real.config.seeding import derive_seed
from sim2real.errors import UserError
from sim2real.runs.building import build_agent, build_worlds, load_agent
from sim2real.runs.evaluation import evaluate
from sim2real.runs.pretraining import pretrain
from sim2real.runs.run import RunDirectory
from sim2real.runs.teachers import is_teacher, teacher_config, with_privileged
from sim2real.stats import summarise
from sim2real.stats.records import BenchResults, RunRecord, to_mapping
from sim2real.stats.results_file import results_from_mapping
from sim2real.transfer.transfer import Transfer, transfer

NAMES = ("body_mass", "action_delay")  # observation_noise is the same in all worlds of the source


def with_agent(**encoder: Any) -> RunConfig:
    agent = CONTENT["agent"]
    return small_config(agent={**agent, "settings": {**agent["settings"], "encoder": {"widths": [16], **encoder}}})


@pytest.fixture(scope="module")
def config() -> RunConfig:
    return with_agent(kind="rma", length=4, memory_width=8, extrinsics=2)


@pytest.fixture(scope="module")
def teacher(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    out = tmp_path_factory.mktemp("rma") / "teacher"
    return pretrain(config, out, resume=False, num_threads=1, report=silent)


def carry(
    config: RunConfig, source: RunDirectory, out: Path, method: str = "rma", resume: bool = False
) -> RunDirectory:
    job = Transfer(config, source, "heavy", method)
    return transfer(job, out, resume=resume, num_threads=1, report=silent, show_plan=lambda rows: None)


# what worlds of a domain tell


def test_worlds_tell_what_was_drawn() -> None:
    parameters = {
        "body_mass": {"scale": {"uniform": [0.5, 1.5]}},
        "observation_noise": {"set": 0.01},
        "action_delay": {"set": {"choice": [0, 2]}},
        "gravity": {"scale": {"uniform": [0.9, 1.1]}, "in_time": {"cycle": [0.1, 20]}},
        "dof_damping": {"scale": {"uniform": [2.0, 2.0]}},
    }
    domain = Domain.parse({"parameters": parameters})
    worlds = make_vec("cartpole_swingup", num_envs=6, domain=domain, seed=3, num_threads=1, max_episode_steps=9)
    assert worlds.world_parameter_names == ("body_mass", "action_delay", "gravity")
    assert np.isnan(worlds.world_parameters()).all()
    worlds.reset()
    told = worlds.world_parameters()
    assert told.dtype == np.float64
    assert told.shape == (6, 3)
    for column, name in enumerate(worlds.world_parameter_names):
        np.testing.assert_array_equal(told[:, column], worlds.parameters[name])
    assert len(np.unique(told[:, 0])) == 6
    nominal = worlds.physics.model.body_mass
    for body, masses in worlds.worlds.read("body_mass").items():
        np.testing.assert_allclose(masses, told[:, 0] * nominal[worlds.physics.model.body(body).id], rtol=1e-6)
    for _ in range(8):
        worlds.step(np.zeros((6, 1)))
        np.testing.assert_array_equal(worlds.world_parameters(), told)
    assert (worlds.parameters["gravity"] != told[:, 2]).all()  # a profile has moved it
    worlds.step(np.zeros((6, 1)))  # all episodes end
    assert (worlds.world_parameters()[:, 0] != told[:, 0]).all()
    nominal_worlds = make_vec("cartpole_swingup", num_envs=2, seed=0, num_threads=1)
    assert nominal_worlds.world_parameters().shape == (2, 0)


# who is a teacher


def test_a_teacher_is_told_what_is_random_in_the_source(config: RunConfig) -> None:
    filled = with_privileged(config, config.agent.settings)
    assert tuple(filled["privileged"]) == NAMES
    assert "privileged" not in config.agent.settings  # the configuration says so already
    plain = small_config()
    assert with_privileged(plain, plain.agent.settings) is plain.agent.settings
    dull = config.model_copy(update={"source": plain.source.model_copy(update={"parameters": {}})})
    with pytest.raises(UserError, match=r"source\.parameters has nothing random"):
        with_privileged(dull, dull.agent.settings)


def test_a_configuration_for_a_teacher_keeps_what_it_can(config: RunConfig) -> None:
    assert teacher_config(config) is config
    assert not is_teacher(small_config())
    made = teacher_config(small_config())
    assert is_teacher(made)
    assert made.agent.settings == {**CONTENT["agent"]["settings"], "encoder": {"kind": "rma", "widths": [16]}}
    assert made.transfer == small_config().transfer
    history = teacher_config(with_agent(kind="history", length=5, cell="tcn"))
    assert history.agent.settings["encoder"] == {"kind": "rma", "widths": [16], "length": 5, "cell": "tcn"}
    transferred = small_content()["transfer"]
    own = small_config(transfer={**transferred, "settings": {"encoder": {"widths": [8]}}})
    assert teacher_config(own).transfer.settings == {"encoder": {"kind": "rma", "widths": [8]}}


def test_no_target_tells_its_parameters(config: RunConfig) -> None:
    """Also where it is random in just what the source is random in."""
    domain, settings = config.source_domain(config.make_task()), config.transfer_settings()
    worlds = build_worlds(config, domain, settings, num_envs=3, role="target", num_threads=1)
    assert worlds.world_parameter_names == NAMES
    assert tuple(worlds.groups) == ("policy",)
    agent = build_agent(config, worlds, settings, role="target")
    assert isinstance(agent.observation_space, GroupSpace)
    assert tuple(agent.observation_space.groups) == ("policy",)
    assert agent.observation_space.absent == {"privileged": len(NAMES)}
    agent.learn(3 * 20)
    assert (agent._last_obs[:, -1] == 1.0).all()  # type: ignore[index, call-overload] # the window alone


# from the source to the target


def test_what_it_needs_is_said(config: RunConfig, teacher: RunDirectory, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain_run = pretrain(small_config(), plain, resume=False, num_threads=1, report=silent)
    with pytest.raises(UserError, match=r"learns from a teacher.*plain is of kind 'mlp'; pretrain one.*kind: rma"):
        carry(config, plain_run, tmp_path / "out")
    with pytest.raises(UserError, match="that of the configuration is of kind 'mlp'"):
        carry(small_config(), teacher, tmp_path / "out")
    other = config.source.model_copy(update={"parameters": {"body_mass": {"scale": {"uniform": [0.5, 2.0]}}}})
    with pytest.raises(UserError, match=r"reads body_mass, action_delay; random in .* are body_mass; both"):
        carry(config.model_copy(update={"source": other}), teacher, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_end_to_end(config: RunConfig, teacher: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = carry(config, teacher, tmp_path / "rma")
    ledger, curve = run.ledger(), run.curve()
    assert [point["step"] for point in curve] == [0]
    assert (ledger["steps"], ledger["source_steps"]) == (0, config.budget.target_steps)
    assert ledger["adaptation"]["steps"] == config.budget.target_steps
    assert ledger["adaptation"]["last"] < ledger["adaptation"]["first"]
    agent, bundle = load_agent(run, config)
    assert bundle.weights["encoder.adaptation.adapted"] == 1.0
    result = evaluate(
        agent,
        config.env,
        config.target_domain("heavy", config.make_task()),
        episodes=config.budget.eval_episodes,
        seed=derive_seed(config.seed, "target", "evaluation"),
        num_threads=1,
    )
    assert result.mean == curve[0]["return"]
    before = teacher.final().weights
    moved = {name for name, tensor in bundle.weights.items() if not torch.equal(tensor, before[name])}
    assert moved == {name for name in before if name.startswith("encoder.adaptation.")}
    still = carry(config, teacher, tmp_path / "still", "zero_shot")  # the teacher, told nothing
    assert still.curve()[0]["return"] != curve[0]["return"]

    def again(*args: Any) -> None:
        raise AssertionError("a finished run adapts again")

    monkeypatch.setattr("agents.learning.learner.adapt", again)
    assert carry(config, teacher, tmp_path / "rma", resume=True).final().digest == bundle.digest
    with pytest.raises(UserError, match="already holds a run"):
        carry(config, teacher, tmp_path / "rma")


def test_the_same_job_ends_byte_for_byte_the_same(config: RunConfig, teacher: RunDirectory, tmp_path: Path) -> None:
    one, two = (carry(config, teacher, tmp_path / name) for name in ("one", "two"))
    assert one.final().digest == two.final().digest


def test_a_teachers_interrupted_pretraining_ends_byte_for_byte_as_a_whole_one(
    config: RunConfig, teacher: RunDirectory, tmp_path: Path
) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if done >= 900:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(config, tmp_path / "killed", resume=False, num_threads=1, report=stop)
    resumed = pretrain(config, tmp_path / "killed", resume=True, num_threads=1, report=silent)
    assert resumed.final().digest == teacher.final().digest
    assert resumed.curve() == teacher.curve()
    assert float(teacher.final().weights["encoder.extrinsics.normalizer.count"].max()) == config.budget.source_steps


# a grid


def test_a_grid_has_a_teacher_for_who_needs_one(config: RunConfig) -> None:
    plain = small_config()
    jobs = make_jobs({("small", 0): plain, ("small", 1): plain}, ["heavy"], ["scratch", "zero_shot", "rma"])
    assert [job.path for job in jobs[:4]] == [
        f"{kind}/small/seed{seed}" for seed in (0, 1) for kind in ("source", "teacher")
    ]
    assert [job.name for job in jobs[:2]] == ["small source seed 0", "small teacher seed 0"]
    sources = {(job.method, job.seed): job.source for job in jobs[4:]}
    assert sources["scratch", 0] is None
    assert sources["zero_shot", 1] == "source/small/seed1"
    assert sources["rma", 1] == "teacher/small/seed1"
    kinds = {(job.method, job.source_kind): job.config["agent"]["settings"]["encoder"] for job in jobs}
    assert kinds["rma", "teacher"] == kinds[None, "teacher"] == {"kind": "rma", "widths": [16]}
    assert kinds["scratch", None] == kinds["zero_shot", "source"] == kinds[None, "source"] == {"widths": [16]}
    jobs = make_jobs({("small", 0): config}, ["heavy"], ["zero_shot", "rma"])  # one serves both
    assert [job.path for job in jobs[:1]] == ["source/small/seed0"]
    assert {job.source for job in jobs[1:]} == {"source/small/seed0"}
    assert not any(job.source_kind == "teacher" for job in make_jobs({("small", 0): plain}, ["heavy"], ["scratch"]))


def test_jobs_are_plain_data(config: RunConfig) -> None:
    for job in make_jobs({("small", 0): small_config()}, ["heavy"], ["rma"]):
        assert yaml.safe_load(yaml.safe_dump(job.to_mapping())) == job.to_mapping()
        assert RunConfig.model_validate(job.config).model_dump(mode="json") == job.config


def test_records_say_which_source(tmp_path: Path) -> None:
    jobs = make_jobs({("small", 0): small_config()}, ["heavy"], ["scratch", "zero_shot", "rma"])
    records = [collect_record(tmp_path, job, None) for job in jobs if job.target is not None]
    assert [record.source for record in records] == [None, "source", "teacher"]

    def measured(record: RunRecord, before: float | None, steps: int) -> RunRecord:
        curve = {"steps": np.array([0]), "returns": np.array([1.0]), "return_sd": np.array([0.0])}
        return replace(record, status="finished", source_return_before=before, source_steps=steps, **curve)

    told = [measured(records[0], None, 0), measured(records[1], 8.0, 100), measured(records[2], 2.0, 60)]
    results = BenchResults("b", tuple(told), {}, {}, 0.5, "zero_shot", "2026-01-01T00:00:00+00:00")
    assert results_from_mapping(to_mapping(results)).records == results.records
    old = to_mapping(results)
    for row in old["records"]:
        del row["source"]
    assert {record.source for record in results_from_mapping(old).records} == {None}
    summary = summarise(results)
    assert summary.source_steps == 160
    assert summary.groups[0].frame.source_return == 8.0
