"""Probe: some steps of a policy in worlds, and beside each what a nominal simulator gives from the same state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs import DomainVectorEnv, observe
from envs.check import Twin

from .probed import ProbedAgent, Seen

__all__ = ["Probe", "run_probe"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Probe:
    """What T steps of B worlds gave.

    Attributes:
        obs: (T, B, obs_dim) readings before each step.
        truth: (T, B, obs_dim) what ideal sensors would have read in the same states.
        reached: (T, B, obs_dim) readings after each step; where an episode ended, its last ones.
        predicted: (T, B, obs_dim) what the nominal simulator reads after the same action in the same state.
        seen: (T, B, input_dim) what the policy saw before each step: the reading, or a window up to it.
        seen_reached: (T, B, input_dim) what it would see after the step.
        seen_predicted: (T, B, input_dim) the same, with the prediction in place of the reading.
        sound: (T, B) bool: neither of both simulations diverged.
        rewards: (T, B)
        terminated: (T, B) bool: the task ended the episode.
        done: (T, B) bool: the episode ended, either way.
        saturated: (T, B, act_dim) bool: entries of the actions at their bounds.
        returns: (episodes,) undiscounted returns of the first episode of every world in which it ended. Later ones are
            left out: of those only the short ones would end in time.
    """

    obs: Array
    truth: Array
    reached: Array
    predicted: Array
    seen: Seen
    seen_reached: Seen
    seen_predicted: Seen
    sound: Mask
    rewards: Array
    terminated: Mask
    done: Mask
    saturated: Mask
    returns: Array

    @property
    def steps(self) -> int:
        """World-steps taken."""
        return int(self.rewards.size)

    def flat_obs(self) -> Array:
        """Return the readings before each step as (T * B, obs_dim)."""
        return self.obs.reshape(-1, self.obs.shape[-1])


def run_probe(
    probed: ProbedAgent, worlds: DomainVectorEnv, nominal: DomainVectorEnv, num_steps: int, rng: np.random.Generator
) -> Probe:
    """Let the policy act as in training for `num_steps` steps of all `worlds`; each is one world-step, none more.

    With exploration, as the value head was trained on it, and because a mean action shows fewer states. The
    simulator `nominal` follows: before every step it is put into the worlds' own states, which in simulation are known
    and elsewhere an estimate, so that the pairs cost no step of the worlds.
    """
    rows: dict[str, list[NDArray[Any]]] = {}
    returns, running, first = [], np.zeros(worlds.num_envs), np.ones(worlds.num_envs, np.bool_)
    view, (obs, _) = probed.view(worlds.num_envs), worlds.reset()
    view.begin(obs)
    act_dim = int(np.prod(worlds.single_action_space.shape or ()))
    with Twin(nominal, worlds) as twin:
        for _ in range(num_steps):
            seen, truth = view.rows(), observe(worlds.task, worlds.physics)["policy"].copy()
            row: dict[str, NDArray[Any]] = {"obs": obs, "truth": truth, "seen": seen}
            acted = probed.act(seen, rng.standard_normal((worlds.num_envs, act_dim)))
            predicted, sound = twin.predict(acted.actions)
            obs, reward, terminated, truncated, infos = worlds.step(acted.actions)
            done = terminated | truncated
            reached, fault = _before_restart(obs, done, infos)
            view.push(acted.actions, reached)
            row |= {"reached": reached, "predicted": predicted, "sound": sound & ~fault}
            row |= {"seen_reached": view.rows(), "seen_predicted": view.imagine(predicted)}
            row |= {"rewards": reward, "terminated": terminated, "done": done, "saturated": acted.saturated}
            view.begin(obs[done], np.flatnonzero(done))
            running += reward
            returns.extend(running[done & first].tolist())
            first &= ~done
            for name, value in row.items():
                rows.setdefault(name, []).append(value)
    stacked: dict[str, Any] = {name: np.stack(values) for name, values in rows.items()}
    return Probe(**stacked, returns=np.array(returns, np.float64))


def _before_restart(obs: Array, done: Mask, infos: dict[str, Any]) -> tuple[Array, Mask]:
    """Return the last readings (B, obs_dim) of worlds that have begun anew, all others' own, and faults (B,)."""
    if not done.any():
        return obs, infos["fault"]
    return np.where(done[:, None], infos["final_obs"], obs), np.where(
        done, infos["final_info"]["fault"], infos["fault"]
    )
