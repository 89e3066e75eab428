"""The source of a transfer is the source run's, not what another configuration calls its source; or it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sensed_cartpole import MAP, SENSED
from small_runs import CONTENT, SAC, silent, small_config, write_config

from agents import Learner, VectorAdapter
from envs import DomainVectorEnv
from sim2real.cli import commands as cli
from sim2real.config.config import RunConfig
from sim2real.config.seeding import derive_seed
from sim2real.errors import UserError
from sim2real.methods import METHODS
from sim2real.runs.building import build_worlds, load_agent
from sim2real.runs.evaluation import evaluate
from sim2real.runs.pretraining import pretrain
from sim2real.runs.run import RunDirectory
from sim2real.runs.teachers import teacher_config
from sim2real.transfer.source_side import source_companion
from sim2real.transfer.transfer import Transfer, transfer

TARGETS = {"heavy": {"parameters": {"body_mass": {"scale": 1.2}}}}
OTHER = {  # random in the same, and another one nevertheless
    "parameters": {
        "body_mass": {"scale": {"uniform": [3.0, 3.5]}},
        "action_delay": {"set": {"choice": [2, 3]}},
    }
}
BUDGET = {**CONTENT["budget"], "source_steps": 512, "target_steps": 256, "evaluations": 1, "checkpoints": 1}
SMALL = {"targets": TARGETS, "seed": 1, "budget": BUDGET}
NEED_WORLDS = [name for name, row in METHODS.items() if row.needs_source_worlds]


def kind_of(method: str) -> dict[str, Any]:
    """What a configuration has in place of the small one's, for a learner that can carry out `method`."""
    return {} if "ppo" in METHODS[method].algorithms else SAC


def config_for(method: str, **changes: Any) -> RunConfig:
    config = small_config(**{**SMALL, **kind_of(method), **changes})
    return teacher_config(config) if METHODS[method].needs_teacher else config


def mapped(method: str, space_map: Any, **changes: Any) -> dict[str, Any]:
    part = small_config(**kind_of(method)).transfer.model_dump(exclude={"space_map"})
    return {"transfer": {**part, "space_map": space_map}, **changes}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunDirectory]:
    """The source run of every method that wants worlds of it; one run may serve several."""
    made: dict[str, RunDirectory] = {}
    for method in NEED_WORLDS:
        config, out = config_for(method, seed=0), tmp_path_factory.mktemp("side") / "source"
        same = [run for run in made.values() if run.config() == config]
        made[method] = same[0] if same else pretrain(config, out, resume=False, num_threads=1, report=silent)
    return made


@pytest.fixture(autouse=True)
def few_steps_of_ewc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim2real.methods.ewc.SOURCE_STEPS", 64)


def carry(config: RunConfig, source: RunDirectory, out: Path, method: str) -> RunDirectory:
    job = Transfer(config, source, "heavy", method)
    return transfer(job, out, resume=False, num_threads=1, report=silent, show_plan=lambda rows: None)


