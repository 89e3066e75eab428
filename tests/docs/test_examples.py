"""The examples run, and are as short as they claim."""

from __future__ import annotations

import pytest
from pages import ROOT

EXAMPLES = ROOT / "examples"


@pytest.mark.thorough
def test_a_training_loop_of_ones_own_learns_on_the_worlds(capsys: pytest.CaptureFixture[str]) -> None:
    source = (EXAMPLES / "cleanrl_loop.py").read_text().replace("NUM_UPDATES, GAMMA, LAMBDA = 64, 64, 60", "{}")
    assert "{}" in source
    source = source.replace("{}", "NUM_UPDATES, GAMMA, LAMBDA = 64, 64, 30")
    exec(compile(source, "cleanrl_loop.py", "exec"), {"__name__": "__main__"})
    lengths = [int(line.rpartition(" ")[2]) for line in capsys.readouterr().out.splitlines()]
    assert lengths[-1] > 2 * lengths[0]
