"""RunPolicy: the agent of a run, as plain Gymnasium and stable-baselines3 code uses a policy."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from agents import Learner, VectorAdapter

from ..errors import UserError
from ..runs.building import load_agent
from .run import RunLike, open_run

__all__ = ["RunPolicy", "load_policy"]

_FORGETFUL = 3  # calls in a row: two may be two episodes
_logger = logging.getLogger(__name__)


class RunPolicy:
    """Acts by a run's final policy on raw observations; the normaliser is inside.

    `predict` is that of stable-baselines3's policies, so `evaluate_policy(policy, env)` takes it.

    Attributes:
        observation_space: of one world.
        action_space: of one world.
    """

    def __init__(self, agent: Learner, observation_space: spaces.Space[Any], action_space: spaces.Box) -> None:
        """Act by the policy of `agent`, which reads observations of `observation_space`."""
        self._agent = agent
        self._without_state = 0  # calls without a state, one after the other; -1: it has been said
        self.observation_space, self.action_space = observation_space, action_space

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[Any], Any]:
        """Return actions within the bounds of the action space, and the state for the next call.

        A policy with a history has the state of its windows, one per world; every other one has None. A state is
        updated in place, and belongs to one stream of steps.

        Args:
            observation: (obs_dim,) of one world, or (num_envs, obs_dim); of a Dict, its groups.
            state: what the last call returned; None: an episode begins in every world.
            episode_start: (num_envs,) bool, or one bool for one world: where `observation` is the first of an episode.
            deterministic: True: the mean action; False: one drawn from the policy's distribution, for PPO by torch's
                global generator.

        Returns:
            actions (action_dim,) or (num_envs, action_dim), and the state.

        Raises:
            UserError: when observations, or the number of worlds, do not fit.
        """
        obs, num, single = self._of_worlds(observation)
        started = np.ones(num, np.bool_)
        if state is None:
            state = self._agent.make_actor(num)
            self._notice(state.remembers)
        elif state.num_envs != num:
            raise UserError(f"observation: is of {num} worlds, state of {state.num_envs}; pass state=None to begin")
        else:
            self._without_state = min(self._without_state, 0)
            started = np.broadcast_to(np.asarray(False if episode_start is None else episode_start, np.bool_), num)
        actions = state.act(obs, started, deterministic)
        return (actions[0] if single else actions), (state if state.remembers else None)

    def _of_worlds(self, observation: Any) -> tuple[Any, int, bool]:
        """Return observations (num_envs, ...), how many worlds they are of, and whether one came without that axis."""
        space = self.observation_space
        if not isinstance(space, spaces.Dict):
            obs, single = _with_worlds("observation", observation, space.shape)
            return obs, len(obs), single
        if not isinstance(observation, Mapping) or (lacking := space.keys() - observation.keys()):
            found = ", ".join(sorted(lacking)) if isinstance(observation, Mapping) else "all of them"
            raise UserError(f"observation: must be a dictionary with {', '.join(space)}; it lacks {found}")
        groups = {n: _with_worlds(f"observation {n!r}", observation[n], box.shape) for n, box in space.items()}
        return {n: obs for n, (obs, _) in groups.items()}, len(groups["policy"][0]), groups["policy"][1]

    def _notice(self, remembers: bool) -> None:
        """Say once where a policy with a history is called again and again as if every step began an episode."""
        if not remembers or self._without_state < 0:
            return
        self._without_state += 1
        if self._without_state == _FORGETFUL:
            self._without_state = -1
            _logger.warning(
                "predict: a policy with a history is called without a state, step after step: it begins an episode in "
                "each; pass on the state that it returns"
            )


def _with_worlds(name: str, given: Any, shape: tuple[int, ...] | None) -> tuple[NDArray[np.float32], bool]:
    """Return an array (num_envs, *shape), and whether it came as one world's, (*shape)."""
    obs = np.asarray(given, np.float32)
    single = obs.shape == shape
    obs = obs[None] if single else obs
    if obs.shape[1:] != shape:
        raise UserError(f"{name}: has shape {np.shape(given)}, must be {shape} or (num_envs, *{shape})")
    return obs, single


def load_policy(run: RunLike, *, device: str | None = None, trust: bool = False) -> RunPolicy:
    """Return the policy that a run ended with.

        policy = sim2real.load_policy("runs/hopper-heavy")
        env = gymnasium.make("sim2real/Hopper-v0")
        obs, _ = env.reset(seed=0)
        action, state = policy.predict(obs)
        obs, reward, terminated, truncated, info = env.step(action)
        action, state = policy.predict(obs, state)  # a policy with a history needs its state

    Args:
        run: the run, or its folder.
        device: of the networks; None: the configured one, or the CPU where that is not available.
        trust: allow code that comes with a run, or that a run made elsewhere names.

    Raises:
        UserError: when the run has not finished, or its checkpoint does not fit.
    """
    directory = open_run(run, trust=trust)
    directory.require_finished("its policy is loaded")
    agent, _ = load_agent(directory, directory.config(), device)
    return RunPolicy(agent, *_spaces(agent))


def _spaces(agent: Learner) -> tuple[spaces.Space[Any], spaces.Box]:
    """Return the spaces of one of the agent's worlds; what its networks read may be windows of these."""
    worlds = cast(VectorAdapter, agent.env).env
    worlds.close()
    return worlds.single_observation_space, cast(spaces.Box, worlds.single_action_space)
