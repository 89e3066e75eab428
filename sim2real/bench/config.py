"""The configuration of a benchmark: configs/bench/*.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from envs import unknown_name

from ..config.config import PLAIN_NAME, RunConfig, Steps, resolve_config
from ..config.overrides import Override, apply_overrides, has_key, place_of
from ..config.shipped import find_config, shipped_benches, shipped_config, shipped_configs
from ..config.strict import Strict, read_yaml, validate
from ..errors import UserError
from ..methods import DEFAULT_METHODS, METHODS

__all__ = ["BenchConfig", "OracleBudget", "find_bench_config", "load_bench_config"]

Names = Annotated[list[str], Field(min_length=1)]


class OracleBudget(Strict):
    """How closely runs with the source's budget are watched; what is left out is as for every other run.

    Their evaluations and checkpoints are spread over more steps: as many as for the others fall at the same shares of
    the budget. Nothing here changes what is learnt. The last fifth counts, so at least five evaluations.

    Attributes:
        evaluations: points of the curve after the one at step 0.
        eval_episodes: episodes of each point; counted, as for every run.
        checkpoints: checkpoints, the last at the end.
    """

    evaluations: Annotated[int, Field(ge=5)] | None = None
    eval_episodes: Steps | None = None
    checkpoints: Steps | None = None

    def apply(self, config: RunConfig) -> RunConfig:
        """Return the configuration of a run that is watched so."""
        changes = self.model_dump(exclude_none=True)
        return config.model_copy(update={"budget": config.budget.model_copy(update=changes)})


class BenchConfig(Strict):
    """A grid: every environment x target x method x seed.

    Attributes:
        name: title of the report.
        environments: configurations of runs, by the name of one that comes along or by a path to a YAML file.
        targets: names of target domains, in every environment.
        methods: names of transfer methods.
        seeds: seeds; each has its own source agent, shared by all targets and methods.
        default_method: the method that the verdicts are about.
        threshold_fraction: where the threshold lies between an untrained agent's return on the target and the source
            agent's on the source; fixed before anything is run.
        oracle_budget: how closely runs of methods with the source's budget are watched.
        overrides: keys that replace those of every run configuration, e.g. budgets.
        environment_overrides: the same for one environment, by its entry of `environments`; against `overrides` it
            has the last word.
    """

    name: str
    environments: Names
    targets: Names
    methods: Names
    seeds: Annotated[list[int], Field(min_length=1)]
    default_method: str = DEFAULT_METHODS["ppo"]
    threshold_fraction: Annotated[float, Field(gt=0, le=1)] = 0.5
    oracle_budget: OracleBudget = OracleBudget()
    overrides: dict[str, Any] = {}
    environment_overrides: dict[str, dict[str, Any]] = {}

    @field_validator("methods")
    @classmethod
    def _methods_exist(cls, value: list[str]) -> list[str]:
        for name in value:
            if name not in METHODS:
                raise unknown_name("method", name, METHODS)
        return value

    @model_validator(mode="after")
    def _overridden_environments_exist(self) -> Self:
        for name in self.environment_overrides:
            if name not in self.environments:
                raise ValueError(f"environment_overrides: {name!r} is not among environments {self.environments}")
        return self

    @model_validator(mode="after")
    def _no_repetition(self) -> Self:
        for key in ("environments", "targets", "methods", "seeds"):
            values = getattr(self, key)
            if len(set(values)) < len(values):
                raise ValueError(f"{key}: {values} names something twice")
        stems = [Path(name).stem for name in self.environments]
        for name, stem in zip(self.environments, stems, strict=True):
            if stems.count(stem) > 1:
                raise ValueError(
                    f"environments: {name!r}: another one is called {stem!r} too, and runs are kept by that name"
                )
            if not PLAIN_NAME.fullmatch(stem):
                raise ValueError(f"environments: {name!r}: names are letters, digits, '.', '_' and '-'")
        if self.default_method not in self.methods:
            raise ValueError(f"default_method: {self.default_method!r} is not among methods {self.methods}")
        if METHODS[self.default_method].budget != "target":
            raise ValueError(
                f"default_method: {self.default_method!r} spends the source's budget, and competes with none"
            )
        return self

    def run_config(self, environment: str, seed: int, folder: Path, *, trust: bool = False) -> RunConfig:
        """Return the configuration of runs in one environment with one seed.

        Args:
            environment: an entry of `environments`.
            seed: an entry of `seeds`.
            folder: where relative paths start.
            trust: whether code that was not made here may be loaded.

        Raises:
            UserError: when it is missing or wrong, a target does not exist in it, or its learner cannot carry out a
                method.
        """
        path = _find(environment, folder)
        own = _merge(self.overrides, self.environment_overrides.get(environment, {}))
        content = {**_merge(read_yaml(path), own), "seed": seed}
        config = resolve_config(content, path, f"{path} with the benchmark's overrides", trust=trust)
        for method in self.methods:
            try:
                METHODS[method].require_algorithm(method, config.agent.algorithm)
            except UserError as error:
                raise UserError(f"{path}: {error}") from None
        for target in self.targets:
            try:
                config.check_target(target)
            except ValueError as error:
                raise UserError(f"{path}: {error}") from None
        return config


def find_bench_config(path: Path) -> Path:
    """Return the file at `path`, or that of the benchmark of this name that comes along; `path` if neither is there."""
    return find_config(path, shipped_benches())


def load_bench_config(path: Path, overrides: Sequence[Override] = (), of_runs: Sequence[Override] = ()) -> BenchConfig:
    """Read and check a benchmark's configuration, with `overrides` in the place of what stands there.

    `of_runs` are overrides of every run's configuration: no environment's own has the last word against them.

    Raises:
        UserError: naming file, key, value, rule and valid choices.
    """
    content = read_yaml(path, shipped_benches())
    changed = apply_overrides(content, overrides)
    more = [found for override in of_runs for found in _everywhere(changed, override)]
    where = place_of(str(path), content, [*overrides, *more])
    return validate(BenchConfig, apply_overrides(changed, more), where)


def _everywhere(content: Mapping[str, Any], override: Override) -> list[Override]:
    """Return the overrides of a benchmark by which every run gets one of its configuration."""
    own = content.get("environment_overrides")
    names = [name for name, keys in own.items() if has_key(keys, override.key)] if isinstance(own, Mapping) else []
    places = ("overrides", *(f"environment_overrides.{name}" for name in names))
    return [replace(override, key=f"{place}.{override.key}") for place in places]


def _find(environment: str, folder: Path) -> Path:
    if environment.endswith((".yaml", ".yml")):
        return folder / environment
    path = shipped_config(environment)
    if path is None:
        raise unknown_name("environment", environment, [*shipped_configs(), "or a path to a .yaml file"])
    return path


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged
