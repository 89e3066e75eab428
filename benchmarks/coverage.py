"""Measure coverage and width of every interval of the report, and write the table of docs/intervals.md.

    python benchmarks/coverage.py --json docs/coverage/now.json            # measure
    python benchmarks/coverage.py --docs docs/intervals.md \
        --before docs/coverage/0.3.0.json --json docs/coverage/now.json   # measure, and renew the table

Every cell draws `--trials` samples of n seeds from a family, asks the functions of `sim2real.stats` for their interval,
and counts how often it contains the quantity of the family itself. Widths are medians, as multiples of the family's
standard deviation (times: of the budget; probabilities: as they are); an unbounded interval counts as infinitely wide.
Three minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim2real.stats import (
    HARM,
    Interval,
    band,
    censored_interval,
    contrast,
    difference,
    interval,
    iqm,
    mean,
    newcombe_interval,
    probability_below,
)

SIZES = (3, 5, 10)
FAMILIES = ("normal", "bimodal", "lognormal", "censored")
TARGETS = 3  # of one environment, in the table over targets
SHARED = 0.7  # share of a run's variance that a seed brings to all its targets
POPULATION = 1_000_000  # draws that stand for a family
START, END = "<!-- table -->", "<!-- end of table -->"

Draws = NDArray[np.float64]
Ends = tuple[float, float]


@dataclass(frozen=True)
class Family:
    """One distribution of runs: its draws, from uniform numbers, and the budget beyond which times are censored."""

    quantile: Callable[[Draws], Draws]
    budget: float

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Draws:
        """Return independent draws of a shape."""
        return self.quantile(rng.random(shape))


def _normal(u: Draws) -> Draws:
    from scipy.special import ndtri

    return np.asarray(5.0 + ndtri(u))


def _bimodal(u: Draws) -> Draws:
    """Three runs of ten fall: near 2, the others near 10; sd 0.5 within either."""
    falls = u < 0.3
    within = np.where(falls, u / 0.3, (u - 0.3) / 0.7)
    return np.where(falls, 2.0, 10.0) + 0.5 * (_normal(np.clip(within, 1e-12, 1.0 - 1e-12)) - 5.0)


def _lognormal(u: Draws) -> Draws:
    return np.exp(_normal(u) - 5.0)


def _censored(u: Draws) -> Draws:
    """Exponential times; the budget lies where 40 % of the runs have not arrived, and what is beyond counts as it."""
    return np.minimum(-np.log1p(-u), -math.log(0.4))


POPULATIONS: Mapping[str, Family] = {
    "normal": Family(_normal, 100.0),
    "bimodal": Family(_bimodal, 100.0),
    "lognormal": Family(_lognormal, 100.0),
    "censored": Family(_censored, -math.log(0.4)),
}


@dataclass(frozen=True)
class Quantity:
    """One kind of interval: a sample -> its interval, the truth it should contain, and the unit of its width."""

    words: str
    measure: Callable[[Family, int, np.random.Generator], Interval]
    truth: Callable[[Draws, int], float]
    unit: Callable[[Family, Draws], float]


def _sd(family: Family, population: Draws) -> float:
    return float(population.std())


def _trimmed_mean(population: Draws, size: int) -> float:
    """Mean of a population without the share on each side that `iqm` takes from `size` values."""
    share = (size // 4) / size
    ordered = np.sort(population)
    cut = int(share * ordered.size)
    return float(ordered[cut : ordered.size - cut].mean())


def _mean(population: Draws, size: int) -> float:
    return float(population.mean())


def _times(family: Family, size: int, rng: np.random.Generator) -> Draws:
    times = family.draw(rng, (size,))
    return np.where(times >= family.budget, np.inf, np.maximum(times, 0.0))


def _over_targets(family: Family, size: int, rng: np.random.Generator) -> Interval:
    """Seeds that share a source agent on all targets: a Gaussian copula with the family's margins."""
    from scipy.special import ndtr

    agents, runs = rng.standard_normal((size, 1)), rng.standard_normal((size, TARGETS))
    u = np.clip(ndtr(math.sqrt(SHARED) * agents + math.sqrt(1.0 - SHARED) * runs), 1e-12, 1.0 - 1e-12)
    return interval([family.quantile(u)], iqm, rng)


