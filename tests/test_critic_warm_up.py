"""A cold critic undoes a good policy; the default method's warm-up does not let it."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest
import torch
from small_runs import silent

from agents import TransferPlan
from sim2real.config import RunConfig, read_yaml, validate
from sim2real.methods import DEFAULT_METHOD, METHODS, Method
from sim2real.methods.kept_heads import train_kept_heads
from sim2real.pretraining import pretrain
from sim2real.run import RunDirectory
from sim2real.shipped import shipped_configs
from sim2real.stats import dip_depth
from sim2real.transferring import Transfer, transfer

COLD = Method(
    "control: the default without its warm-up, its critic fresh",
    plan=lambda source, target: TransferPlan(
        {"encoder": "freeze", "policy_head": "keep", "value_head": "reset", "log_std": "keep"}, (train_kept_heads(),)
    ),
)


def config(seed: int) -> RunConfig:
    """Cartpole, learnt in a quarter of a minute, and a target budget in which a policy can be spoilt."""
    content = read_yaml(shipped_configs()["cartpole_swingup"]) | {"seed": seed}
    content["budget"] = {"source_steps": 256000, "target_steps": 16384, "evaluations": 8, "eval_episodes": 5}
    settings = {"num_steps": 32, "batch_size": 128, "learning_rate": 1e-3, "num_epochs": 10}
    content["transfer"] = {"num_envs": 16, "settings": settings}
    found = validate(RunConfig, content, "test")
    assert isinstance(found, RunConfig)
    return found


def dip(source: RunDirectory, seed: int, method: str, out: Path) -> float:
    """Return the largest share of the zero-shot return that is lost on the way."""
    job = Transfer(config(seed), source, "weak", method)
    run = transfer(job, out, resume=False, num_threads=1, report=silent, show_plan=lambda rows: None)
    returns = torch.tensor([[point["return"] for point in run.curve()]]).double().numpy()
    return float(dip_depth(returns, 0.0)[0])


@pytest.mark.slow
def test_the_control_without_warm_up_dips_and_the_default_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the median source agent: one in five stands through a cold critic, and one loses a sixth with a warm one."""
    monkeypatch.setitem(METHODS, "cold", COLD)
    dips: dict[str, list[float]] = {"cold": [], DEFAULT_METHOD: []}
    for seed in range(5):
        source = pretrain(config(seed), tmp_path / f"source{seed}", resume=False, num_threads=1, report=silent)
        for method, found in dips.items():
            found.append(dip(source, seed, method, tmp_path / f"{method}{seed}"))
    assert median(dips["cold"]) > 0.15, dips
    assert median(dips[DEFAULT_METHOD]) < 0.1, dips
    assert all(warm <= cold for warm, cold in zip(dips[DEFAULT_METHOD], dips["cold"], strict=True)), dips
