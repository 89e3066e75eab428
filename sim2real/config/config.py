"""The configuration of a run: what stands in configs/<env>.yaml, checked and with every default filled in."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from agents import check_settings
from envs import SHIFTS, Domain, EnvsError, Fidelity, Task, check_domain, environment, unknown_name

from .overrides import Override, Where, apply_overrides, place_of
from .severities import resolve_severities
from .shipped import find_config, shipped_configs
from .space_map import SpaceMap
from .strict import Strict, read_yaml, validate
from .trust import code_for, code_of_names
from .user_code import Code, import_names

__all__ = [
    "DEVICES",
    "MOST_EPISODES",
    "AgentConfig",
    "BudgetConfig",
    "RunConfig",
    "TargetConfig",
    "config_digest",
    "content_digest",
    "load_config",
    "resolve_config",
    "validate",
]

PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
DEVICES = ("auto", "cpu", "cuda", "mps")
Steps = Annotated[int, Field(gt=0, le=10**15)]
MOST_EPISODES = 1_000_000  # of one evaluation
Count = Annotated[int, Field(gt=0, le=MOST_EPISODES)]


class DomainConfig(Strict):
    """A domain as `envs.Domain.parse` reads it.

    Attributes:
        fidelity: `nominal`, `cheap`, or a mapping of options of the simulation.
        parameters: parameter -> operation and number or distribution.
    """

    fidelity: str | dict[str, Any] = "nominal"
    parameters: dict[str, Any] = {}


class TargetConfig(Strict):
    """A target domain: a named shift at some severity, or parameters of one's own.

    Attributes:
        shift: a name in SHIFTS.
        severity: a number, a level of the shift, or one of the calibration; null: the shift's default.
        calibration: file that says what the level is for this environment; dropped after resolution.
        fidelity: as in `source`.
        parameters: as in `source`; not together with a shift.
    """

    shift: str | None = None
    severity: float | str | None = None
    calibration: str | None = Field(default=None, exclude=True)
    fidelity: str | dict[str, Any] = "nominal"
    parameters: dict[str, Any] = {}

    @model_validator(mode="after")
    def _shift_or_parameters(self) -> Self:
        if self.shift is None and self.severity is not None:
            raise ValueError("severity belongs to a shift; name one, or use parameters")
        if self.calibration is not None:
            raise ValueError("a calibration belongs to a shift, and is looked up where a configuration file is loaded")
        if self.shift is not None and self.parameters:
            raise ValueError("give a shift or parameters, not both")
        if self.shift is not None and self.shift not in SHIFTS:
            raise unknown_name("shift", self.shift, SHIFTS)
        return self

    def domain(self, env: str, task: Task) -> Domain:
        """Return the domain for `task` of the environment `env`."""
        if self.shift is None:
            return Domain.parse({"fidelity": self.fidelity, "parameters": self.parameters}, task.cheap)
        shifted = SHIFTS[self.shift].domain(self.severity, env)
        return replace(shifted, fidelity=Fidelity.parse(self.fidelity, task.cheap))


class BudgetConfig(Strict):
    """What may be spent. Steps are world-steps: one control step of one world.

    Attributes:
        source_steps: training on the source domain.
        target_steps: training on the target domain.
        evaluations: points of the target's learning curve after the one at step 0.
        source_evaluations: the same for pretraining.
        eval_episodes: episodes of each point; counted apart from training.
        checkpoints: checkpoints of a run, the last at its end.
    """

    source_steps: Steps
    target_steps: Steps
    evaluations: Count = 10
    source_evaluations: Count = 5
    eval_episodes: Count = 20
    checkpoints: Count = 5


class AgentConfig(Strict):
    """The learner: worlds it collects from, and its settings as `agents` knows them.

    Attributes:
        algorithm: `ppo` or `sac`.
        num_envs: worlds to collect from at once.
        settings: of the learner, its encoder among them.
    """

    algorithm: str = "ppo"
    num_envs: Steps
    settings: dict[str, Any] = {}

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        check_settings(self.algorithm, self.settings)
        return self


class TransferConfig(Strict):
    """What differs from the source's agent when training on the target; every method with that budget gets the same.

    Attributes:
        num_envs: worlds to collect from.
        settings: of the learner, over those of the source's agent.
        space_map: which entries correspond where observations or actions differ; None: they must be the same.
    """

    num_envs: Steps
    settings: dict[str, Any] = {}
    space_map: SpaceMap | None = None


class RunConfig(Strict):
    """Everything one environment's runs need.

    A user's module is called by its name in `env`, by that of its file in `env_import`: worlds are built from that.

    Attributes:
        env: an environment of the suite, `module:Class` for a task of your own, or `gym:<id>`.
        task: options of the task.
        seed: of everything random.
        device: of the networks: `auto` (a GPU if there is one), `cpu`, `cuda` or `mps`.
        source: domain to pretrain in.
        targets: name -> target domain.
        agent: the learner on the source.
        transfer: the learner on the target, for every method with the target's budget.
        budget: steps, evaluations and checkpoints.
    """

    env: str
    task: dict[str, Any] = {}
    seed: Annotated[int, Field(ge=0)] = 0
    device: str = "auto"
    source: DomainConfig = DomainConfig()
    targets: dict[str, TargetConfig] = {}
    agent: AgentConfig
    transfer: TransferConfig
    budget: BudgetConfig
    _code: Code = PrivateAttr(default_factory=dict)

    @field_validator("env")
    @classmethod
    def _env_exists(cls, value: str, info: ValidationInfo) -> str:
        code = _code_in(info)
        name = import_names(value, code_of_names({"env": value}) if code is None else code)
        try:
            environment(name)
        except EnvsError as error:
            raise EnvsError(str(error).replace(name, value)) from error
        return value

    @field_validator("targets")
    @classmethod
    def _names_are_plain(cls, value: dict[str, TargetConfig]) -> dict[str, TargetConfig]:
        for name in value:
            if not PLAIN_NAME.fullmatch(name):  # names become folders
                raise ValueError(f"{name!r}: names are letters, digits, '.', '_' and '-', not starting with '.' or '-'")
        return value

    @field_validator("device")
    @classmethod
    def _device_exists(cls, value: str) -> str:
        if value not in DEVICES:
            raise unknown_name("device", value, DEVICES)
        return value

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Self:
        code = _code_in(info)
        self._code = code_of_names(self.model_dump(include={"env", "agent", "transfer"})) if code is None else code
        task = self.make_task()
        self._try_domain("source", task, lambda: self.source_domain(task))
        for name in self.targets:
            self.check_target(name, task)
        for key, steps, num, settings in (
            ("source_steps", self.budget.source_steps, self.agent.num_envs, self.agent.settings),
            ("target_steps", self.budget.target_steps, self.transfer.num_envs, self.transfer_settings()),
        ):
            starts = check_settings(self.agent.algorithm, settings)
            if steps < starts:
                raise ValueError(
                    f"budget.{key}: {steps} is less than learning_starts {starts}: the run would end without an update"
                )
            if steps % num:
                raise ValueError(
                    f"budget.{key}: {steps} is not a multiple of num_envs {num}, and steps are counted exactly; "
                    f"nearest {' or '.join(map(str, sorted({max(steps // num, 1) * num, (steps // num + 1) * num})))}"
                )
        return self

    def _try_domain(self, key: str, task: Task, make: Callable[[], Domain]) -> None:
        """Check a domain against the model: that alone shows whether its selectors and values fit."""
        try:
            check_domain(task, make())
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from error

    def check_target(self, name: str, task: Task | None = None) -> None:
        """Check that the target called `name` exists and fits the environment, of which `task` is one if it is given.

        Raises:
            ValueError: naming the target and what is wrong.
        """
        task = task or self.make_task()
        self._try_domain(f"targets.{name}", task, lambda: self.target_domain(name, task))

    @property
    def code(self) -> Code:
        """The modules that are named, and their files."""
        return self._code

    @property
    def env_import(self) -> str:
        """The environment by the name that finds its very file; `envs` takes it like any other."""
        return import_names(self.env, self._code)

    def with_code(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return a learner's settings with the encoder's module named by where it was found."""
        found = dict(settings)
        if "encoder" in settings:
            found["encoder"] = self._encoder_with_code(settings["encoder"])
        if isinstance(encoders := settings.get("encoders"), Mapping):
            found["encoders"] = {name: self._encoder_with_code(encoder) for name, encoder in encoders.items()}
        return found

    def _encoder_with_code(self, encoder: Any) -> Any:
        if not isinstance(encoder, Mapping) or not isinstance(encoder.get("kind"), str):
            return encoder
        return {**encoder, "kind": import_names(encoder["kind"], self._code)}

    def make_task(self) -> Task:
        """Build the task with the configured options."""
        return environment(self.env_import).make_task(**self.task)

    def source_domain(self, task: Task) -> Domain:
        """Return the domain to pretrain in."""
        return Domain.parse(self.source.model_dump(), task.cheap)

    def target_domain(self, name: str, task: Task) -> Domain:
        """Return the target called `name`: one of this configuration's, or a shift at its default severity.

        Raises:
            EnvsError: when there is neither.
        """
        if name in self.targets:
            return self.targets[name].domain(self.env, task)
        if name not in SHIFTS:
            raise unknown_name("target", name, {*self.targets, *SHIFTS})
        return TargetConfig(shift=name).domain(self.env, task)

    def transfer_settings(self) -> dict[str, Any]:
        """Return the learner's settings on the target: the source's, overridden by `transfer.settings`."""
        return {**self.agent.settings, **self.transfer.settings}


