"""Sizes that no machine has memory for are one message, before anything is allocated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from probes import LinearWorld

from agents import AgentsError, allocating, make_agent
from envs import EnvsError, make_vec
from sim2real.config.config import RunConfig, validate
from sim2real.errors import UserError


@pytest.mark.parametrize("num_envs", [10**9, 10**12, 10**30])
@pytest.mark.parametrize("name", ["hopper", "gym:Hopper-v5"])
def test_worlds(name: str, num_envs: int) -> None:
    with pytest.raises(EnvsError, match=r"^num_envs: .* worlds need at least .* GB of memory, this machine has"):
        make_vec(name, num_envs=num_envs)


@pytest.mark.parametrize(
    ("name", "settings", "key"),
    [
        ("ppo", {"num_steps": 10**12}, "num_steps"),
        ("ppo", {"num_steps": 10**30}, "num_steps"),
        ("ppo", {"policy_head": [10**6, 10**6]}, "policy_head"),
        ("ppo", {"encoder": {"widths": [10**12]}}, "encoder"),
        ("ppo", {"encoder": {"kind": "history", "length": 10**12}}, "encoder.length"),
        ("ppo", {"encoder": {"kind": "history", "memory_width": 10**12}}, "encoder"),
        ("sac", {"buffer_size": 10**12}, "buffer_size"),
        ("sac", {"batch_size": 10**12}, "batch_size"),
        ("sac", {"num_critics": 10**12}, "num_critics"),
        ("sac", {"num_steps": 10**15}, "num_steps"),
    ],
)
def test_learners(name: str, settings: dict[str, Any], key: str) -> None:
    with pytest.raises(AgentsError, match=rf"{key}.*: needs about .* TB of memory, this machine has"):
        make_agent(name, LinearWorld(8), settings=settings, seed=0, device="cpu")


@pytest.mark.parametrize("key", ["source_steps", "eval_episodes", "evaluations", "checkpoints"])
def test_budgets_are_bounded(key: str) -> None:
    budget = {"source_steps": 8, "target_steps": 8, key: 10**400}
    content = {"env": "hopper", "agent": {"num_envs": 8}, "transfer": {"num_envs": 8}, "budget": budget}
    with pytest.raises(UserError, match=rf"budget\.{key}: .*less than or equal"):
        validate(RunConfig, content, "test")


def test_a_failure_to_allocate_is_one_message() -> None:
    def on_torch() -> Any:
        return torch.empty(2**60)

    def on_numpy() -> Any:
        return np.zeros(2**58)

    for allocate in (on_torch, on_numpy):
        with pytest.raises(AgentsError, match=r"^the table: not enough memory"), allocating("the table"):
            allocate()
    with pytest.raises(RuntimeError, match="something else"), allocating("the table"):
        raise RuntimeError("something else: size mismatch")


@pytest.mark.parametrize(("name", "key", "value"), [("ppo", "num_epochs", 10**9), ("sac", "gradient_steps", 1e300)])
def test_updates_that_never_end_are_refused(name: str, key: str, value: float) -> None:
    with pytest.raises(AgentsError, match=rf"{key} is .*: it must be .* 1,000"):
        make_agent(name, LinearWorld(8), settings={key: value}, seed=0, device="cpu")


def test_a_model_file_of_too_many_copies(tmp_path: Path) -> None:
    geom = '<geom size="1"/>'
    for _ in range(3):
        geom = f'<replicate count="1000" offset="1 0 0">{geom}</replicate>'
    (tmp_path / "part.xml").write_text(f"<mujoco><worldbody>{geom}</worldbody></mujoco>")
    (tmp_path / "robot.xml").write_text('<mujoco><include file="part.xml"/></mujoco>')
    with pytest.raises(EnvsError, match=r"robot\.xml: comes to 1,0\d\d,\d\d\d,\d\d\d elements .* at most 200,000"):
        make_vec("gym:Hopper-v5", num_envs=1, xml_file=str(tmp_path / "robot.xml"))
