"""Worlds of a domain with all that lies between agent and physics; and whether a domain fits a task at all."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from ..channels import ActuatorChannel, DisturbanceChannel, SensorChannel, Wiring
from ..domain.domain import Domain
from ..domain.streams import StepStreams
from ..gym.plain_physics import require_channels
from ..gym.rebuild import require_lasting_model
from ..physics.nominal import Nominal
from ..physics.physics import Physics
from ..tasks.groups import sensed_names
from ..tasks.task import Task, check_arrays, make_action_space, make_physics
from ..worlds.worlds import Worlds

__all__ = ["WiredWorlds", "check_domain", "wire"]


class WiredWorlds(NamedTuple):
    """The drawn values of all worlds, and the channels that depend on them."""

    worlds: Worlds
    actuators: ActuatorChannel
    disturbances: DisturbanceChannel
    sensors: SensorChannel


def wire(task: Task, domain: Domain, physics: Physics, steps: StepStreams) -> WiredWorlds:
    """Return what `domain` puts between the agent and `physics`, with the noise of `steps`; no episode begun.

    Raises:
        EnvsError: when the domain does not fit the model.
    """
    require_channels(physics, domain)
    sensed = sensed_names(task)
    nominal = Nominal(physics.model, sensed, physics.action_names)
    worlds = Worlds(domain, physics, nominal, steps.channel("profiles"))
    wiring = Wiring(worlds, steps, physics, len(physics.action_names))
    sensors = SensorChannel(replace(wiring, dim=len(sensed)))
    return WiredWorlds(worlds, ActuatorChannel(wiring), DisturbanceChannel(wiring), sensors)


def check_domain(task: Task, domain: Domain) -> None:
    """Check that `domain` fits `task`: its model is compiled, selectors and values are resolved; nothing is simulated.

    Raises:
        EnvsError: as DomainVectorEnv, when it does not, or when the task is wrong.
    """
    physics = make_physics(task, 1, domain.fidelity, 1, task.max_episode_steps)
    try:
        check_arrays(task, physics)
        require_lasting_model(task, domain)
        make_action_space(task, physics)
        wire(task, domain, physics, StepStreams(0))
    finally:
        physics.close()
