"""The contract of FIGURES: a row draws finished runs, is silent without them, and is the same every time."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from sim2real.report import FIGURES, Panel
from sim2real.report.style.palette import ROLES, STYLES, make_styles
from sim2real.stats import summarise
from sim2real.stats.records import BenchResults, RunRecord, Status

METHODS = ("zero_shot", "scratch", "frozen_encoder", "a_method_of_mine")
LEVELS = {"zero_shot": 60.0, "scratch": 5.0, "frozen_encoder": 70.0, "a_method_of_mine": 40.0}


def make_record(target: str, method: str, seed: int, status: Status = "finished") -> RunRecord:
    steps = np.array([0]) if method == "zero_shot" else np.array([0, 500, 1000])
    returns = LEVELS[method] + 3.0 * seed + 20.0 * steps / 1000.0
    scratch = method == "scratch"
    return RunRecord(
        env="hopper",
        target=target,
        method=method,
        seed=seed,
        status=status,
        error=None if status == "finished" else "broke",
        steps=steps,
        returns=returns,
        return_sd=np.ones_like(returns),
        source_return_before=None if scratch else 100.0,
        source_return_after=None if scratch else 90.0 + seed,
        source_steps=0 if scratch else 5000,
        target_steps=int(steps[-1]),
        eval_steps=100,
        episodes=10,
        falls=4,
        frozen_digest=None,
        wall_seconds=2.0,
    )


def make_results(
    num_seeds: int = 3, targets: tuple[str, ...] = ("heavy", "<i>ce & $x$"), **kwargs: Status
) -> BenchResults:
    records = [make_record(t, m, s, **kwargs) for t in targets for m in METHODS for s in range(num_seeds)]
    return BenchResults("demo", tuple(records), {}, {}, 0.8, "frozen_encoder", "2026-01-01T00:00:00+00:00")


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_draws_panels_that_the_page_can_take(name: str) -> None:
    panels = FIGURES[name].plot(summarise(make_results()))
    assert panels
    for panel in panels:
        root = ElementTree.fromstring(panel.svg.replace("xlink:", ""))
        assert root.tag.endswith("svg")
        assert root.get("width") is None
        assert root.get("viewBox")
        assert "DejaVu" not in panel.svg
        assert len(panel.description) > 20
        colours = set(re.findall(r"#[0-9a-f]{6}\b", panel.svg))
        assert not colours & set(ROLES.values())
        assert not {colour for colour in colours if colour.startswith("#0a0b")}
        used = set(re.findall(r"var\(--([a-z0-9-]+)\)", panel.svg))
        slots = {f"m{style.slot}" for style in make_styles(METHODS).values()}
        assert used <= {*ROLES, *slots, "sans"}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_pure(name: str) -> None:
    assert FIGURES[name].plot(summarise(make_results())) == FIGURES[name].plot(summarise(make_results()))


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_silent_without_finished_runs(name: str) -> None:
    assert FIGURES[name].plot(summarise(make_results(status="failed"))) == ()


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_survives_one_seed_and_one_target(name: str) -> None:
    assert len(FIGURES[name].plot(summarise(make_results(1, ("heavy",))))) == 1


@pytest.mark.parametrize("name", FIGURES)
def test_every_row_says_what_it_shows(name: str) -> None:
    figure = FIGURES[name]
    assert figure.title[0].isupper()
    assert figure.line.endswith(".")
    assert figure.section in ("curves", "methods", "quantities")


def test_ids_are_unique_across_all_panels_of_the_page() -> None:
    summary = summarise(make_results())
    panels: list[Panel] = [panel for figure in FIGURES.values() for panel in figure.plot(summary)]
    ids = [found for panel in panels for found in re.findall(r'\bid="([^"]+)"', panel.svg)]
    assert len(ids) == len(set(ids))
    for panel in panels:
        own = set(re.findall(r'\bid="([^"]+)"', panel.svg))
        references = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', panel.svg)
        assert {a or b for a, b in references} <= own


def test_names_are_text_and_never_markup_or_mathematics() -> None:
    (heat,) = FIGURES["method_by_target"].plot(summarise(make_results()))
    assert "&lt;i&gt;ce &amp; $x$" in heat.svg
    assert "frozen_encoder" in heat.svg


def test_unreached_times_say_beyond_the_budget_with_their_number() -> None:
    heavy = FIGURES["time_to_threshold"].plot(summarise(make_results()))[0]
    assert "scratch &gt; budget (3 of 3)" in heavy.description.replace(">", "&gt;")
    assert "&gt; budget (3 of 3)" in heavy.svg


def test_a_method_looks_the_same_whoever_else_is_there() -> None:
    alone, together = make_styles(["frozen_encoder"]), make_styles(METHODS)
    assert alone["frozen_encoder"] == together["frozen_encoder"] == STYLES["frozen_encoder"]
    assert make_styles(["a_method_of_mine"])["a_method_of_mine"] == together["a_method_of_mine"]
    many = make_styles([f"method {i}" for i in range(20)])
    assert len({style.slot for style in many.values()}) == 20
    assert len({style.light for style in STYLES.values()}) == len(STYLES)


def luminance(colour: str) -> float:
    """Relative luminance of sRGB, WCAG 2.2."""
    parts = np.array([int(colour[i : i + 2], 16) / 255.0 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("method", STYLES)
def test_method_colours_stand_out_by_three_to_one_in_light_and_dark(method: str) -> None:
    style = STYLES[method]
    assert 1.05 / (luminance(style.light) + 0.05) * (luminance("#fcfbf8") + 0.05) / 1.05 >= 3.0
    assert (luminance(style.dark) + 0.05) / (luminance("#14171a") + 0.05) >= 3.0
