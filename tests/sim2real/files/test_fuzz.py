"""Files that were damaged at random end in one message, whatever the damage, and never in a traceback."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from probes import SMALL, LinearWorld
from small_runs import small_content

from agents import PPO, AgentsError, load_bundle, parts, save_bundle
from envs import EnvsError
from sim2real.bench import load_bench_config
from sim2real.config.config import load_config
from sim2real.errors import UserError
from sim2real.files.reading import load_json, load_yaml

EXPECTED = (UserError, AgentsError, EnvsError)
WORDS = (
    b"null",
    b"-1",
    b"1e999",
    b"[]",
    b"{}",
    b"*a",
    b"&a",
    b"<<",
    b"\xff",
    b"\x00",
    b"'",
    b'"',
    b"9" * 400,
    b"[" * 99,
)
VALUES = (None, True, -1, 0, 10**400, float("nan"), "", "x", [], {}, [[]], {"a": {"b": []}}, "1e3", -0.5, 1e308)


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Return `data` with a few stretches replaced, removed or repeated."""
    for _ in range(rng.integers(1, 4)):
        start, length = int(rng.integers(len(data) + 1)), int(rng.integers(12))
        middle = WORDS[rng.integers(len(WORDS))] if rng.random() < 0.7 else data[start : start + length] * 2
        data = data[:start] + middle + data[start + length :]
    return data


def replace_one(value: Any, rng: np.random.Generator) -> Any:
    """Return nested plain data with one value, at any depth, replaced or removed."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.25:
        return VALUES[rng.integers(len(VALUES))]
    if isinstance(value, list):
        index = int(rng.integers(len(value)))
        return [replace_one(item, rng) if i == index else item for i, item in enumerate(value)]
    chosen = list(value)[rng.integers(len(value))]
    if rng.random() < 0.2:
        return {key: item for key, item in value.items() if key != chosen}
    return {key: replace_one(item, rng) if key == chosen else item for key, item in value.items()}


def outcome(read: Callable[[], Any]) -> bool:
    """Return whether reading gave something; any error but those a person is meant to read is raised."""
    try:
        read()
    except EXPECTED as error:
        message = str(error)
    else:
        return True
    assert len(message) < 25_000
    return False


def test_damaged_texts(tmp_path: Path) -> None:
    rng, file = np.random.default_rng(0), tmp_path / "file.yaml"
    text = yaml.safe_dump(small_content()).encode()
    for _ in range(150):
        file.write_bytes(mutate(text, rng))
        outcome(lambda: load_yaml(file))
    text = json.dumps(small_content(), indent=1).encode()
    for _ in range(150):
        file.write_bytes(mutate(text, rng))
        outcome(lambda: load_json(file))


def test_damaged_configurations(tmp_path: Path) -> None:
    rng, file = np.random.default_rng(1), tmp_path / "file.yaml"
    bench = {"name": "b", "environments": ["hopper"], "targets": ["heavy"], "methods": ["scratch"], "seeds": [0]}
    for content, load in ((small_content(), load_config), ({**bench, "default_method": "scratch"}, load_bench_config)):
        good = sum(_written(file, replace_one(content, rng), load) for _ in range(60))
        assert good < 45  # most damage is found


def _written(file: Path, content: Any, load: Callable[[Path], Any]) -> bool:
    file.write_text(yaml.safe_dump(content))
    return outcome(lambda: load(file))


def test_damaged_checkpoints(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    agent = PPO(LinearWorld(4), SMALL, seed=0, device="cpu").learn(64)
    state, training = agent.get_training_state()
    bundle = tmp_path / "b"
    save_bundle(bundle, weights=parts.tensors(agent.policy), state=state, meta={"training": training})
    names = ("weights.safetensors", "state.safetensors", "manifest.json")
    whole = {name: (bundle / name).read_bytes() for name in names}
    for case in range(120):
        name = names[case % 2]
        head = int.from_bytes(whole[name][:8], "little") + 8  # the header, where what is read is decided
        data = mutate(whole[name][:head], rng) + whole[name][head:]
        files = json.loads(whole["manifest.json"])["files"]
        files[name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        (bundle / name).write_bytes(data)
        (bundle / "manifest.json").write_text(json.dumps({**json.loads(whole["manifest.json"]), "files": files}))
        outcome(lambda: _continued(bundle))
        (bundle / "manifest.json").write_bytes(mutate(whole["manifest.json"], rng))
        outcome(lambda: load_bundle(bundle))
        (bundle / name).write_bytes(whole[name])
    for _ in range(120):
        outcome(lambda: agent.set_training_state(state, replace_one(training, rng)))


def _continued(bundle: Path) -> None:
    loaded, agent = load_bundle(bundle), PPO(LinearWorld(4), SMALL, seed=0, device="cpu")
    parts.load(agent.policy, loaded.weights)
    agent.set_training_state(loaded.state, loaded.meta["training"])
