"""Configurations: what comes along is valid, what is wrong is refused with file, key, value, rule and choices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from small_runs import small_config, small_content

from envs import ENVS, SHIFTS
from sim2real.bench import load_bench_config, make_jobs
from sim2real.config.config import RunConfig, config_digest, load_config, validate
from sim2real.config.shipped import shipped_configs
from sim2real.errors import UserError
from sim2real.methods import METHODS

BUDGET = {"source_steps": 6400, "target_steps": 640}
BENCHES = sorted((next(iter(shipped_configs().values())).parent / "bench").glob("*.yaml"))


@pytest.mark.parametrize("env", ENVS)
def test_every_environment_has_a_configuration_that_loads(env: str) -> None:
    config = load_config(shipped_configs()[env])
    assert config.env == env
    task = config.make_task()
    assert config.source_domain(task).fidelity == task.cheap
    shifts = {name for name, row in SHIFTS.items() if callable(row.parameters) or env in row.parameters}
    for name in {*config.targets, *shifts}:
        assert config.target_domain(name, task).fidelity.describe() == "nominal"
    assert config.budget.target_steps * 10 <= config.budget.source_steps * 1.0001


@pytest.mark.parametrize("file", BENCHES, ids=lambda file: file.stem)
def test_every_benchmark_resolves(file: Path) -> None:
    bench = load_bench_config(file)
    pairs = [(env, seed) for env in bench.environments for seed in bench.seeds]
    configs = {(env, seed): bench.run_config(env, seed, file.parent) for env, seed in pairs}
    jobs = make_jobs(configs, bench.targets, bench.methods)
    kinds = {"teacher" if METHODS[name].needs_teacher else "source" for name in bench.methods}
    sources = [job for job in jobs if job.target is None]
    assert len(sources) == len(pairs) * len(kinds)
    assert len(jobs) == len(sources) + len(pairs) * len(bench.targets) * len(bench.methods)
    assert len({job.path for job in jobs}) == len(jobs)
    assert all((job.source is None) == (not METHODS[job.method].needs_source) for job in jobs if job.method)


WRONG: list[tuple[dict[str, Any], list[str]]] = [
    ({"env": "hoper"}, ["env", "'hoper'", "did you mean 'hopper'"]),
    ({"sede": 1}, ["sede", "did you mean 'seed'", "valid:"]),
    ({"seed": -1}, ["seed", "-1", "greater than or equal to 0"]),
    ({"seed": "one"}, ["seed", "'one'", "integer"]),
    ({"device": "gpu"}, ["device", "'gpu'", "cuda"]),
    ({"targets": {"x": {"shift": []}}}, ["targets.x.shift"]),
    ({"task": {"mass": 1}}, ["option of", "'mass'", "ctrl_weight"]),
    ({"source": {"fidelity": "fast"}}, ["fidelity", "'fast'", "cheap"]),
    ({"source": {"parameters": {"body_mas": {"scale": 1}}}}, ["parameter 'body_mas'", "did you mean 'body_mass'"]),
    ({"targets": {"x": {"shift": "heavyy"}}}, ["targets.x", "'heavyy'", "did you mean 'heavy'"]),
    ({"targets": {"x": {"severity": 1.0}}}, ["targets.x", "severity belongs to a shift"]),
    ({"targets": {"x": {"shift": "weak", "severity": 2.0}}}, ["targets.x", "severity", "<= 0.99", "2"]),
    ({"targets": {"x": {"shift": "weak", "parameters": {"gravity": {"scale": 2}}}}}, ["targets.x", "not both"]),
    ({"targets": {"../up": {"shift": "heavy"}}}, ["targets", "'../up'", "letters"]),
    ({"targets": {"x": {"shift": "slippery"}}}, ["targets.x", "geom_friction", "matches nothing"]),
    ({"source": {"parameters": {"body_mass": {"select": "arm", "scale": 2}}}}, ["source", "'arm'", "cart, pole"]),
    ({"agent": {"num_envs": 0}}, ["agent.num_envs", "0", "greater than 0"]),
    ({"agent": {"num_envs": 8, "algorithm": "pppo"}}, ["'pppo'", "valid: ppo"]),
    ({"agent": {"num_envs": 8, "settings": {"learning_rat": 1}}}, ["'learning_rat'", "did you mean 'learning_rate'"]),
    ({"agent": {"num_envs": 8, "settings": {"learning_rate": -1}}}, ["learning_rate", "-1", "above 0"]),
    ({"budget": {"source_steps": -5, "target_steps": 8}}, ["budget.source_steps", "-5", "greater than 0"]),
    ({"budget": {"source_steps": 8}}, ["budget.target_steps", "required"]),
    ({"budget": {"source_steps": 13, "target_steps": 8}}, ["budget.source_steps", "13", "num_envs 8", "8 or 16"]),
]


@pytest.mark.parametrize(("change", "words"), WRONG, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_named(change: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        validate(RunConfig, small_content(**change), "my.yaml")
    message = str(caught.value)
    assert message.startswith("my.yaml: ")
    for word in words:
        assert word in message, message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("env: [hopper", ["not valid YAML", "line"]),
        ("- a\n- b\n", ["expected a mapping", "list"]),
        ("", ["expected a mapping"]),
        ("env: !!python/object/apply:os.system ['true']", ["not valid YAML"]),
    ],
)
def test_files_that_are_no_configuration(tmp_path: Path, text: str, words: list[str]) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        load_config(file)
    assert str(file) in str(caught.value)
    assert all(word in str(caught.value) for word in words)


def test_a_missing_file_lists_what_comes_along(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such file.*hopper"):
        load_config(tmp_path / "absent.yaml")


def test_resolved_configuration_reads_back_as_itself() -> None:
    config = small_config()
    again = validate(RunConfig, yaml.safe_load(yaml.safe_dump(config.model_dump(mode="json"))), "resolved")
    assert isinstance(again, RunConfig)
    assert again == config
    assert config_digest(again) == config_digest(config)
    assert config_digest(small_config(seed=1)) != config_digest(config)


def test_bench_refuses_unknown_names(tmp_path: Path) -> None:
    base = {"name": "b", "environments": ["hopper"], "targets": ["heavy"], "methods": ["scratch"], "seeds": [0]}
    base["default_method"] = "scratch"
    for change, words in (
        ({"methods": ["scratsh"]}, ["'scratsh'", "did you mean 'scratch'"]),
        ({"seeds": [0, 0]}, ["seeds", "twice"]),
        ({"environments": ["hopper", "mine/hopper.yaml"]}, ["environments", "'hopper'"]),
        ({"seeds": []}, ["seeds", "at least 1"]),
        ({"default_method": "fine_tune"}, ["default_method", "'fine_tune'"]),
        ({"threshold_fraction": 0.0}, ["threshold_fraction", "greater than 0"]),
        ({"environment_overrides": {"walker2d": {}}}, ["environment_overrides", "'walker2d'", "['hopper']"]),
    ):
        file = tmp_path / "bench.yaml"
        file.write_text(yaml.safe_dump({**base, **change}))
        with pytest.raises(UserError) as caught:
            load_bench_config(file)
        assert all(word in str(caught.value) for word in words), str(caught.value)
    file.write_text(yaml.safe_dump({**base, "targets": ["heavier"]}))
    with pytest.raises(UserError, match=r"target 'heavier'.*did you mean 'heavy'"):
        load_bench_config(file).run_config("hopper", 0, tmp_path)
    with pytest.raises(UserError, match="no such file"):
        load_bench_config(file).run_config("absent.yaml", 0, tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"budget": {**BUDGET, "source_steps": "1e6"}}, "budget.source_steps: .*'1e6': that is a text, write 1000000"),
        ({"budget": {**BUDGET, "source_steps": "1,000"}}, "'1,000': that is a text, write 1000$"),
        ({"budget": {**BUDGET, "source_steps": 1.0e6}}, "1000000.0: that is a fraction, write 1000000$"),
        ({"seed": "7"}, "seed: .*'7': that is a text, write 7$"),
        ({"agent": {"num_envs": 4, "settings": {"learning_rate": "3e-4"}}}, r"\(a text: write 3\.0e-4\)$"),
        ({"agent": {"num_envs": 4, "settings": {"num_steps": 64.0}}}, r"\(a fraction: write 64\)$"),
        ({"agent": {"num_envs": 4, "settings": {"policy_head": ["6e1"]}}}, r"\(a text: write 60\)$"),
        ({"device": False}, "device: .*False: YAML reads no, off, yes and on as false and true, write it in quotes$"),
    ],
)
def test_a_number_that_yaml_reads_as_something_else_gets_a_hint(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    file = tmp_path / "c.yaml"
    base = {"env": "hopper", "agent": {"num_envs": 4}, "transfer": {"num_envs": 4}, "budget": BUDGET}
    file.write_text(yaml.safe_dump({**base, **change}))
    with pytest.raises(UserError, match=words):
        load_config(file)


def test_a_long_value_is_cut_in_messages(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    for change in ({"env": "x" * 100_000}, {"device": ["y" * 100_000]}, {"x" * 100_000: 1}):
        file.write_text(yaml.safe_dump({"agent": {}, **change}))
        with pytest.raises(UserError) as caught:
            load_config(file)
        assert len(str(caught.value)) < 2_100


def test_what_a_bench_overrides_for_one_environment_counts_there_alone(tmp_path: Path) -> None:
    file = tmp_path / "bench.yaml"
    grid = {"name": "b", "environments": ["hopper", "walker2d"], "targets": ["heavy"], "methods": ["scratch"]}
    grid |= {"seeds": [0], "default_method": "scratch", "overrides": {"agent": {"num_envs": 8}, "budget": BUDGET}}
    own = {"agent": {"num_envs": 2, "settings": {"gamma": 0.5}}}
    file.write_text(yaml.safe_dump({**grid, "environment_overrides": {"walker2d": own}}))
    hopper, walker = (load_bench_config(file).run_config(name, 0, tmp_path) for name in ("hopper", "walker2d"))
    shipped = {name: load_config(path) for name, path in shipped_configs().items()}
    assert (hopper.agent.num_envs, walker.agent.num_envs) == (8, 2)
    assert hopper.agent.settings == shipped["hopper"].agent.settings
    assert walker.agent.settings == {**shipped["walker2d"].agent.settings, "gamma": 0.5}
    assert hopper.budget.source_steps == walker.budget.source_steps == BUDGET["source_steps"]


def test_configurations_that_come_along_are_known_by_name() -> None:
    assert load_config(Path("hopper")) == load_config(shipped_configs()["hopper"])


def test_a_budget_without_a_single_update_is_refused(tmp_path: Path) -> None:
    content = load_config(shipped_configs()["hopper_sac"]).model_dump(mode="json")
    content["budget"]["target_steps"] = 996
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=r"budget\.target_steps: 996 is less than learning_starts 1000"):
        load_config(file)