def _band(family: Family, size: int, rng: np.random.Generator) -> Interval:
    point, low, high = band(family.draw(rng, (size, 1)))
    return Interval(float(point[0]), float(low[0]), float(high[0]), size)


def _two(family: Family, size: int, rng: np.random.Generator) -> tuple[list[Draws], list[Draws]]:
    return [family.draw(rng, (size,))], [family.draw(rng, (size,))]


def _narrow(family: Family, size: int, rng: np.random.Generator) -> Interval:
    """A control that hardly varies, as scratch does where nobody learns."""
    return difference([family.draw(rng, (size,))], [rng.normal(0.0, 0.01, size)], rng)


def _ratio(family: Family, size: int, rng: np.random.Generator) -> Interval:
    treated = [family.draw(rng, (size,))]
    return contrast(treated, [rng.normal(5.0, 0.5, size)], lambda a, b: mean(a) / mean(b), rng)


QUANTITIES: Mapping[str, Quantity] = {
    "mean": Quantity(
        "mean (area under the curve, oracle)",
        lambda f, n, rng: interval([f.draw(rng, (n,))], mean, rng),
        _mean,
        _sd,
    ),
    "band": Quantity("band of a curve, at a step", _band, _mean, _sd),
    "difference": Quantity(
        "difference of means (effect; decides the verdict)",
        lambda f, n, rng: difference(*_two(f, n, rng), rng),
        lambda population, size: 0.0,
        _sd,
    ),
    "narrow": Quantity("the same, against a control that hardly varies", _narrow, _mean, _sd),
    "ratio": Quantity(
        "ratio of means (transfer ratio)", _ratio, lambda p, n: float(p.mean()) / 5.0, lambda f, p: _sd(f, p) / 5.0
    ),
    "iqm": Quantity(
        "IQM (step 0, asymptotic return, retention, share of the oracle)",
        lambda f, n, rng: interval([f.draw(rng, (n,))], iqm, rng),
        _trimmed_mean,
        _sd,
    ),
    "iqm_difference": Quantity(
        "difference of IQMs (jumpstart)",
        lambda f, n, rng: difference(*_two(f, n, rng), rng, statistic=iqm),
        lambda population, size: 0.0,
        _sd,
    ),
    "targets": Quantity(
        f"IQM over {TARGETS} targets that share n source agents (method table)",
        _over_targets,
        lambda population, size: _trimmed_mean(population, TARGETS * size),
        _sd,
    ),
    "probability": Quantity(
        "P(better than scratch)",
        lambda f, n, rng: newcombe_interval(f.draw(rng, (n,)), f.draw(rng, (n,))),
        lambda population, size: 0.5,
        lambda family, population: 1.0,
    ),
    "restricted_mean": Quantity(
        "restricted mean time",
        lambda f, n, rng: censored_interval(_times(f, n, rng), f.budget, rng).restricted_mean,
        _mean,
        _sd,
    ),
    "restricted_iqm": Quantity(
        "restricted IQM time (steps to the oracle)",
        lambda f, n, rng: censored_interval(_times(f, n, rng), f.budget, rng).restricted_iqm,
        _trimmed_mean,
        _sd,
    ),
    "median": Quantity(
        "median time",
        lambda f, n, rng: censored_interval(_times(f, n, rng), f.budget, rng).median,
        lambda population, size: float(np.median(population)),
        _sd,
    ),
}


def measure(trials: int, seed: int = 0) -> dict[str, dict[str, list[float]]]:
    """Return quantity -> `family n` -> [coverage, median width]; and how often a verdict is wrong without an effect."""
    found: dict[str, dict[str, list[float]]] = {}
    rng = np.random.default_rng(seed)
    for name, quantity in QUANTITIES.items():
        found[name] = {}
        for family_name, family in POPULATIONS.items():
            population = family.quantile((np.arange(POPULATION) + 0.5) / POPULATION)
            unit = quantity.unit(family, population)
            for size in SIZES:
                truth = quantity.truth(population, size)
                intervals = [quantity.measure(family, size, rng) for _ in range(trials)]
                ends = np.array([(i.low, i.high) for i in intervals])
                hits = (ends[:, 0] <= truth + 1e-12) & (ends[:, 1] >= truth - 1e-12)
                widths = [high - low if math.isfinite(high) else math.inf for low, high in ends]
                width = float(np.median(widths)) / unit
                found[name][f"{family_name} {size}"] = [float(hits.mean()), width if math.isfinite(width) else -1.0]
    found["false_verdicts"] = _false_verdicts(trials, rng)
    return found


def _false_verdicts(trials: int, rng: np.random.Generator) -> dict[str, list[float]]:
    """Return `family n` -> [share POSITIVE, share NEGATIVE] where both arms are the same: 2.5 % and 5 % are meant."""
    shares = {}
    for name, family in POPULATIONS.items():
        for size in SIZES:
            words = np.zeros(2)
            for _ in range(trials):
                arms = _two(family, size, rng)
                words[0] += difference(*arms, rng).low > 0.0
                words[1] += probability_below(*arms) > HARM
            shares[f"{name} {size}"] = (words / trials).tolist()
    return shares


def _cell(now: list[float], before: list[float] | None) -> str:
    def write(entry: list[float]) -> str:
        width = "unbounded" if entry[1] < 0.0 else f"{entry[1]:.2g}"
        return f"{100.0 * entry[0]:.0f} ({width})"

    return write(now) if before is None else f"{write(before)} → **{write(now)}**"


def make_table(now: Mapping[str, Mapping[str, list[float]]], before: Mapping[str, Mapping[str, list[float]]]) -> str:
    """Return the tables as markdown: a table per quantity, families across, numbers of seeds down."""
    lines: list[str] = []
    for name, quantity in QUANTITIES.items():
        if name not in now:
            continue
        lines += [f"**{quantity.words[0].upper()}{quantity.words[1:]}**", ""]
        lines += ["| n | " + " | ".join(FAMILIES) + " |", "|---" * (len(FAMILIES) + 1) + "|"]
        for size in SIZES:
            keys = [f"{family} {size}" for family in FAMILIES]
            cells = (_cell(now[name][key], before.get(name, {}).get(key)) for key in keys)
            lines.append(f"| {size} | " + " | ".join(cells) + " |")
        lines.append("")
    if "false_verdicts" not in now:
        return "\n".join(lines)
    lines += ["**Verdicts where both arms are the same**, % POSITIVE / % NEGATIVE; 2.5 and 5 are meant", ""]
    lines += ["| n | " + " | ".join(FAMILIES) + " |", "|---" * (len(FAMILIES) + 1) + "|"]
    for size in SIZES:
        cells = []
        for family in FAMILIES:
            pairs = [table.get("false_verdicts", {}).get(f"{family} {size}") for table in (before, now)]
            texts = [f"{100 * pair[0]:.1f} / {100 * pair[1]:.1f}" for pair in pairs if pair is not None]
            cells.append(" → ".join([*texts[:-1], f"**{texts[-1]}**"]))
        lines.append(f"| {size} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure, keep the numbers, and renew the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--json", type=Path, required=True, help="file to write the measured numbers to")
    parser.add_argument("--before", type=Path, help="numbers of another version, to stand beside")
    parser.add_argument("--docs", type=Path, help="markdown file whose table is renewed")
    options = parser.parse_args()
    now = measure(options.trials)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
    if options.docs is not None:
        before = json.loads(options.before.read_text(encoding="utf-8")) if options.before else {}
        text = options.docs.read_text(encoding="utf-8")
        head, _, rest = text.partition(START)
        _, _, tail = rest.partition(END)
        options.docs.write_text(f"{head}{START}\n\n{make_table(now, before)}\n\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
