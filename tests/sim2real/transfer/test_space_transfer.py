"""A transfer between spaces that differ: refused without a map, both spaces shown; with one, the policy acts on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from sensed_cartpole import MAP, SENSED
from small_runs import silent, small_config, write_config

from agents import Bundle, EntryMap, PlanRow
from envs import DomainVectorEnv, make_vec
from sim2real.cli import commands as cli
from sim2real.config.config import RunConfig, load_config
from sim2real.config.space_map import SpaceMap, SpaceMatch, match_spaces
from sim2real.config.spaces import Spaces, side_by_side
from sim2real.errors import UserError
from sim2real.runs.pretraining import pretrain
from sim2real.runs.run import RunDirectory
from sim2real.transfer.transfer import Transfer, transfer

TARGETS = {"heavy": {"parameters": {"body_mass": {"scale": 1.2}}}}
OLD = ("qpos.slider", "cos.hinge", "sin.hinge", "qvel.slider", "qvel.hinge")


def target_config(space_map: Any) -> RunConfig:
    part = small_config().transfer.model_dump(exclude={"space_map"})
    return small_config(env=SENSED, targets=TARGETS, transfer={**part, "space_map": space_map})


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    out = tmp_path_factory.mktemp("spaces") / "source"
    return pretrain(small_config(targets=TARGETS), out, resume=False, num_threads=1, report=silent)


def carry(config: RunConfig, source: RunDirectory, out: Path, method: str) -> RunDirectory:
    def show(rows: list[PlanRow]) -> None:
        pass

    job = Transfer(config, source, "heavy", method)
    return transfer(job, out, resume=False, num_threads=1, report=silent, show_plan=show)


# A whole transfer


def test_zero_shot_is_the_source_policys_own(source: RunDirectory, tmp_path: Path) -> None:
    same = carry(small_config(targets=TARGETS), source, tmp_path / "same", "zero_shot")
    mapped = carry(target_config(MAP), source, tmp_path / "mapped", "zero_shot")
    (own,), (wanted,) = mapped.curve(), same.curve()
    assert own["return"] == pytest.approx(wanted["return"], rel=1e-3)
    told = mapped.manifest()["space_map"]
    assert told["observation"]["fresh"] == ["height"]
    assert told["observation"]["carried"]["position"] == "qpos.slider"
    assert told["action"]["dropped"] == []
    assert "space_map" not in same.manifest()


def test_fine_tuning_moves_the_fresh_weights_and_a_frozen_encoder_does_not(
    source: RunDirectory, tmp_path: Path
) -> None:
    for method, moves in (("fine_tune", True), ("frozen_encoder", False)):
        run = carry(target_config(MAP), source, tmp_path / method, method)
        weights = run.final().weights["encoder.layers.0.weight"]
        assert weights.shape == (16, 6)
        assert bool(weights[:, 1].abs().max() > 0.0) == moves
        assert run.ledger()["steps"] == small_config().budget.target_steps
        assert run.final().meta["spaces"]["observation"][1] == "height"


@pytest.mark.thorough
def test_a_mapped_run_continues_to_the_same_bytes(source: RunDirectory, tmp_path: Path) -> None:
    whole = carry(target_config(MAP), source, tmp_path / "whole", "fine_tune")
    carry(target_config(MAP), source, tmp_path / "half", "fine_tune")
    steps = sorted((tmp_path / "half" / "checkpoints").iterdir())
    for file in steps[-1].iterdir():
        file.write_bytes(b"")
    (tmp_path / "half" / "ledger.json").unlink()
    job = Transfer(target_config(MAP), source, "heavy", "fine_tune")
    again = transfer(job, tmp_path / "half", resume=True, num_threads=1, report=silent, show_plan=lambda rows: None)
    for name, tensor in whole.final().weights.items():
        assert torch.equal(again.final().weights[name], tensor), name


def test_without_a_map_both_spaces_stand_side_by_side(source: RunDirectory, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        carry(target_config(None), source, tmp_path / "run", "fine_tune")
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{source.path}: the checkpoint's spaces do not fit this environment"
    assert lines[1].split() == ["observation", "checkpoint", "(5)", "environment", "(6)"]
    assert ["qpos.slider", "-", "<"] in [line.split() for line in lines]
    assert ["cos.hinge", "cos.hinge"] in [line.split() for line in lines]
    assert ["-", "height", "<"] in [line.split() for line in lines]
    assert "transfer: {space_map: {observation: same_names, action: same_names}}" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_the_command_tells_what_is_fresh(
    source: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    part = target_config(MAP).transfer.model_dump()
    config = write_config(tmp_path, env=SENSED, targets=TARGETS, transfer=part)
    assert load_config(config).transfer.space_map == SpaceMap(**MAP)
    words = ["transfer", str(source.path), "--config", str(config), "--target", "heavy", "--method", "zero_shot"]
    monkeypatch.setattr("sys.argv", ["sim2real", *words, "--out", str(tmp_path / "run"), "--threads", "1"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "observation: 5 of 6 entries carried over; fresh height" in shown
    assert "action: 1 of 1 entries carried over" in shown


# Maps by name


def match(space_map: dict[str, Any], source: Spaces, target: Spaces) -> SpaceMatch:
    return SpaceMatch.make(source, target, SpaceMap(**space_map), "run")


def test_same_names_and_names_given() -> None:
    source, target = Spaces(("a", "b", "c"), ("m", "n")), Spaces(("c", "x", "a"), ("n",))
    plain = match({}, source, target).maps
    assert plain["observation"].pairs == ((0, 2), (2, 0))
    assert plain["action"].pairs == ((0, 1),)
    given = match({"observation": {"x": "b"}, "action": {}}, source, target).maps
    assert given["observation"].pairs == ((1, 1),)
    assert given["action"].pairs == ()
    both = match({"observation": {"x": "a", "*": "same_names"}}, source, target)
    assert both.maps["observation"].pairs == ((0, 2), (1, 0))
    assert both.to_json()["observation"] == {"carried": {"c": "c", "x": "a"}, "fresh": ["a"], "dropped": ["b"]}
    assert both.describe().splitlines()[0] == "observation: 2 of 3 entries carried over; fresh a; dropped b"


@pytest.mark.parametrize(
    ("space_map", "message"),
    [
        ({"observation": {"y": "a"}}, r"run: space_map.observation: unknown entry of the target 'y'.*valid: a, c, x"),
        ({"observation": {"x": "d"}}, r"run: space_map.observation: unknown entry of the source 'd'.*valid: a, b, c"),
        ({"observation": {"x": "a", "c": "a"}}, r"space_map.observation: a has several partners"),
        ({"action": "same_names"}, r"space_map.action: source \(m\) and target \(k, k\) share no name"),
        ({"action": {"k": "m"}}, r"space_map.action: 'k' is the name of 2 entries of the target"),
    ],
)
def test_maps_that_cannot_be_say_what_could(space_map: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        match(space_map, Spaces(("a", "b", "c"), ("m",)), Spaces(("c", "x", "a"), ("k", "k")))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("same", r"space_map.observation: must be same_names, or a mapping of target_name: source_name, got 'same'"),
        ({"a": 3}, r"space_map.observation: names must be texts, got 'a': 3"),
        ({"*": "a"}, r"space_map.observation: '\*' stands for all other entries, it can only be same_names"),
    ],
)
def test_a_configuration_with_an_impossible_map_is_refused(value: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        target_config({"observation": value})


def test_long_stretches_of_equal_names_are_left_out() -> None:
    many = tuple(f"joint.{i}" for i in range(40))
    text = side_by_side(Spaces(many, ("m",)), Spaces((*many[:20], "new", *many[20:]), ("m",)))
    assert text.count("joint.") == 2 * 4
    assert text.count("... 18 equal") == 2
    assert [line for line in text.splitlines() if line.endswith("<")] == [f"{' ' * 14}-{' ' * 17}new   <"]


# Checkpoints from before names of actions were recorded


def bundle(action: list[Any]) -> Bundle:
    return Bundle({}, {}, {"spaces": {"observation": list(OLD), "action": action}}, "")


def worlds(name: str) -> DomainVectorEnv:
    return make_vec(name, num_envs=1, seed=0, num_threads=1)


def test_older_checkpoints_know_only_how_many_actions_they_have() -> None:
    cartpole, sensed = worlds("cartpole_swingup"), worlds(SENSED)
    assert match_spaces(bundle([1]), cartpole, None, "run") is None
    with pytest.raises(UserError, match=r"action +checkpoint \(2\) +environment \(1\)"):
        match_spaces(bundle([2]), cartpole, None, "run")
    found = match_spaces(bundle([1]), sensed, SpaceMap(**MAP), "run")
    assert found is not None
    assert found.maps["action"] == EntryMap.identity(1)
    with pytest.raises(UserError, match=r"space_map.action: .*before names of actions.*\(2, the environment's 1: "):
        match_spaces(bundle([2]), sensed, SpaceMap(**MAP), "run")
    silent_one = replace(bundle([1]), meta={})
    with pytest.raises(UserError, match="does not say which spaces"):
        match_spaces(silent_one, cartpole, None, "run")


def test_checkpoints_name_their_actions(source: RunDirectory) -> None:
    spaces = source.final().meta["spaces"]
    assert spaces == {"observation": list(OLD), "action": list(worlds("cartpole_swingup").physics.action_names)}
    assert json.loads(json.dumps(spaces)) == spaces
