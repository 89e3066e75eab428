"""DomainVectorEnv: many worlds drawn from a domain, as a gymnasium.vector.VectorEnv."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from ..domain.domain import Domain
from ..domain.streams import EpisodeStreams, StepStreams
from ..errors import EnvsError
from ..gym.rebuild import require_lasting_model
from ..physics.physics import Physics
from ..tasks.memory import TaskMemory, own_copy
from ..tasks.task import Task, check_arrays, make_action_space, make_physics, reward_terms, truncated_by
from ..worlds.saved_state import State, flatten, identity_of, part_of, require_fit
from .arguments import read_autoreset_mode, read_reset_mask, require_arguments
from .clients import ForClients
from .infos import add_start, count_broken, final_infos, fits, masked, silence
from .observer import Observer, Shown
from .wired_worlds import wire

__all__ = ["DomainVectorEnv"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Ids = NDArray[np.intp]
_MOST_DRAWS = 10  # of a world in a row, until its first observation is finite
ResetInfo = Callable[[Physics], Mapping[str, NDArray[Any]]]
StepResult = tuple[Shown, Array, Mask, Mask, dict[str, Any]]


class DomainVectorEnv(ForClients, VectorEnv[Shown, NDArray[np.floating], NDArray[Any]]):
    """`num_envs` worlds of one task, each drawn anew from `domain` at the start of every episode.

    Worlds end and restart independently. `autoreset_mode` is one of Gymnasium's:

    - SAME_STEP, the default: an ended world restarts within the step. Its observation is the next episode's first, the
      last one is in `infos["final_obs"]`, (num_envs, obs_dim), its step's infos are in `infos["final_info"]`.
    - NEXT_STEP: an ended world ignores the next action and restarts: its observation is the next episode's first, its
      reward 0. Gymnasium's wrappers of observations demand this mode.
    - DISABLED: an ended world stands still, reward 0, until `reset(options={"reset_mask": mask})`.

    Every array in infos is (num_envs, ...) and has its mask under the same key with a leading underscore. At the start
    of an episode infos are those of the task's `reset_info`, if it has one. Every step's infos have the reward terms,
    `reward_terms` their names; their sum in this order is the reward.

    `groups` are the observation groups shown, see `tasks.groups`. Of `policy` alone observations are an array
    (num_envs, obs_dim), of more a dictionary of such. `privileged` is the task's own, then `world_parameters`.

    A world that diverges, or in which MuJoCo raises, ends truncated with its last sound observation, reward zero and
    `infos["fault"]`; `num_faults` counts them. So does one whose reward or reading is NaN or beyond single precision;
    `not_finite` counts these by name. Unless it is None, `max_episode_steps` truncates every episode.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(
        self,
        task: Task,
        domain: Domain | None = None,
        *,
        num_envs: int,
        seed: int | None = None,
        num_threads: int = 0,
        max_episode_steps: int | None = -1,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        groups: Sequence[str] | None = None,
    ) -> None:
        """Build the worlds; they start at the first `reset`.

        Args:
            task: what is asked.
            domain: where worlds are drawn from; None is the nominal world.
            num_envs: number of worlds.
            seed: of all randomness, unless `reset` is given one; None: drawn from the system's entropy.
            num_threads: threads that step worlds; 0 means all cores this process may use.
            max_episode_steps: control steps until truncation; -1 the task's own number, None never.
            autoreset_mode: one of the above, or its name or value as text.
            groups: names of the observation groups shown; None: all that the task itself has but `privileged`.

        Raises:
            EnvsError: when the domain does not fit the task's model, or a number is impossible.
        """
        require_arguments(num_envs, seed, max_episode_steps)
        self.task, self.domain, self.num_envs = own_copy(task), domain or Domain(), num_envs
        self.autoreset_mode = read_autoreset_mode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        if seed is None:
            self._np_random, seed = seeding.np_random()
            self._np_random_seed = seed
        limit = {"num_threads": num_threads, "max_episode_steps": max_episode_steps, "groups": groups}
        self._arguments = (task, domain), {"num_envs": num_envs, "seed": 0, "autoreset_mode": autoreset_mode, **limit}
        self.max_episode_steps = task.max_episode_steps if max_episode_steps == -1 else max_episode_steps
        self.physics = make_physics(self.task, num_envs, self.domain.fidelity, num_threads, self.max_episode_steps)
        try:
            check_arrays(self.task, self.physics)
            require_lasting_model(task, self.domain)
            self.single_action_space = make_action_space(self.task, self.physics)
            self._build_worlds(seed, groups)
        except BaseException:
            self.physics.close()
            raise

    def _build_worlds(self, seed: int, groups: Sequence[str] | None) -> None:
        """Make what lies between agent and physics; no episode has begun yet."""
        task, num_envs = self.task, self.num_envs
        self._reset_info: ResetInfo = getattr(task, "reset_info", lambda physics: {})
        self._steps = StepStreams(seed)
        wired = wire(task, self.domain, self.physics, self._steps)
        self.worlds, self._actuators, self._disturbances, self._sensors = wired
        self._observer = Observer(task, self.physics, self.worlds, self._sensors, groups)
        self.groups, self.single_observation_space = self._observer.groups, self._observer.space
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.num_faults, self.not_finite = 0, dict[str, int]()
        self._elapsed = np.zeros(num_envs, np.int64)
        self.reward_terms = reward_terms(task, self.physics)
        self._memory = TaskMemory(task, num_envs, self._steps)
        self._started = False
        self._ended = np.ones(num_envs, np.bool_)  # no world has an episode yet
        self._measured = self._measure()  # in the state that the next step starts from
        self._streams = EpisodeStreams(seed, num_envs)

    @property
    def parameters(self) -> dict[str, Array]:
        """The parameters' numbers of all worlds by name, each (num_envs,), copied."""
        return {name: self.worlds.numbers[:, i].copy() for i, name in enumerate(self.worlds.names)}

    @property
    def world_parameter_names(self) -> tuple[str, ...]:
        """Names of what `world_parameters` returns, (k,): the domain's entries whose number is random, in its order."""
        return self.domain.random_names

    def world_parameters(self) -> Array:
        """Return the numbers that distinguish the worlds, (num_envs, k), as drawn when its episode started.

        They are what the domain's operations use, a factor or an offset as well as a value, and stay the same through
        an episode, whatever a profile makes of them. Which object a `one_of` has picked is not among them. They are
        NaN before the first `reset`.
        """
        return self.worlds.drawn[:, list(self.domain.random_columns)]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Shown, dict[str, Any]]:
        """Start a new episode in all worlds, or in those of `options["reset_mask"]`, (num_envs,) bool.

        Args:
            seed: starts all randomness anew from here. Worlds that are not reset now go on with their episode, under
                the new seed's noise, and draw from it when they are.
            options: as above; other keys are ignored.
        """
        super().reset(seed=seed)
        if seed is not None:
            self._streams = EpisodeStreams(seed, self.num_envs)
            self._steps.restart(seed)
        self._started, mask = True, read_reset_mask(options, self.num_envs)
        self._begin(np.flatnonzero(mask))
        infos: dict[str, Any] = {}
        add_start(infos, self._reset_info(self.physics), mask)
        return self._observer.last(), infos

    def _begin(self, ids: Ids) -> None:
        """Start an episode in the worlds `ids` (k,); those that are not sound then are faults, and drawn once more.

        Raises:
            EnvsError: when a world is not sound however often it is drawn.
        """
        for _ in range(_MOST_DRAWS):
            if not len(ids):
                return
            ids = self._draw(ids)
            self.num_faults += len(ids)
        if len(ids):
            raise EnvsError(
                f"{type(self.task).__name__}: observation {self._observer.entry(ids)!r} is not finite when an episode "
                f"starts, {_MOST_DRAWS} times in a row in the same world (in single precision)"
            )

    def _draw(self, ids: Ids) -> Ids:
        """Draw the worlds `ids` (k,) anew and observe them; return those in which that is not finite."""
        draws = self._streams.next_episode(ids, self.worlds.num_draws)
        self.worlds.draw(ids, draws.parameters)
        self.physics.reset(ids)
        self.task.reset(self.physics, ids.copy(), draws)
        self.physics.forward(ids)
        self._elapsed[ids] = 0
        self._ended[ids] = False
        self._actuators.begin(ids)
        self._disturbances.begin(ids, draws)
        unsound = self._observer.begin(ids, draws)
        for name, values in self._measure().items():
            self._measured[name][ids] = values[ids]
        return unsound

    def _measure(self) -> dict[str, Array]:
        return {name: values.copy() for name, values in self.task.measure(self.physics).items()}

    def step(self, actions: NDArray[np.floating]) -> StepResult:
        """Advance all worlds by one control step of `physics.ctrl_dt` seconds.

        Args:
            actions: (num_envs, act_dim); the simulator clips them to the actuators' range.

        Returns:
            Observations (see the class), rewards, terminations and truncations (num_envs,), infos.

        Raises:
            EnvsError: when the actions' shape is wrong, or before the first `reset`.
        """
        actions = np.asarray(actions)
        if not self._started:
            raise EnvsError("step: no episode has been started; call reset() first")
        if actions.shape != self.action_space.shape:
            raise EnvsError(f"actions: must have shape {self.action_space.shape}, got {actions.shape}")
        idle = self._ended.copy()
        self.worlds.advance(self._elapsed, ~idle)
        with self._disturbances.acting():
            fault = self.physics.step(self._actuators(actions), ~idle if idle.any() else None)
        before, after = self._measured, self._measure()
        self._measured = {name: values.copy() for name, values in after.items()}  # a task may write into what it gets
        terms = self.task.reward(before, after, self.physics, actions.copy())
        named = {**self.task.info(before, after, self.physics), **terms}
        infos: dict[str, NDArray[Any]] = {name: values.copy() for name, values in named.items()}
        reward = sum(terms.values(), np.zeros(self.num_envs))
        terminated, own = np.array(self.task.terminated(self.physics)), truncated_by(self.task, self.physics)
        self._memory.advance(self.physics, idle)
        obs = self._observer.step()
        # Non-finite actions fault immediately, even if delayed.
        diverged = fault | idle | ~np.isfinite(actions).all(axis=1)
        sound = fits(reward) & self._observer.reading_fits
        count_broken(self.not_finite, terms, self._observer.reading, self._observer.names, ~(sound | diverged))
        fault = (diverged | ~sound | self._observer.broken(obs)) & ~idle
        self._elapsed += ~idle
        truncated = fault | (self._elapsed >= (self.max_episode_steps or np.inf)) | (False if own is None else own)
        if fault.any() or idle.any():
            silence(fault | idle, reward, infos)
            terminated &= ~(fault | idle)
            truncated &= ~idle
            self.num_faults += int(fault.sum())
        infos["fault"] = fault
        self._observer.keep(obs, fault | idle)
        infos = self._finish(terminated | truncated, idle, infos)
        return self._observer.last(), reward, terminated, truncated, infos

    def _finish(self, done: Mask, idle: Mask, values: dict[str, NDArray[Any]]) -> dict[str, Any]:
        """Restart the worlds that `autoreset_mode` says, of those in `done` or `idle`; return the infos with masks."""
        self._ended |= done
        restarts = done if self.autoreset_mode is AutoresetMode.SAME_STEP else np.zeros_like(done)
        if self.autoreset_mode is AutoresetMode.NEXT_STEP:
            restarts = idle & (self._streams.episode >= 0)  # those that were never reset are left alone
        infos = masked(values, ~restarts)
        if not restarts.any():
            return infos
        if restarts is done:
            infos |= final_infos(values, self._observer.last(), done)
        self._begin(np.flatnonzero(restarts))
        add_start(infos, self._reset_info(self.physics), restarts)
        return infos

    def close_extras(self, **kwargs: Any) -> None:
        """Close the environments that a `gym:` task runs; called once, by `close`."""
        self.physics.close()

    def get_state(self) -> State:
        """Return everything needed to continue bit for bit, mid-episode, as flat named arrays."""
        parts = {name: part.get_state() for name, part in self._parts().items()}
        parts["measured"] = {name: values.copy() for name, values in self._measured.items()}
        own: State = {name: array.copy() for name, array in self._own_arrays().items()}
        own |= {"num_faults": np.array(self.num_faults)}
        return {**flatten(parts), **own, "identity": identity_of(self.domain, self._observer.identity())}

    def set_state(self, state: State) -> None:
        """Continue from what `get_state` of an equally built environment returned.

        Raises:
            EnvsError: when the state is of another number of worlds, another task or another domain.
        """
        require_fit(self.get_state(), state)
        for name, array in self._own_arrays().items():
            array[:] = state[name]
        for name, part in self._parts().items():
            part.set_state(part_of(state, name))
        self._measured = {name: np.array(values, np.float64) for name, values in part_of(state, "measured").items()}
        self.num_faults = int(state["num_faults"])
        self._started = bool((self._streams.episode >= 0).any())

    def _parts(self) -> dict[str, Any]:
        """Return what has a state of its own, in the order of setting: worlds write their models before the physics."""
        channels = {"actuators": self._actuators, "disturbances": self._disturbances, "sensors": self._sensors}
        models = {"worlds": self.worlds, "physics": self.physics, "memory": self._memory}
        return {**models, **channels, "steps": self._steps}

    def _own_arrays(self) -> dict[str, NDArray[Any]]:
        streams = {"episode": self._streams.episode, "key": self._streams.key}
        return {**streams, "elapsed": self._elapsed, "ended": self._ended, **self._observer.arrays()}
