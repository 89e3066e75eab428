"""Shifts by what pushes the robot, and by when it is asked.

Forces act at the centre of mass of the bodies that hang on the world (`@base`), in newton whatever the robot weighs:
what they mean for a policy is for a calibration to say.
"""

from .shift import Shift, nearest_count

__all__ = ["DISTURBANCES"]

_AIR = 1.2  # kg/m^3 at 20 degrees Celsius

DISTURBANCES: dict[str, Shift] = {
    "pushed": Shift(
        "a push from some side every 25 steps; severity: impulse in N s",
        severity=1.0,
        parameters=lambda s: {"push_impulse": {"select": "@base", "set": s}, "push_interval": {"set": 25}},
    ),
    "towed": Shift(
        "a rope that pulls backward; severity: steady force against the x axis in N",
        severity=2.0,
        parameters=lambda s: {"steady_force_x": {"select": "@base", "set": -s}},
    ),
    "gusty": Shift(
        "forces that come and go within 10 steps; severity: their standard deviation in N, along x and y",
        severity=3.0,
        parameters=lambda s: {"gust_force": {"select": "@base", "set": s}},
    ),
    "windy": Shift(
        "head wind in air that the nominal model leaves out; severity: m/s, from 1 m/s on in air of full density",
        severity=8.0,
        parameters=lambda s: {"density": {"add": _AIR * min(s, 1.0)}, "wind_x": {"set": -s}},
    ),
    "jittery": Shift(
        "a computer that is late now and then; severity: fraction by which control steps are longer or shorter, "
        "with actions up to 4 times that many steps late",
        severity=0.25,
        parameters=lambda s: {"control_jitter": {"set": s}, "action_jitter": {"set": nearest_count(4 * s)}},
        highest=0.5,
    ),
}
