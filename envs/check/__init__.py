"""Validity: does a shift do what it says, does that make a difference, and is the task still solvable?

A shift is checked by what runs, never by the numbers that were drawn or written: contacts, constraints, forces,
controls and readings are measured and held against what the domain intends (`probes`), one control step from the
same states shows whether it makes any difference (`divergence`), and a random search whether anything can still be
learned (`solvability`).
"""

from .check import Reference, check_worlds
from .gate import Gate, check_shift
from .pairs.verdict import Divergence, Quantity, ShiftCheck, Solvability, Verdict
from .pairs.world_pair import WorldsFactory
from .probes.table import PROBES
from .twin import Twin

__all__ = [
    "PROBES",
    "Divergence",
    "Gate",
    "Quantity",
    "Reference",
    "ShiftCheck",
    "Solvability",
    "Twin",
    "Verdict",
    "WorldsFactory",
    "check_shift",
    "check_worlds",
]
