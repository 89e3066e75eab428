"""Bundles: whole or not there, refused when anything is off; and training that continues byte for byte."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from probes import SMALL, ConstantReward, LinearWorld
from spies import AtRollout, Records
from stable_baselines3.common.logger import Logger

from agents import (
    PARTS,
    PPO,
    AgentsError,
    CheckpointError,
    ExplainedVariance,
    PartsError,
    Phase,
    TransferPlan,
    bundle_digest,
    load_bundle,
    parts,
    pretrain_plan,
    save_bundle,
    verify,
)
from agents.learning import checkpoint as checkpoint_module

torch.set_num_threads(1)  # networks this small are slower on more

SETTINGS: dict[str, Any] = {**SMALL, "schedule": "linear"}
WEIGHTS = {"encoder.a": torch.arange(6.0).reshape(2, 3), "log_std.value": torch.zeros(0)}
STATE = {"count": torch.tensor(3, dtype=torch.int64), "key": torch.tensor([1, 2], dtype=torch.uint64)}
META = {"parent": None, "steps": 7, "rates": [0.1, 1e-300]}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    save_bundle(tmp_path / "b", weights=WEIGHTS, state=STATE, meta=META)
    return tmp_path / "b"


def rewrite(bundle: Path, **changes: Any) -> None:
    """Change entries of a bundle's manifest."""
    path = bundle / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_what_is_saved_is_loaded(bundle: Path) -> None:
    loaded = load_bundle(bundle)
    for saved, found in ((WEIGHTS, loaded.weights), (STATE, loaded.state)):
        assert set(saved) == set(found)
        assert all(torch.equal(saved[name], found[name]) for name in saved)
        assert all(saved[name].dtype == found[name].dtype for name in saved)
    assert loaded.meta == META
    assert sorted(path.name for path in bundle.iterdir()) == [
        "manifest.json",
        "state.safetensors",
        "weights.safetensors",
    ]
    assert loaded.digest == verify(bundle) == bundle_digest(bundle)


def test_the_same_contents_are_the_same_bytes(tmp_path: Path) -> None:
    one = save_bundle(tmp_path / "one", weights=WEIGHTS, state=STATE, meta=META)
    two = save_bundle(tmp_path / "two", weights=dict(reversed(WEIGHTS.items())), state=STATE, meta=META)
    assert one == two
    assert save_bundle(tmp_path / "three", weights=WEIGHTS, state={}, meta=META) != one


def test_the_digest_does_not_depend_on_clocks_and_on_all_else(tmp_path: Path) -> None:
    def digest(**changes: Any) -> str:
        given: dict[str, Any] = {"weights": WEIGHTS, "state": STATE, "meta": META, **changes}
        returned = save_bundle(tmp_path / "b", **given)
        assert returned == verify(tmp_path / "b") == bundle_digest(tmp_path / "b") == load_bundle(tmp_path / "b").digest
        return returned

    assert digest() == digest(meta={**META, "clock": {"wall_seconds": 1.5}})
    assert digest() == digest(meta={**META, "clock": {"wall_seconds": 2.5}})
    assert load_bundle(tmp_path / "b").meta["clock"] == {"wall_seconds": 2.5}
    others = [
        digest(meta={**META, "parent": "a"}),
        digest(meta={**META, "wall_seconds": 1.5}),
        digest(weights={**WEIGHTS, "log_std.value": torch.ones(0, dtype=torch.float64)}),
        digest(state={}),
    ]
    assert len({digest(), *others}) == 5


def test_a_bundle_that_a_killed_save_left_aside_still_counts(bundle: Path) -> None:
    digest = bundle_digest(bundle)
    bundle.rename(bundle.parent / f".{bundle.name}.previous")
    assert load_bundle(bundle).digest == verify(bundle) == bundle_digest(bundle) == digest


def test_meta_is_read_as_it_was_hashed(tmp_path: Path) -> None:
    """Keys that are no strings, tuples, other alphabets: what JSON makes of them is what is protected."""
    save_bundle(tmp_path / "b", weights=WEIGHTS, state=STATE, meta={10: (1, 2), 9: {"ü": 1e-300}})
    assert load_bundle(tmp_path / "b").meta == {"10": [1, 2], "9": {"ü": 1e-300}}


@pytest.mark.parametrize(
    "meta",
    [
        {**META, "steps": 8},
        {**META, "more": 1},
        {key: value for key, value in META.items() if key != "parent"},
        {**META, "rates": [0.1, 1e-301]},
        {**META, "clock": {"wall_seconds": 0}},
        {},
    ],
)
def test_altered_meta_is_refused(bundle: Path, meta: dict[str, Any]) -> None:
    rewrite(bundle, meta=META)  # another layout of the same manifest is no alteration
    assert load_bundle(bundle).meta == META
    rewrite(bundle, meta=meta)
    for read in (load_bundle, verify, bundle_digest):
        with pytest.raises(CheckpointError, match=r"manifest\.json: meta was altered"):
            read(bundle)


