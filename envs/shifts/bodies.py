"""Shifts of bodies, joints and ground.

None is taken from a benchmark; the defaults are what a robot may well be off by. Friction is the effective one of a
contact, so that lowering it acts (MuJoCo takes the larger of the two geoms'). What befalls joints befalls those of the
robot (`@joints`): the ones by which a base floats are no bearings, and a spring there would tie it to where it started.
"""

from .shift import Shift

__all__ = ["BODIES"]

BODIES: dict[str, Shift] = {
    "heavy": Shift(
        "every body heavier, inertia in proportion; severity: fraction of mass added",
        severity=0.5,
        parameters=lambda s: {"body_mass": {"scale": 1 + s}},
    ),
    "loaded": Shift(
        "a weight on the robot's base; severity: kg",
        severity=2.0,
        parameters=lambda s: {"payload": {"select": "@base", "set": s}},
    ),
    "off_centre": Shift(
        "the base's centre of mass sits farther forward; severity: m",
        severity=0.05,
        parameters=lambda s: {"body_com_x": {"select": "@base", "set": s}},
    ),
    "slippery": Shift(
        "less friction between robot and ground; severity: fraction of effective friction lost",
        severity=0.6,
        parameters=lambda s: {"geom_friction": {"scale": 1 - s}},
        highest=0.99,
    ),
    "soft_ground": Shift(
        "ground that gives way; severity: fraction added to the time constant of contacts",
        severity=2.0,
        parameters=lambda s: {"contact_time_constant": {"scale": 1 + s}},
    ),
    "tilted": Shift(
        "ground that is not level: gravity turned about the y axis; severity: rad",
        severity=0.1,
        parameters=lambda s: {"gravity_tilt_y": {"set": s}},
        highest=1.5,
    ),
    "damped": Shift(
        "stiff bearings; severity: fraction of joint damping added",
        severity=1.0,
        parameters=lambda s: {"dof_damping": {"select": "@joints", "scale": 1 + s}},
    ),
    "rubbing": Shift(
        "dry friction in the joints; severity: N m, or N where a joint slides",
        severity=0.5,
        parameters=lambda s: {"dof_frictionloss": {"select": "@joints", "add": s}},
    ),
    "springy": Shift(
        "springs in the joints, hoses and cables; severity: stiffness added, N m/rad or N/m",
        severity=5.0,
        parameters=lambda s: {"joint_stiffness": {"select": "@joints", "add": s}},
    ),
}