@pytest.mark.thorough
@pytest.mark.parametrize("method", NEED_WORLDS)
def test_another_source_section_changes_nothing(
    method: str, sources: dict[str, RunDirectory], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Worlds beside the target's, what is learned of them, and the return on the source: all of the source run's."""
    seen: list[DomainVectorEnv] = []
    applied = Learner.apply_plan

    def watch(self: Learner, *args: Any) -> list[str]:
        loaded = applied(self, *args)
        assert isinstance(self.source_env, VectorAdapter)
        assert isinstance(self.source_env.env, DomainVectorEnv)
        seen.append(self.source_env.env)
        return loaded

    monkeypatch.setattr(Learner, "apply_plan", watch)
    source, agent = sources[method], kind_of(method).get("agent", small_config().agent.model_dump())
    own, other = config_for(method), config_for(method, source=OTHER, agent={**agent, "num_envs": 4})
    runs = [carry(config, source, tmp_path / name, method) for config, name in ((own, "own"), (other, "other"))]
    assert runs[0].manifest()["config"] != runs[1].manifest()["config"]
    weights = [run.final().weights for run in runs]
    assert all(torch.equal(weights[0][name], tensor) for name, tensor in weights[1].items())
    ledgers = [run.ledger() for run in runs]
    for key in ("source_return_before", "source_return_after", "source_steps", "adaptation"):
        assert ledgers[0][key] == ledgers[1][key], key
    for worlds in seen:
        assert worlds.num_envs == source.config().agent.num_envs == 8
        assert (worlds.parameters["body_mass"] < 1.2).all()
    np.testing.assert_array_equal(*(worlds.parameters["body_mass"] for worlds in seen))


def test_the_sources_worlds_are_of_a_branch_of_the_runs_own_seed() -> None:
    """Others for every seed, none that the source was trained in, whatever the seed of its own run."""
    home = config_for("ewc")

    def masses(config: RunConfig, seed: int) -> np.ndarray:
        worlds = source_companion(config, config.agent.settings, seed, 1, privileged=False)
        worlds.reset()
        return worlds.parameters["body_mass"].copy()

    np.testing.assert_array_equal(masses(home, 5), masses(home.model_copy(update={"seed": 9}), 5))
    assert (masses(home, 5) != masses(home, 6)).all()
    domain = home.source_domain(home.make_task())
    trained = build_worlds(home, domain, home.agent.settings, num_envs=8, role="source", num_threads=1)
    trained.reset()
    assert (masses(home, home.seed) != trained.parameters["body_mass"]).all()


def test_a_policy_that_nothing_moved_returns_on_the_source_what_it_did(
    sources: dict[str, RunDirectory], tmp_path: Path
) -> None:
    """Exactly, in the source run's episodes, whatever seed and number of episodes the carrying run has."""
    config = config_for("zero_shot", seed=5, source=OTHER, budget={**BUDGET, "eval_episodes": 3})
    ledger = carry(config, sources["ewc"], tmp_path / "still", "zero_shot").ledger()
    assert ledger["source_return_after"] == ledger["source_return_before"]


def test_who_has_no_source_is_measured_on_the_configurations(sources: dict[str, RunDirectory], tmp_path: Path) -> None:
    config = config_for("scratch", source=OTHER)
    run = carry(config, sources["ewc"], tmp_path / "scratch", "scratch")
    assert run.ledger()["source_return_before"] is None
    assert run.ledger()["source_return_after"] == return_on_source(run, config)


def return_on_source(run: RunDirectory, config: RunConfig) -> float:
    """Return what the agent of `run` returns in the source domain of `config`."""
    agent, _ = load_agent(run, run.config())
    seed = derive_seed(config.seed, "source", "evaluation")
    domain, episodes = config.source_domain(config.make_task()), config.budget.eval_episodes
    return evaluate(
        agent, config.env, domain, episodes=episodes, seed=seed, num_threads=1, task_kwargs=config.task
    ).mean


# Spaces that differ


def test_between_spaces_that_differ_retention_is_measured_where_the_agent_can_act(
    sources: dict[str, RunDirectory], tmp_path: Path
) -> None:
    config = config_for("zero_shot", env=SENSED, source=OTHER, **mapped("zero_shot", MAP))
    run = carry(config, sources["ewc"], tmp_path / "mapped", "zero_shot")
    assert run.ledger()["source_return_after"] == return_on_source(run, config)
    assert run.ledger()["source_return_after"] != run.ledger()["source_return_before"]


@pytest.mark.parametrize("method", NEED_WORLDS)
@pytest.mark.parametrize(
    "changes",
    [
        {"env": SENSED, "space_map": MAP},
        {"space_map": {"observation": {"qvel.slider": "qvel.hinge", "qvel.hinge": "qvel.slider"}}},  # the same names
    ],
    ids=["other spaces", "other entries"],
)
def test_methods_that_want_worlds_of_the_source_are_refused(
    method: str, changes: dict[str, Any], sources: dict[str, RunDirectory], tmp_path: Path
) -> None:
    changes = dict(changes)
    config = config_for(method, **mapped(method, changes.pop("space_map"), **changes))
    with pytest.raises(UserError) as caught:
        carry(config, sources[method], tmp_path / "run", method)
    assert str(caught.value).startswith(f"method {method}: takes steps in worlds of the source, and transfer.space_map")
    assert f"{sources[method].path}: between spaces that differ the source cannot be measured" in str(caught.value)
    valid = str(caught.value).rpartition("valid: ")[2].split(", ")
    assert "fine_tune" in valid
    assert not {*NEED_WORLDS, "scratch"} & set(valid)
    assert not (tmp_path / "run").exists()


def test_a_map_that_changes_nothing_refuses_nothing(sources: dict[str, RunDirectory], tmp_path: Path) -> None:
    config = config_for("ewc", **mapped("ewc", {"observation": "same_names", "action": "same_names"}))
    run = carry(config, sources["ewc"], tmp_path / "mapped", "ewc")
    plain = carry(config_for("ewc"), sources["ewc"], tmp_path / "plain", "ewc")
    assert all(torch.equal(run.final().weights[name], t) for name, t in plain.final().weights.items())
    assert run.ledger()["source_steps"] == plain.ledger()["source_steps"] > 0


def test_the_command_ends_with_2(
    sources: dict[str, RunDirectory],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = write_config(tmp_path, env=SENSED, **SMALL, **mapped("ewc", MAP))
    words = ["transfer", str(sources["ewc"].path), "--config", str(config), "--target", "heavy", "--method", "ewc"]
    monkeypatch.setattr("sys.argv", ["sim2real", *words, "--out", str(tmp_path / "run"), "--threads", "1"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "between spaces that differ the source cannot be measured" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()
