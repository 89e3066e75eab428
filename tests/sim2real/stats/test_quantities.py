"""QUANTITIES is the one list of what is reported: rows can be computed, tables take their columns from it."""

from __future__ import annotations

import csv
import io

import pytest
from fabricated_table import SHAPES, make_table

from sim2real.report.method_rows import make_method_table
from sim2real.report.tables_csv import make_csv
from sim2real.report.target_tables import make_quantities
from sim2real.stats import QUANTITIES, reported_in, summarise
from sim2real.stats.quantities import Tables

TABLES: tuple[Tables, ...] = ("intervals", "target", "methods")


@pytest.mark.parametrize("name", QUANTITIES)
def test_a_row_is_reported_and_computed(name: str) -> None:
    row = QUANTITIES[name]
    assert row.tables.keys() <= set(TABLES)
    assert row.tables
    assert row.per_run is not None or row.against is not None
    assert ("methods" in row.tables) == (row.share is not None)
    assert (row.kind == "steps") == ("intervals" not in row.tables and "target" in row.tables)  # censored: of their own


@pytest.mark.parametrize("table", TABLES)
def test_places_of_a_table_are_its_own(table: Tables) -> None:
    places = [QUANTITIES[name].tables[table] for name in reported_in(table)]
    assert places == list(range(len(places)))


def test_every_table_has_the_columns_of_its_rows() -> None:
    names = ("zero_shot", "scratch", "oracle", "frozen_encoder")
    shapes = {name: SHAPES[name] for name in names}
    summary = summarise(make_table(shapes, envs=("hopper",), targets=("heavy", "worn"), num_seeds=3))
    cell = summary.groups[0].cells["frozen_encoder"]
    assert tuple(cell.quantities) == reported_in("intervals")
    assert set(cell.steps_to) == {name for name, row in QUANTITIES.items() if row.kind == "steps"}
    assert summary.table is not None
    assert tuple(summary.table.rows[0].quantities) == reported_in("methods")
    shown = [QUANTITIES[name].title for name in reported_in("target") if QUANTITIES[name].shown != "without oracle"]
    assert list(make_quantities(summary, "hopper")[0].columns) == ["Seeds", *shown]
    table = make_method_table(summary)
    assert table is not None
    assert len(table.columns) == len(reported_in("methods")) + 1
    written = {row["quantity"] for row in csv.DictReader(io.StringIO(make_csv(summary)))}
    assert {name.removesuffix("_median") for name in written} == set(QUANTITIES)