def _code_in(info: ValidationInfo) -> Code | None:
    """Return the code that a configuration is validated with; None where a script has made it."""
    return None if info.context is None else info.context["code"]


def load_config(path: Path, overrides: Sequence[Override] = (), *, trust: bool = False, **keys: Any) -> RunConfig:
    """Read and check a run's configuration, a file or the name of one that comes along.

    `overrides`, then `keys` of the top level replace what stands there; `trust` allows others' code (see `trust`).

    Raises:
        UserError: naming file, key, value, rule and valid choices.
    """
    file = find_config(path, shipped_configs())
    content = read_yaml(file)
    where = place_of(str(file), content, overrides)
    return resolve_config({**apply_overrides(content, overrides), **keys}, file, where, trust=trust)


def resolve_config(content: Mapping[str, Any], file: Path, where: Where, *, trust: bool = False) -> RunConfig:
    """Check the `content` of a configuration that was read from `file`, and make what lies beside it part of it.

    Severities that have a name become numbers. The module of `env: module:Class`, or of such an encoder, is looked for
    in the file's folder first; that of a run's configuration is where the run's manifest says. Errors, as those of
    `load_config`, name `where`.
    """
    code = code_for(content, file, trust=trust)
    return validate(RunConfig, resolve_severities(content, file, where), where, {"code": code})


def config_digest(config: Strict) -> str:
    """Return the sha256 of the resolved configuration: two runs with the same one do the same."""
    return content_digest(config.model_dump(mode="json"))


def content_digest(content: Mapping[str, Any]) -> str:
    """Return the `config_digest` of a configuration that has been dumped, by this version or an earlier one."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
