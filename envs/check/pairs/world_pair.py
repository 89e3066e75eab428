"""WorldPair: nominal and shifted worlds side by side, as the probes find them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import mujoco
import numpy as np
from numpy.typing import NDArray

from ...domain.distributions import Constant
from ...domain.domain import Domain
from ...physics.fields.parameters import PARAMETERS
from ...physics.nominal import object_names
from .expectation import Expectation
from .recording import AnyEnv, Recording, core, has_state, record

__all__ = ["WorldPair", "WorldsFactory", "body_ids", "geom_ids", "joint_ids"]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]
Mask = NDArray[np.bool_]
WorldsFactory = Callable[[int, int], AnyEnv]  # (num_envs, seed) -> worlds
PartFactory = Callable[[Domain, int, int], AnyEnv]  # (domain, num_envs, seed) -> worlds

NUM_WORLDS = 16  # enough to average noise, few enough to be quick
_NUM_STEPS = 100
_NUM_READ = 3  # worlds whose models are read one by one, if worlds differ


@dataclass(frozen=True)
class WorldPair:
    """What a probe may look at.

    Attributes:
        nominal: worlds as built.
        shifted: the worlds in question; both just reset, but for a pair that is `later` than another.
        expectation: what the shifted ones should be.
        seed: of everything random.
        make_nominal: builds nominal worlds anew.
        make_part: builds the shifted worlds with another domain, if they are built from one.
        faultless: (num_envs,) the shifted worlds that mean something; None for all.
    """

    nominal: AnyEnv
    shifted: AnyEnv
    expectation: Expectation
    seed: int
    make_nominal: WorldsFactory
    make_part: PartFactory | None = None
    faultless: Mask | None = None

    @staticmethod
    def prepare(
        make_nominal: WorldsFactory,
        make_shifted: WorldsFactory,
        seed: int,
        intended: Domain | None = None,
        make_part: PartFactory | None = None,
    ) -> WorldPair:
        """Build and reset both kinds of worlds; `intended` None is the shifted worlds' own domain."""
        nominal, shifted = make_nominal(NUM_WORLDS, seed), make_shifted(NUM_WORLDS, seed)
        nominal.reset(seed=seed)
        shifted.reset(seed=seed)
        domain = core(shifted).domain if intended is None else intended
        expectation = Expectation(domain, core(nominal).worlds.nominal, core(shifted))
        return WorldPair(nominal, shifted, expectation, seed, make_nominal, make_part)

    def alone(self, parameters: tuple[str, ...]) -> WorldPair | None:
        """Return a pair of worlds in which nothing but these parameters is shifted; None if there is no way."""
        if self.make_part is None:
            return None
        make_part, whole = self.make_part, self.expectation.domain
        domain = Domain(tuple(e for e in whole.entries if e.parameter in parameters), whole.fidelity)
        return WorldPair.prepare(lambda n, s: self.nominal, lambda n, s: make_part(domain, n, s), self.seed)

    def later(self, num_steps: int, faultless: Mask) -> WorldPair:
        """Return a pair of the same worlds as they are now, `num_steps` control steps into the episode.

        Only models and readings may be looked at, and before the worlds run on.

        Args:
            num_steps: taken since the start.
            faultless: (num_envs,) the worlds that have not had a fault since; at least one.
        """
        now = Expectation(self.expectation.domain, self.expectation.nominal, core(self.shifted), num_steps)
        return replace(self, expectation=now, faultless=faultless)

    @cached_property
    def read_ids(self) -> Ids:
        """Return the worlds that are read one by one, (k,): one if all are alike, else those that have moved most."""
        entries = self.expectation.domain.entries
        alike = all(isinstance(e.distribution, Constant) and not e.one_of for e in entries)
        ids = np.arange(NUM_WORLDS) if self.faultless is None else np.flatnonzero(self.faultless)
        ids = ids[np.argsort(-self.expectation.distance[ids], kind="stable")]
        return ids[: 1 if alike else _NUM_READ]

    def of_sound_worlds(self, values: Array) -> Array:
        """Return values (num_envs, n), those of worlds that have had a fault replaced by NaN."""
        return values if self.faultless is None else np.where(self.faultless[:, None], values, np.nan)

    @cached_property
    def nominal_model(self) -> mujoco.MjModel:
        """Return the model of a nominal world as it runs, a copy."""
        return copy.copy(core(self.nominal).physics.world(0)[0])

    @cached_property
    def shifted_models(self) -> list[mujoco.MjModel]:
        """Return the models of the shifted worlds `read_ids` as they run, copies: a world goes on."""
        return [copy.copy(core(self.shifted).physics.world(int(i))[0]) for i in self.read_ids]

    @property
    def control_period(self) -> float:
        """Return the control period, s."""
        return float(core(self.shifted).physics.ctrl_dt)

    @property
    def num_actions(self) -> int:
        """Return the length of an action."""
        return int(np.prod(core(self.shifted).single_action_space.shape or (0,)))

    def action_bounds(self) -> tuple[Array, Array]:
        """Return the least and the greatest action, (act_dim,) each."""
        space = core(self.shifted).single_action_space
        return np.asarray(space.low, np.float64), np.asarray(space.high, np.float64)  # type: ignore[attr-defined]

    def constant_actions(self, action: Array, num_steps: int = _NUM_STEPS) -> NDArray[np.float32]:
        """Return `action` (act_dim,) for all worlds and steps, (num_steps, num_envs, act_dim)."""
        return np.broadcast_to(action.astype(np.float32), (num_steps, NUM_WORLDS, self.num_actions)).copy()

    @cached_property
    def random_actions(self) -> NDArray[np.float32]:
        """Return actions uniform within their bounds, (num_steps, num_envs, act_dim)."""
        low, high = self.action_bounds()
        rng = np.random.default_rng(self.seed)
        return rng.uniform(low, high, (_NUM_STEPS, NUM_WORLDS, self.num_actions)).astype(np.float32)

    @cached_property
    def free(self) -> Recording:
        """Return the shifted worlds under random actions."""
        return record(self.shifted, self.random_actions, self.seed, follow=self.moving_fields)

    @cached_property
    def moving_fields(self) -> tuple[str, ...]:
        """Return the fields of the model that profiles of the domain move within the episode."""
        moving = filter(self.expectation.moves, self.expectation.names)
        return tuple(dict.fromkeys(f for name in moving for f in getattr(PARAMETERS[name], "fields", ())))

    @cached_property
    def kicked(self) -> Recording:
        """Return the same with the same noise, but every velocity changed at the start: what differs is signal.

        Where there is no velocity, the actions are others.
        """
        if not has_state(self.shifted):
            return record(self.shifted, self.random_actions[::-1], self.seed)
        return record(self.shifted, self.random_actions, self.seed, kick=_KICK)

    @cached_property
    def still(self) -> Recording:
        """Return the shifted worlds under actions of zero."""
        return record(self.shifted, self.constant_actions(np.zeros(self.num_actions)), self.seed)

    @cached_property
    def held(self) -> Recording:
        """Return the shifted worlds under one constant action, `held_action`, the noise that of `still`."""
        return record(self.shifted, self.constant_actions(self.held_action), self.seed)

    @property
    def sound(self) -> NDArray[np.bool_]:
        """Return the worlds (num_envs,) whose recordings have no fault."""
        return self.free.sound & self.still.sound & self.held.sound

    @property
    def held_action(self) -> Array:
        """Return an action well within its bounds that lies on no round grid, (act_dim,), not zero."""
        low, high = self.action_bounds()
        return np.asarray(np.float32(np.where(high > -low, high, low) * 0.73128), np.float64)


_KICK = 0.31  # rad/s or m/s: far above rounding, far below what leads to a fault


def body_ids(model: mujoco.MjModel) -> dict[str, int]:
    """Return name -> index of all bodies, those without a name as parameters call them."""
    return {name: i for i, name in enumerate(object_names(model, "body"))}


def joint_ids(model: mujoco.MjModel) -> dict[str, int]:
    """Return name -> index of all joints, likewise."""
    return {name: i for i, name in enumerate(object_names(model, "joint"))}


def geom_ids(model: mujoco.MjModel) -> dict[str, int]:
    """Return name -> index of all geoms, likewise."""
    return {name: i for i, name in enumerate(object_names(model, "geom"))}
