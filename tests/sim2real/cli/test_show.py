"""Tables for the terminal: what must not be cut is not cut at 80 columns."""

from __future__ import annotations

import io

from fabricated_table import SHAPES, make_table
from rich.console import Console

from sim2real.cli.show import summary_table


def test_every_verdict_is_whole_at_80_columns() -> None:
    names = ("scratch", "feature_extraction", "frozen_encoder", "fine_tune")
    results = make_table({name: SHAPES[name] for name in names}, envs=("half_cheetah",), targets=("lag_and_noise",))
    text = io.StringIO()
    Console(file=text, width=80).print(summary_table(results))
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    assert max(map(len, lines)) <= 80
    for name in names[1:]:
        line = next(line for line in lines if line.strip().startswith(name))
        assert line.endswith(("POSITIVE", "NEGATIVE", "INCONCLUSIVE"))
        assert line.count("[") == line.count("]") == 1
    assert "half_cheetah" in text.getvalue()
    assert "\N{HORIZONTAL ELLIPSIS}" not in text.getvalue()
