"""PlainPhysics: worlds that are environments of Gymnasium without MuJoCo: there are actions, observations and rewards.

A domain reaches them by the channels alone: what lies in the model, or acts on bodies, is refused by name.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ..domain.domain import Domain
from ..errors import EnvsError
from ..physics.fidelity import NOMINAL, Fidelity
from ..physics.fields.parameters import PARAMETERS
from ..physics.physics import Physics
from .contract import GymContract
from .physics import GymPhysics

__all__ = ["PlainPhysics", "require_channels"]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]
Mask = NDArray[np.bool_]
State = dict[str, NDArray[np.generic]]
_WAYS = ("action_", "observation_")  # of the parameters that need no model: those of actuators and of sensors
_SAVED = "observations", "lost"
_logger = logging.getLogger("envs.gym")


class PlainPhysics(GymPhysics):
    """`num_envs` environments without a state that could be read or written.

    A saved episode is lived through again, by its seed and actions. Where that does not lead to the saved observation,
    or where the environment says that it cannot (`nondeterministic`), the episode is lost: the world's next step is a
    fault, which ends it, and a new episode begins. An environment that cannot is not even reset before that.

    Attributes:
        name: of the environment, for errors.
        has_period: whether the environment says how long a control step lasts; else `ctrl_dt` is 1.
        lost: (num_envs,) the worlds whose next step is a fault.
    """

    def __init__(
        self,
        make: Callable[[], gymnasium.Env[Any, Any]],
        contract: GymContract,
        num_envs: int,
        fidelity: Fidelity,
        max_episode_steps: int | None,
        *,
        repeatable: bool,
    ) -> None:
        """Make the environments, Modelless ones; arguments are those of GymPhysics.

        Args:
            make: makes one.
            contract: what they take and return.
            num_envs: how many.
            fidelity: the nominal one.
            max_episode_steps: longest episode.
            repeatable: whether an episode may be lived through again.

        Raises:
            EnvsError: for any other fidelity, as there is no MuJoCo to have it.
        """
        if fidelity != NOMINAL:
            raise EnvsError(
                f"fidelity: {fidelity.describe()} is of MuJoCo, and {contract.name} has no MuJoCo model; valid: nominal"
            )
        super().__init__(make, contract, num_envs, fidelity, max_episode_steps)
        self.name, self._repeatable = contract.name, repeatable
        self.has_period = hasattr(self._envs[0], "dt")
        self.lost: Mask = np.zeros(num_envs, np.bool_)
        self._seen: Array = np.zeros(self.observations.shape)  # the observations of the state that is being set

    def _make_envs(self, make: Callable[[], gymnasium.Env[Any, Any]], fidelity: Fidelity) -> None:
        """Make the environments, and none more: there may be one robot alone."""
        for _ in range(self.num_envs):
            self._envs.append(make())  # keeps those made before one fails
        self.model, self.substeps = self._envs[0].model, 1
        self.ctrl_dt = float(self.model.opt.timestep)

    def restart(self, ids: Ids, seeds: NDArray[np.int64]) -> None:
        """Reset the environments `ids` (n,) with `seeds` (n,)."""
        self.lost[ids] = False
        super().restart(ids, seeds)

    def step(self, ctrl: NDArray[np.floating], active: Mask | None = None) -> Mask:
        """Step every environment with its action, as GymPhysics does; those that are lost fault and do not move."""
        if not self.lost.any():
            return super().step(ctrl, active)
        moving = np.ones(self.num_envs, np.bool_) if active is None else active
        return super().step(ctrl, moving & ~self.lost) | (self.lost & moving)

    def get_state(self) -> State:
        """Return how each episode came about and what it last showed."""
        return {**super().get_state(), **{name: getattr(self, name).copy() for name in _SAVED}}

    def set_state(self, state: State) -> None:
        """Continue from what `get_state` returned, or lose an episode."""
        before = np.asarray(state["lost"], np.bool_)
        self.lost[:], self._seen[:] = before, state["observations"]
        super().set_state({name: values for name, values in state.items() if name not in _SAVED})
        self.observations[:] = self._seen
        if count := int((self.lost & ~before).sum()):
            why = "it comes out differently" if self._repeatable else "it says that it is nondeterministic"
            _logger.warning(
                "%s: %d of %d saved episodes cannot be continued, as %s: the next step ends each with a fault",
                *(self.name, count, self.num_envs, why),
            )

    def _bring_state(self, i: int) -> bool:
        """Return False: there is no state that could have been written."""
        return False

    def _refresh(self, i: int) -> None:
        """Do nothing: in an empty world nothing moves."""

    def _live_again(self, i: int, row: Array) -> None:
        """Bring environment `i` to where it was by its episode's seed and actions, unless that is lost."""
        if self._repeatable and not self.lost[i]:
            super()._live_again(i, row)
        self.lost[i] |= not (self._repeatable and np.array_equal(self.observations[i], self._seen[i], equal_nan=True))


def require_channels(physics: Physics, domain: Domain) -> None:
    """Check that `domain` sets parameters of channels alone if `physics` has no model.

    Raises:
        EnvsError: naming the parameters that need one, the environment, and the parameters there are.
    """
    if not isinstance(physics, PlainPhysics):
        return
    valid = [name for name in PARAMETERS if name.startswith(_WAYS) and (physics.has_period or name != "action_lag")]
    refused = dict.fromkeys(entry.parameter for entry in domain.entries if entry.parameter not in valid)
    if not refused:
        return
    reason = "has no MuJoCo model to apply it to, only channels of actions and observations"
    if [*refused] == ["action_lag"]:
        reason = "does not say how long a control step lasts (its unwrapped environment has no number `dt`, s)"
    raise EnvsError(f"{', '.join(refused)}: {physics.name} {reason}; valid: {', '.join(valid)}")
