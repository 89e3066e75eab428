"""SHIFTS: named ways to leave the nominal world, by family."""

from .actuators import LAGGY, WEAK
from .physics import DAMPED, HEAVY, SLIPPERY
from .sensors import NOISY
from .shift import Shift

__all__ = ["SHIFTS", "Shift"]

SHIFTS: dict[str, Shift] = {
    "nominal": Shift("the accurate nominal model itself", severity=0, parameters=lambda s: {}, highest=0),
    "heavy": HEAVY,
    "slippery": SLIPPERY,
    "damped": DAMPED,
    "weak": WEAK,
    "laggy": LAGGY,
    "noisy": NOISY,
}