@pytest.mark.parametrize(("number", "message"), [("1e999", "meta was altered"), ("NaN", "not JSON: NaN")])
def test_numbers_that_are_none_are_refused(bundle: Path, number: str, message: str) -> None:
    path = bundle / "manifest.json"
    path.write_text(path.read_text().replace('"steps": 7', f'"steps": {number}'))
    with pytest.raises(CheckpointError, match=message):
        load_bundle(bundle)


def test_manifest_names_checksum_and_size_of_every_file(bundle: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    for name, entry in manifest["files"].items():
        data = (bundle / name).read_bytes()
        assert entry == {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


@pytest.mark.parametrize("name", ["weights.safetensors", "state.safetensors", "manifest.json"])
def test_a_missing_file_is_refused(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(CheckpointError, match=f"{name}: No such file"):
        load_bundle(bundle)


@pytest.mark.parametrize("name", ["weights.safetensors", "state.safetensors"])
def test_a_truncated_or_altered_file_is_refused(bundle: Path, name: str) -> None:
    data = (bundle / name).read_bytes()
    (bundle / name).write_bytes(data[:-1])
    with pytest.raises(CheckpointError, match=rf"{name}: {len(data) - 1} bytes, the manifest says {len(data)}"):
        load_bundle(bundle)
    (bundle / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(CheckpointError, match=rf"{name}: checksum differs"):
        verify(bundle)


def test_a_truncated_manifest_is_refused(bundle: Path) -> None:
    text = (bundle / "manifest.json").read_text()
    (bundle / "manifest.json").write_text(text[: len(text) // 2])
    with pytest.raises(CheckpointError, match=r"manifest\.json: not JSON"):
        load_bundle(bundle)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "sim2real-bundle/99"}, "unknown format 'sim2real-bundle/99'; this version reads"),
        ({"format": None}, "unknown format None"),
        ({"meta_sha256": None}, "meta was altered"),
        ({"meta": 3}, "`files` and `meta` must be objects"),
        ({"files": {}}, "does not list weights.safetensors"),
        ({"files": {"../../etc/passwd": {}}}, "lists '../../etc/passwd'"),
        ({"files": {"/etc/passwd": {}}}, "lists '/etc/passwd'"),
        ({"files": {"weights.pkl": {}}}, "lists 'weights.pkl'"),
        ({"files": {"weights.safetensors": {}, "state.safetensors": {}}}, "bytes, the manifest says nothing"),
    ],
)
def test_another_manifest_is_refused(bundle: Path, changes: dict[str, Any], message: str) -> None:
    rewrite(bundle, **changes)
    with pytest.raises(CheckpointError, match=message):
        load_bundle(bundle)


def test_no_pickle_gets_in_even_with_the_right_checksum(bundle: Path) -> None:
    import pickle

    data = pickle.dumps({"encoder.a": 1})
    (bundle / "weights.safetensors").write_bytes(data)
    files = json.loads((bundle / "manifest.json").read_text())["files"]
    files["weights.safetensors"] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    rewrite(bundle, files=files)
    with pytest.raises(CheckpointError, match=r"weights\.safetensors: not safetensors"):
        load_bundle(bundle)


@pytest.mark.parametrize("meta", [{"x": float("nan")}, {"x": object()}, {"x": torch.zeros(1)}])
def test_meta_that_is_not_json_is_refused_before_anything_is_written(tmp_path: Path, meta: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match="meta is not JSON"):
        save_bundle(tmp_path / "b", weights=WEIGHTS, state=STATE, meta=meta)
    assert list(tmp_path.iterdir()) == []


class Killed(BaseException):
    """Stands for SIGKILL."""


@pytest.mark.parametrize("calls", range(9))
def test_a_save_that_is_killed_leaves_the_old_bundle_or_the_new(
    bundle: Path, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill after 0, 1, 2 ... of the file system's steps, over a bundle that is already there."""
    left = calls

    def counted(function: Any) -> Any:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return function(*args, **kwargs)

        return wrapper

    old = verify(bundle)
    with monkeypatch.context() as patch, contextlib.suppress(Killed):
        patch.setattr(checkpoint_module, "_write", counted(checkpoint_module._write))
        patch.setattr(Path, "rename", counted(Path.rename))
        patch.setattr(checkpoint_module.shutil, "rmtree", counted(checkpoint_module.shutil.rmtree))
        patch.setattr(Path, "mkdir", counted(Path.mkdir))
        save_bundle(bundle, weights=WEIGHTS, state=STATE, meta={"new": True})
    assert verify(bundle) == old or load_bundle(bundle).meta == {"new": True}
    save_bundle(bundle, weights=WEIGHTS, state=STATE, meta={"newer": True})
    assert load_bundle(bundle).meta == {"newer": True}
    assert [path.name for path in bundle.parent.iterdir()] == ["b"]  # and what was left over is gone


def make(seed: int, plan: TransferPlan, source: dict[str, torch.Tensor] | None, **settings: Any) -> tuple[PPO, Records]:
    agent, records = PPO(LinearWorld(8, seed=seed), {**SETTINGS, **settings}, seed=seed, device="cpu"), Records()
    agent.set_logger(Logger(None, [records]))
    agent.apply_plan(plan, source)
    return agent, records


def save(agent: PPO, path: Path) -> str:
    state, training = agent.get_training_state()
    meta = {"training": training, "clock": {"wall_seconds": time.monotonic()}}
    return save_bundle(path, weights=parts.tensors(agent.policy), state=state, meta=meta)


def resume(agent: PPO, path: Path) -> None:
    loaded = load_bundle(path)
    parts.load(agent.policy, loaded.weights)
    agent.set_training_state(loaded.state, loaded.meta["training"])


ALL = dict.fromkeys(PARTS, 1.0)
HEADS = {"policy_head": 1.0, "value_head": 1.0, "log_std": 1.0}
CARRIED = {"encoder": "freeze", "policy_head": "keep", "value_head": "keep", "log_std": "keep"}
WARM = Phase("warm", {"value_head": 1.0}, stop=ExplainedVariance(0.99, 0, 160))
TWO_PHASES = TransferPlan(CARRIED, (WARM, Phase("heads", HEADS)))
THREE = TransferPlan(dict.fromkeys(PARTS, "reset"), (Phase("all", ALL, 96), Phase("h", HEADS, 96), Phase("end", ALL)))


@pytest.mark.parametrize(
    ("plan", "stop_at", "settings"),
    [
        (pretrain_plan(), 3, {}),
        (pretrain_plan(), 1, {"shared_encoder": False, "target_kl": 0.005}),
        (TWO_PHASES, 1, {}),  # in the first phase
        (TWO_PHASES, 3, {}),  # at the border
        (TWO_PHASES, 5, {}),  # in the second
        (THREE, 2, {}),
        (THREE, 4, {"schedule": "constant"}),
    ],
)
def test_training_continues_byte_for_byte(
    tmp_path: Path, plan: TransferPlan, stop_at: int, settings: dict[str, Any]
) -> None:
    total = 8 * 8 * 7 + 8 * 3  # the last rollout is a short one
    carried = PPO(LinearWorld(8), SETTINGS, seed=9, device="cpu").learn(8 * 8 * 2)
    source = parts.tensors(carried.policy) if "keep" in plan.parts.values() else None

    whole, records = make(0, plan, source, **settings)
    whole.learn(total, callback=AtRollout(stop_at, lambda agent: save(agent, tmp_path / "middle")))
    digest = save(whole, tmp_path / "end")

    again, more = make(77, plan, source, **settings)
    resume(again, tmp_path / "middle")
    assert 0 < again.num_timesteps < total
    again.learn(total - again.num_timesteps, reset_num_timesteps=False)
    assert save(again, tmp_path / "end2") == digest  # though the clock went on

    assert parts.digests(again.policy) == parts.digests(whole.policy)
    one, two = load_bundle(tmp_path / "end"), load_bundle(tmp_path / "end2")
    assert set(one.state) == set(two.state)
    for name in one.state:
        assert torch.equal(one.state[name], two.state[name]), name
    assert one.meta["training"] == two.meta["training"]
    assert one.meta["clock"] != two.meta["clock"]
    assert len(records.rows) == whole.iteration
    np.testing.assert_equal(more.repeatable, records.repeatable[-len(more.rows) :])
    assert len(more.rows) == whole.iteration - stop_at


def test_a_finished_run_continues_with_nothing() -> None:
    agent, _ = make(0, pretrain_plan(), None)
    agent.learn(128)
    before = parts.digests(agent.policy)
    agent.learn(0, reset_num_timesteps=False)
    assert parts.digests(agent.policy) == before
    assert agent.num_timesteps == 128


def test_a_state_without_its_weights_is_refused() -> None:
    agent, _ = make(0, pretrain_plan(), None)
    agent.learn(128)
    state, training = agent.get_training_state()
    other, _ = make(1, pretrain_plan(), None)
    with pytest.raises(CheckpointError, match="other weights of encoder, policy_head, value_head, log_std: load"):
        other.set_training_state(state, training)


def test_states_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    agent, _ = make(0, pretrain_plan(), None)
    with pytest.raises(CheckpointError, match="has not started"):
        agent.get_training_state()
    agent.learn(128)
    state, training = agent.get_training_state()
    with pytest.raises(CheckpointError, match="format 99, this version reads 2"):
        agent.set_training_state(state, {**training, "format": 99})
    fewer = PPO(LinearWorld(4), SETTINGS, device="cpu")
    parts.load(fewer.policy, parts.tensors(agent.policy))
    with pytest.raises(CheckpointError, match=r"'last_obs' must have shape \(4, 5\), it is \(8, 5\)"):
        fewer.set_training_state(state, training)
    import gymnasium as gym

    single = PPO(gym.make("Pendulum-v1"), {**SETTINGS, "num_steps": 16}, device="cpu").learn(16)
    with pytest.raises(CheckpointError, match="cannot hand its state over"):
        single.get_training_state()


def test_state_is_plain() -> None:
    agent = PPO(ConstantReward(8), SETTINGS, device="cpu").learn(128)
    state, training = agent.get_training_state()
    assert json.loads(json.dumps(training, allow_nan=False)) == training
    assert all(isinstance(tensor, torch.Tensor) and tensor.device.type == "cpu" for tensor in state.values())


FORGED_STATE: list[tuple[str, Any]] = [
    ("format", "2"),
    ("num_timesteps", -1),
    ("num_timesteps", 1.5),
    ("num_updates", None),
    ("iteration", [1]),
    ("progress_remaining", "half"),
    ("progress_remaining", 10**400),
    ("phases", None),
    ("phases", {"plan": 3, "index": 0, "steps": 0, "held": {}}),
    ("episodes", {"r": 1}),
    ("episodes", [{"r": "much", "l": 1}]),
    ("episodes", [[1, 2]]),
    ("weights", 7),
    ("own", []),
]


@pytest.mark.parametrize(("key", "value"), FORGED_STATE)
@pytest.mark.parametrize("missing", [False, True])
def test_a_forged_training_state_is_one_error(key: str, value: Any, missing: bool) -> None:
    agent, _ = make(0, pretrain_plan(), None)
    agent.learn(64)
    state, training = agent.get_training_state()
    forged = {name: held for name, held in training.items() if name != key} if missing else {**training, key: value}
    with pytest.raises(AgentsError):
        agent.set_training_state(state, forged)


@pytest.mark.parametrize("value", [torch.zeros(0), torch.tensor(math.nan), torch.zeros(3, dtype=torch.int64)])
def test_forged_tensors_of_a_training_state_are_one_error(value: torch.Tensor) -> None:
    agent, _ = make(0, pretrain_plan(), None)
    agent.learn(64)
    state, training = agent.get_training_state()
    for name in ("last_obs", "episode_starts", "generator", "own/return_traces", "worlds/obs"):
        with pytest.raises(AgentsError):
            agent.set_training_state({**state, name: value}, training)
    moment = next(name for name in state if name.endswith(":exp_avg"))
    for forged in (value, torch.full_like(state[moment], math.inf)):
        with pytest.raises(CheckpointError, match="optimizer state"):
            agent.set_training_state({**state, moment: forged}, training)


def test_weights_that_are_not_finite_or_of_another_kind_are_refused(tmp_path: Path) -> None:
    agent, _ = make(0, pretrain_plan(), None)
    weights = parts.tensors(agent.policy)
    name = "encoder.layers.0.weight"
    for value, message in (
        (torch.full_like(weights[name], math.inf), rf"not finite: {re.escape(name)}"),
        (weights[name].to(torch.int32), r"torch\.int32, the policy's is torch\.float32"),
    ):
        with pytest.raises(PartsError, match=message):
            parts.load(agent.policy, {**weights, name: value})
    save_bundle(tmp_path / "b", weights=weights, state={}, meta={})
    data = safetensors.torch.save({**weights, name: torch.full_like(weights[name], math.nan)})
    (tmp_path / "b" / "weights.safetensors").write_bytes(data)
    files = json.loads((tmp_path / "b" / "manifest.json").read_text())["files"]
    files["weights.safetensors"] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    rewrite(tmp_path / "b", files=files)
    with pytest.raises(CheckpointError, match=rf"weights\.safetensors: '{re.escape(name)}' contains NaN"):
        load_bundle(tmp_path / "b")


def test_a_manifest_is_a_regular_file_of_shallow_json_with_each_key_once(bundle: Path) -> None:
    path = bundle / "manifest.json"
    text = path.read_text()
    for forged, message in (
        ('{"format": ' + "[" * 100_000, "not JSON"),
        ('{"format": ' + "[" * 500 + "]" * 500 + "}", "nested more than 64 deep"),
        (text.replace('"meta":', '"meta": {}, "meta":'), "key 'meta' stands twice"),
    ):
        path.write_text(forged)
        with pytest.raises(CheckpointError, match=message):
            load_bundle(bundle)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(CheckpointError, match="must be a regular file"):
        load_bundle(bundle)
