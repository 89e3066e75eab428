"""A learner that diverges stops, is named, and leaves its good checkpoints; a domain that diverges is warned of."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from probes import SMALL, LinearWorld
from small_runs import SAC as SAC_RUN
from small_runs import silent, small_config

from agents import PPO, SAC, CheckpointError, DivergedError, load_bundle, parts, require_finite_learner, save_bundle
from agents.learning.finite import all_finite, is_finite
from sim2real.runs.pretraining import pretrain
from sim2real.runs.training import fault_warning

SMALL_SAC = {
    "encoder": {"widths": [8]},
    "policy_head": [8],
    "critic_head": [8],
    "buffer_size": 512,
    "batch_size": 16,
    "learning_starts": 16,
    "gradient_steps": 0.5,
}
PATHS: list[tuple[type[Any], dict[str, Any]]] = [
    (PPO, SMALL),
    (PPO, {**SMALL, "shared_encoder": False}),
    (PPO, {**SMALL, "encoder": {"kind": "history", "length": 2, "memory_width": 4}}),  # gradients from autograd
    (SAC, SMALL_SAC),
    (SAC, {**SMALL_SAC, "num_critics": 3, "policy_delay": 2}),
    (SAC, {**SMALL_SAC, "encoder": {"kind": "history", "length": 2, "memory_width": 4}}),
]


@pytest.mark.parametrize(("kind", "settings"), PATHS)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_learner_with_weights_that_are_not_finite_stops_and_is_named(
    kind: type[Any], settings: dict[str, Any], value: float
) -> None:
    for part in ("encoder", "policy_head", "critic" if kind is SAC else "value_head"):
        agent = kind(LinearWorld(8), settings, seed=0, device="cpu")
        agent.learn(64)
        weight = next(iter(parts.parameters(agent.policy, [part])))

        def spoil(*_: Any, weight: torch.Tensor = weight) -> None:
            """Do as an update that overflows does."""
            with torch.no_grad():
                weight.view(-1)[0] = value

        for optimizer in agent.optimizers:
            optimizer.register_step_post_hook(spoil)
        with pytest.raises(DivergedError, match=rf"^{kind.__name__} diverged by step \d+: not finite: ") as caught:
            agent.learn(64, reset_num_timesteps=False)
        assert 64 < int(str(caught.value).split()[4].strip(":")) <= (128 if kind is PPO else 80)
        with pytest.raises(DivergedError):
            require_finite_learner(agent)


@pytest.mark.parametrize(("kind", "settings"), [(PPO, SMALL), (SAC, SMALL_SAC)])
def test_a_learning_rate_that_overflows_is_the_learners_fault(kind: type[Any], settings: dict[str, Any]) -> None:
    agent = kind(LinearWorld(8), {**settings, "learning_rate": 1e38}, seed=0, device="cpu")
    with pytest.raises(DivergedError, match=rf"^{kind.__name__} diverged by step "):
        agent.learn(640)


def test_the_entropy_coefficient_and_the_replay_are_among_what_is_checked() -> None:
    agent = SAC(LinearWorld(8), SMALL_SAC, seed=0, device="cpu")
    agent.learn(64)
    agent.replay._table[3, 1] = math.inf
    with pytest.raises(DivergedError, match="training state 'own/replay'"):
        agent.get_training_state()
    agent.replay._table[3, 1] = 0.0
    with torch.no_grad():
        agent.policy.log_temperature.fill_(1e3)
    with pytest.raises(DivergedError, match="ent_coef nan"):
        agent.learn(64, reset_num_timesteps=False)


def test_finiteness_of_tensors() -> None:
    big = torch.full((3,), 3e38)
    for value, good in ((0.0, True), (math.nan, False), (math.inf, False), (-math.inf, False)):
        tensor = torch.tensor([1.0, value])
        assert is_finite(tensor) == all_finite([big, tensor, torch.zeros(0)]) == good
    assert is_finite(torch.zeros(0))
    assert is_finite(torch.tensor([1]))
    assert all_finite([])


def test_a_bundle_takes_no_nan(tmp_path: Path) -> None:
    weights = {"encoder.a": torch.tensor([0.0, math.nan])}
    with pytest.raises(CheckpointError, match=r"weights\.safetensors: 'encoder\.a' contains NaN"):
        save_bundle(tmp_path / "b", weights=weights, state={}, meta={})
    assert not (tmp_path / "b").exists()
    save_bundle(tmp_path / "b", weights={"mask": torch.tensor([-math.inf])}, state={}, meta={})  # of a user's module


@pytest.mark.thorough
@pytest.mark.parametrize("changes", [{}, SAC_RUN], ids=["ppo", "sac"])
def test_a_run_that_diverges_keeps_its_good_checkpoint_and_goes_on_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    config = small_config(**changes)
    kind = SAC if changes else PPO
    whole = pretrain(config, tmp_path / "whole", resume=False, num_threads=1, report=silent)
    train = kind.train

    def poisoned(self: Any, *args: Any) -> None:
        train(self, *args)
        if self.num_timesteps >= 1000:
            with torch.no_grad():
                self.policy.encoder.layers[0].weight[0, 0] = math.nan

    with monkeypatch.context() as patch:
        patch.setattr(kind, "train", poisoned)
        with pytest.raises(DivergedError) as caught:
            pretrain(config, tmp_path / "run", resume=False, num_threads=1, report=silent)
    message = str(caught.value)
    assert f"{tmp_path / 'run'}: {kind.__name__} diverged by step 1,0" in message
    steps = [int(folder.name) for folder in sorted((tmp_path / "run" / "checkpoints").iterdir())]
    assert steps[-1] < 1000
    assert f"the last good checkpoint is that of step {steps[-1]:,}" in message
    bundle = load_bundle(tmp_path / "run" / "checkpoints" / f"{steps[-1]:010d}")
    assert all(torch.isfinite(tensor).all() for tensor in bundle.weights.values())
    run = pretrain(config, tmp_path / "run", resume=True, num_threads=1, report=silent)
    assert run.ledger()["digests"] == whole.ledger()["digests"]
    assert run.curve() == whole.curve()


def test_a_source_whose_worlds_diverge_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from envs import DomainVectorEnv

    step = DomainVectorEnv.step

    def breaking(self: Any, actions: Any) -> Any:
        actions = np.array(actions)
        actions[: len(actions) // 4] = np.nan
        return step(self, actions)

    monkeypatch.setattr(DomainVectorEnv, "step", breaking)
    run = pretrain(small_config(), tmp_path / "run", resume=False, num_threads=1, report=silent)
    ledger = run.ledger()
    assert ledger["fault_share"] == ledger["faults"] / ledger["episodes"] > 0.9
    assert "of the training episodes the simulation diverged" in ledger["warning"]
    assert fault_warning({"fault_share": 0.01}) is None
    assert fault_warning({"fault_share": 0.25}) is not None
