"""Advice: some target steps of a source policy, what they show, and what to try first."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents import Bundle, PlanError, TransferPlan, operate, require_whole
from envs import Domain, DomainVectorEnv, make_vec, observation_groups

from ..config.config import RunConfig
from ..config.seeding import derive_seed
from ..errors import UserError
from ..methods import Target
from ..runs.building import load_agent
from ..runs.run import RunDirectory
from .candidates import candidates
from .measures import Measures, measure
from .probe import Probe, run_probe
from .probed import ProbedAgent
from .probed_learners import make_probed
from .ranking import PartAdvice, Ranked, advise_parts, rank
from .rules import RULES
from .signals import SIGNALS, Reading, read_signals
from .traits import compute_traits

__all__ = ["Advice", "advise", "choose_num_envs"]


@dataclass(frozen=True)
class Advice:
    """What was found and what follows.

    Attributes:
        run: folder of the source run.
        checkpoint: digest of the checkpoint that acted.
        env: name of the environment.
        target: name of the target domain.
        seed: of everything random.
        num_envs: worlds on either side.
        target_steps: world-steps spent on the target.
        source_steps: world-steps taken in source worlds for comparison, which costs nothing there.
        simulator_steps: single steps of the nominal simulator beside both.
        measures: everything that was measured.
        value_note: what the agent's values hold besides discounted rewards, in words; empty if nothing.
        readings: what the signals made of it show.
        methods: the methods, best first.
        parts: what to freeze and what to train.
    """

    run: str
    checkpoint: str
    env: str
    target: str
    seed: int
    num_envs: int
    target_steps: int
    source_steps: int
    simulator_steps: int
    measures: Measures
    value_note: str
    readings: dict[str, Reading]
    methods: list[Ranked]
    parts: list[PartAdvice]

    @property
    def reasons(self) -> dict[str, str]:
        """Rules that hold -> their reasons, with numbers."""
        return {rule.name: rule.explain(self.readings) for rule in RULES if rule.holds(self.readings)}

    @property
    def open_rules(self) -> dict[str, str]:
        """Rules that would hold by their value and do not by its interval -> what was found, with numbers."""
        return {rule.name: rule.explain(self.readings) for rule in RULES if rule.is_open(self.readings)}

    @property
    def first(self) -> Ranked:
        """The method to try first."""
        return self.methods[0]

    @property
    def scores(self) -> dict[str, float]:
        """Method -> score."""
        return {row.method: row.score for row in self.methods}

    def to_mapping(self) -> dict[str, Any]:
        """Return everything as what strict JSON can hold; what is unknown becomes None."""
        steps = {"target": self.target_steps, "source": self.source_steps, "simulator": self.simulator_steps}
        signals = {
            name: {**reading._asdict(), "description": SIGNALS[name].description}
            for name, reading in self.readings.items()
        }
        rules = [
            {"name": r.name, "signal": r.signal, "least": r.least, "points": dict(r.points), "trains": list(r.trains)}
            for r in RULES
        ]
        content = {
            **{name: getattr(self, name) for name in ("run", "checkpoint", "env", "target", "seed", "num_envs")},
            "steps": steps,
            "measures": self.measures.to_mapping(),
            "value_note": self.value_note,
            "signals": signals,
            "rules": rules,
            "reasons": self.reasons,
            "open_rules": self.open_rules,
            "parts": [row._asdict() for row in self.parts],
            "methods": [row._asdict() for row in self.methods],
            "first": self.first.method,
        }
        plain: dict[str, Any] = _plain(content)
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def choose_num_envs(steps: int, episode_steps: int) -> int:
    """Return how many worlds take exactly `steps` world-steps together, each at least an episode of `episode_steps`.

    The most that divide them without a rest: episodes that run side by side cost less time.

    Raises:
        UserError: when the steps are fewer than one episode's.
    """
    if steps < episode_steps:
        raise UserError(
            f"--steps: {steps} is less than one episode of {episode_steps} steps; give at least {episode_steps}, best "
            f"a multiple of it"
        )
    return max(num for num in range(1, steps // episode_steps + 1) if steps % num == 0)


def advise(
    run: RunDirectory,
    target: str,
    *,
    steps: int = 5000,
    seed: int = 0,
    num_threads: int = 0,
    device: str | None = None,
) -> Advice:
    """Spend exactly `steps` target steps with the policy of `run` and say what to try first.

    The policy acts as in training, exploration included: its values were learnt on that, and mean actions would show
    fewer states. (Those of a run with an averaged policy were learnt on the head that it followed.) Source worlds begin
    with the same initial states and noise, so that a target that changes nothing shows nothing. The policy acts on
    `device` (see `load_agent`).

    Raises:
        UserError: for too few steps, a learner that cannot be looked at, or a run that has not finished.
        PlanError: for a run that a surgery has changed: nothing can be carried over from it.
        EnvsError: for an unknown target.
    """
    run.require_finished("it is advised on")
    config = run.config()
    task = config.make_task()
    domain, source = config.target_domain(target, task), config.source_domain(task)
    num_envs = choose_num_envs(steps, task.max_episode_steps)
    agent, bundle = load_agent(run, config, device)
    require_whole(bundle.weights)
    probed = make_probed(config.agent.algorithm, agent)
    probing = _Probing(config, probed, num_envs, steps // num_envs, seed, num_threads)
    here, there = probing.run(source), probing.run(domain)
    rng = np.random.default_rng(derive_seed(seed, "advise", "bootstrap"))
    measures = measure(probed, here, there, observation_groups(task)["policy"].names, rng)
    readings = read_signals(measures)
    goal = Target(config.env, target, domain, config.budget.target_steps, config.transfer.num_envs)
    return Advice(
        run=str(run.path),
        checkpoint=bundle.digest,
        env=config.env,
        target=target,
        seed=seed,
        num_envs=num_envs,
        target_steps=there.steps,
        source_steps=here.steps,
        simulator_steps=here.steps + there.steps,
        measures=measures,
        value_note=probed.value_note,
        readings=readings,
        methods=rank(_traits_of_methods(config, probed, bundle, goal), readings),
        parts=advise_parts(probed.policy, readings),
    )


def _traits_of_methods(
    config: RunConfig, probed: ProbedAgent, bundle: Bundle, goal: Target
) -> dict[str, frozenset[str]]:
    """Return the traits of the methods that the source agent can be carried over by."""
    plans = {name: method.plan(bundle, goal) for name, method in candidates(config).items()}
    return {name: compute_traits(plan, probed.policy) for name, plan in plans.items() if _fits(plan, probed)}


def _fits(plan: TransferPlan, probed: ProbedAgent) -> bool:
    """Return whether the policy can be changed as the plan wants it."""
    try:
        if plan.surgery is not None:
            operate(deepcopy(probed.policy), plan.surgery, seed=0)
    except PlanError:
        return False
    return True


@dataclass(frozen=True)
class _Probing:
    """How both sides are probed: alike in everything but the domain."""

    config: RunConfig
    probed: ProbedAgent
    num_envs: int
    num_steps: int
    seed: int
    num_threads: int

    def run(self, domain: Domain) -> Probe:
        """Probe worlds of a domain beside a nominal simulator of the source's fidelity."""
        fidelity = self.config.source_domain(self.config.make_task()).fidelity
        worlds = self._worlds(domain)
        nominal = self._worlds(Domain(fidelity=fidelity), max_episode_steps=None)
        rng = np.random.default_rng(derive_seed(self.seed, "advise", "exploration"))
        try:
            return run_probe(self.probed, worlds, nominal, self.num_steps, rng)
        finally:
            worlds.close()
            nominal.close()

    def _worlds(self, domain: Domain, **options: Any) -> DomainVectorEnv:
        return make_vec(
            self.config.env_import,
            num_envs=self.num_envs,
            domain=domain,
            seed=derive_seed(self.seed, "advise", "worlds"),
            num_threads=self.num_threads,
            groups=("policy",),
            task_options=self.config.task,
            **options,
        )
