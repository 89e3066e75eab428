"""SHIFTS: named ways to leave the nominal world, by family."""

from .actuators import ACTUATORS
from .bodies import BODIES
from .builds import BUILDS
from .composed import COMPOSED
from .disturbances import DISTURBANCES
from .odrl import ODRL
from .real_world import REAL_WORLD
from .rrls import RRLS
from .schedules import SCHEDULES
from .sensors import SENSORS
from .shift import Shift
from .unmodelled import UNMODELLED

__all__ = ["SHIFTS", "Shift"]

SHIFTS: dict[str, Shift] = {
    "nominal": Shift("the accurate nominal model itself", severity=0, parameters=lambda s: {}, highest=0),
    **BODIES,
    **BUILDS,
    **ACTUATORS,
    **SENSORS,
    **DISTURBANCES,
    **COMPOSED,
    **UNMODELLED,
    **ODRL,
    **REAL_WORLD,
    **SCHEDULES,
    **RRLS,
}
