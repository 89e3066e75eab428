"""Records of a whole method table whose answer is known: methods differ in where they start and how fast they rise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2real.stats.records import BenchResults, RunRecord

ENVS = {"hopper": 3000.0, "half_cheetah": 5500.0, "walker2d": 3800.0}
TARGETS = ("heavy", "lag_and_noise", "worn")
BUDGET, SOURCE_STEPS = 102_400, 1_024_000


@dataclass(frozen=True)
class Shape:
    """A learning curve in shares of the source return: start, end, dip (share of the start), time constant."""

    start: float
    end: float
    dip: float = 0.0
    rise: float = 0.4
    spread: float = 0.02


SHAPES: dict[str, Shape] = {
    "zero_shot": Shape(0.55, 0.55),
    "scratch": Shape(0.01, 0.35, rise=0.8, spread=0.01),
    "oracle": Shape(0.01, 0.90, rise=0.2),
    "feature_extraction": Shape(0.01, 0.30, rise=0.9),
    "frozen_encoder": Shape(0.55, 0.95, dip=0.02, rise=0.2),
    "fine_tune": Shape(0.55, 0.90, dip=0.30),
    "actor_only": Shape(0.55, 0.93, dip=0.35, rise=0.5),
    "recalibrate": Shape(0.50, 0.58),
    "gradual_unfreeze": Shape(0.55, 0.92, dip=0.05),
    "layerwise_lr": Shape(0.55, 0.88, dip=0.10),
    "l2_sp": Shape(0.55, 0.85, dip=0.15),
    "kl_source": Shape(0.55, 0.80, dip=0.01),
    "ewc": Shape(0.55, 0.78, dip=0.12),
    "residual": Shape(0.54, 0.86, dip=0.04),
    "progressive": Shape(0.02, 0.50, rise=0.7),
    "low_rank": Shape(0.55, 0.84, dip=0.06),
    "rma": Shape(0.45, 0.65),
}


def make_record(env: str, target: str, method: str, seed: int, shape: Shape, points: int = 10) -> RunRecord:
    """A finished run with the curve of `shape`, in units of the environment's source return."""
    level = ENVS.get(env, 1000.0)
    rng = np.random.default_rng([seed, len(method), *map(ord, env[:3] + target[:3] + method[:4])])
    budget = SOURCE_STEPS if method == "oracle" else BUDGET
    trains = method != "zero_shot"
    steps = np.linspace(0, budget, points + 1).astype(int) if trains else np.array([0])
    time = steps / budget
    share = shape.end + (shape.start - shape.end) * np.exp(-time / shape.rise)
    share = share - shape.dip * shape.start * np.exp(-(((time - 0.1) / 0.06) ** 2)) * (time > 0)
    share = share * (1.0 + shape.spread * rng.standard_normal()) + 0.3 * shape.spread * rng.standard_normal(steps.size)
    source = method not in ("scratch", "oracle")
    return RunRecord(
        env=env,
        target=target,
        method=method,
        seed=seed,
        status="finished",
        error=None,
        steps=steps,
        returns=level * share,
        return_sd=np.full(steps.size, 0.05 * level),
        source_return_before=level * (1.0 + 0.01 * seed) if source else None,
        source_return_after=level * 0.9,
        source_steps=SOURCE_STEPS if source else 0,
        target_steps=int(steps[-1]),
        eval_steps=20_000 * steps.size,
        episodes=400,
        falls=120,
        frozen_digest=None,
        wall_seconds=60.0,
    )


def make_table(
    shapes: dict[str, Shape] | None = None,
    envs: tuple[str, ...] = tuple(ENVS),
    targets: tuple[str, ...] = TARGETS,
    num_seeds: int = 5,
) -> BenchResults:
    """Every environment x target x method x seed."""
    records = [
        make_record(env, target, method, seed, shape)
        for env in envs
        for target in targets
        for method, shape in (shapes or SHAPES).items()
        for seed in range(num_seeds)
    ]
    settings = {"methods": list(shapes or SHAPES), "overrides": {"budget": {"target_steps": BUDGET}}}
    return BenchResults("methods", tuple(records), settings, {}, 0.5, "frozen_encoder", "2026-01-01T00:00:00+00:00")
