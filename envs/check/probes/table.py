"""PROBES: how every parameter is measured in what runs, independently of how it was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from ...physics.fields.parameters import PARAMETERS
from ...physics.parameter import ChannelParameter
from ..pairs.readings import probe_live_value, probe_reading
from ..pairs.verdict import Quantity
from ..pairs.world_pair import WorldPair
from .actions import ACTION_PROBES
from .actuators import ACTUATOR_MEASURES
from .contact import CONTACT_MEASURES
from .disturbances import DISTURBANCE_PROBES
from .in_time import measure_in_time
from .joints import JOINT_MEASURES
from .mass import CENTRE_OF_MASS, probe_centre, probe_mass
from .measure import Measure, measure_parameter
from .sensors import SENSOR_PROBES
from .surroundings import SURROUNDINGS_MEASURES
from .unchanged import probe_untouched

__all__ = ["PROBES", "Probe", "read_back"]

Probe = Callable[[WorldPair, str], list[Quantity]]


def _measures(rows: Mapping[str, Measure]) -> dict[str, Probe]:
    return {name: partial(_measured, measure) for name, measure in rows.items()}


def _measured(measure: Measure, pair: WorldPair, parameter: str) -> list[Quantity]:
    return measure_parameter(pair, parameter, measure)


PROBES: dict[str, Probe] = {
    "body_mass": probe_mass,
    "body_inertia": probe_mass,
    "payload": probe_mass,
    **{name: partial(probe_centre, measure) for name, measure in CENTRE_OF_MASS.items()},
    **_measures(CONTACT_MEASURES),
    **_measures(JOINT_MEASURES),
    **_measures(ACTUATOR_MEASURES),
    **_measures(SURROUNDINGS_MEASURES),
    **ACTION_PROBES,
    **SENSOR_PROBES,
    **DISTURBANCE_PROBES,
}
# What makes sense only together with another.
_COMPANIONS = {
    "observation_dropout": ("observation_dropout_steps",),
    "observation_dropout_steps": ("observation_dropout",),
    "observation_stuck": ("observation_stuck_steps",),
    "observation_stuck_steps": ("observation_stuck",),
    "push_impulse": ("push_interval",),
    "push_interval": ("push_impulse",),
    "gust_force": ("gust_time",),
    "gust_time": ("gust_force",),
}
# Measured by differences between runs with the same noise, so that company does not disturb it, but for these.
_ROBUST = {
    "action_delay": ("action_quantisation", "action_dead_zone", "action_backlash", "action_rate_limit"),
    "observation_delay": (
        "observation_saturation",
        "observation_quantisation",
        "observation_stuck",
        "observation_dropout",
    ),
}


def read_back(pair: WorldPair) -> list[Quantity]:
    """Measure every parameter of the domain, and that the channels leave alone what the domain does not name.

    What a channel does is measured in the shifted worlds themselves where it is the only one on its way, or where
    company does not disturb the measurement; else in worlds that are shifted in nothing but it, if such can be built.
    What moves within the episode is measured once more later in it: last of all, as that takes the worlds on. Of a
    channel that moves, the value it reads then is all that is looked at, as its probes average over the episode.
    """
    found: dict[str, Quantity] = {}
    for name in pair.expectation.names:
        suitable = _suitable(pair, name)
        if suitable is None:
            continue
        for quantity in PROBES.get(name, probe_reading)(suitable, name):
            found.setdefault(quantity.name, quantity)
    for quantity in probe_untouched(pair):
        found.setdefault(quantity.name, quantity)
    for quantity in measure_in_time(pair, _probe_in_time):
        found.setdefault(quantity.name, quantity)
    return list(found.values())


def _probe_in_time(name: str) -> Probe:
    """Return what looks at a parameter later in the episode, without making the worlds run."""
    return probe_live_value if isinstance(PARAMETERS[name], ChannelParameter) else PROBES.get(name, probe_reading)


def _suitable(pair: WorldPair, name: str) -> WorldPair | None:
    """Return the pair in which the parameter can be measured; None if there is none."""
    parameter = PARAMETERS[name]
    if not isinstance(parameter, ChannelParameter):
        return pair
    if pair.expectation.moves(name) or not _acts(pair, name):
        return None
    disturbing = [other for other in _way_of(pair, name) if other not in (name, *_COMPANIONS.get(name, ()))]
    if name in _ROBUST:
        disturbing = [other for other in disturbing if other in _ROBUST[name]]
    return pair if not disturbing else pair.alone((name, *_COMPANIONS.get(name, ())))


def _acts(pair: WorldPair, name: str) -> bool:
    """Return whether the parameter is anything but ideal in some world; a length alone is not."""
    ideal = PARAMETERS[name].ideal  # type: ignore[union-attr]
    needed = _COMPANIONS.get(name, ()) if name.endswith(("_steps", "_interval", "_time")) else (name,)
    if any(other != name and not pair.expectation.has(other) for other in needed):
        return False
    return name not in needed or bool(np.any(pair.expectation.values(name) != ideal))


def _way_of(pair: WorldPair, name: str) -> list[str]:
    """Return the domain's channel parameters on the same way: of actions, of observations, or of forces."""
    kind = name.partition("_")[0]
    ways = {"action": "action", "observation": "observation"}
    return [
        other
        for other in pair.expectation.names
        if isinstance(PARAMETERS[other], ChannelParameter)
        and ways.get(other.partition("_")[0], "forces") == ways.get(kind, "forces")
    ]
