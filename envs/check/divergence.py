"""Divergence: how far the same action in the same state leads apart in one control step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..physics.fidelity import NOMINAL
from .pairs.recording import Actions, AnyEnv, States, core, endless, has_state, read_state, write_state
from .pairs.verdict import Divergence
from .pairs.world_pair import WorldPair, WorldsFactory

__all__ = ["NEGLIGIBLE", "Visits", "compute_divergence", "visit"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

NUM_STATES = 64
_NUM_STEPS = 20  # compared from each of them
_NUM_VISITED = 100  # steps over which they are gathered
# Below this many nominal one-step changes nothing diverges: constants that are computed anew leave 1e-15, the
# constraint solver's tolerance 1e-8, and no learner sees a millionth of what happens in a step anyway.
NEGLIGIBLE = 1e-6
_SLOWEST = 0.01  # of the entry's sd: what hardly ever moves would make any difference look enormous


@dataclass(frozen=True)
class Visits:
    """Where random actions lead in the nominal world.

    Attributes:
        states: NUM_STATES of the states met while no episode had ended.
        spread: (obs_dim,) sd of an observation entry's change in one step, of its own sd at least a hundredth.
        mean: (obs_dim,) of the observations met.
        sd: (obs_dim,) likewise, 1 where an entry never changes.
        lowest: (nq,) least and
        highest: greatest positions met.
    """

    states: States
    spread: Array
    mean: Array
    sd: Array
    lowest: Array
    highest: Array


def visit(make_nominal: WorldsFactory, seed: int) -> Visits:
    """Gather states under random actions, each at a random moment before its episode would end."""
    env = make_nominal(NUM_STATES, seed)
    worlds, rng = core(env), np.random.default_rng(seed)
    num_steps = min(_NUM_VISITED, worlds.task.max_episode_steps - 1)
    actions = _random_actions(env, num_steps, rng)
    states, observations, alive = [], [], []
    with endless(env) as task:
        obs, _ = env.reset(seed=seed)
        running = np.ones(NUM_STATES, np.bool_)
        for action in actions:
            states.append(read_state(worlds.physics))
            observations.append(obs)
            alive.append(running)
            obs, _, _, _, infos = env.step(action)
            running = running & ~task.terminated(worlds.physics) & ~infos["fault"]
    lengths = np.sum(alive, axis=0)  # (num_states,) steps before the end
    moments = (rng.random(NUM_STATES) * lengths).astype(np.intp)
    seen, living = np.stack(observations), np.stack(alive)
    changes = np.diff(seen, axis=0)[living[1:]]
    met = States.stack(states)
    qpos, sd = met.qpos[living], _sd(seen[living])
    env.close()
    return Visits(
        met[moments, np.arange(NUM_STATES)],
        np.maximum(_sd(changes), _SLOWEST * sd) if len(changes) else sd,
        seen[living].mean(axis=0),
        sd,
        qpos.min(axis=0),
        qpos.max(axis=0),
    )


def _sd(rows: Array) -> Array:
    sd: Array = rows.std(axis=0)
    return np.where(sd > 1e-12, sd, 1.0)


def _random_actions(env: AnyEnv, num_steps: int, rng: np.random.Generator) -> Actions:
    """Return actions uniform within their bounds, (num_steps, num_envs, act_dim)."""
    space = core(env).single_action_space
    low, high = space.low, space.high  # type: ignore[attr-defined]
    return rng.uniform(low, high, (num_steps, core(env).num_envs, *low.shape)).astype(np.float32)


def compute_divergence(
    make_nominal: WorldsFactory, make_shifted: WorldsFactory, visits: Visits, pair: WorldPair, seed: int
) -> Divergence:
    """Compare the observations of both worlds after each of 20 control steps from every state visited.

    Both begin an episode in the same state and get the same actions; before every further step the shifted worlds
    are put into the nominal ones' state. So each step is one step from the same state, however chaotic the robot,
    while what the channels remember (delays, drift, noise) and profiles go on as in a running episode: a delay of
    n steps, whose buffer starts filled with the first reading, shows from the first step on.

    If nothing diverges, what comes late may still: a domain with profiles, pushes or drifts gets the same over the
    length of an episode, as do limits that are met rarely, though only while no episode of the nominal world
    would have ended, as states that nobody meets prove nothing.

    Environments without a state of MuJoCo's stay in their own: what is compared are two whole runs from one start.
    """
    late = any(e.in_time is not None or e.parameter.startswith(_LATE) for e in pair.expectation.domain.entries)
    short = _compare(make_nominal, make_shifted, visits, _NUM_STEPS, seed, every_state=False)
    domain = pair.expectation.domain
    if not short.null or (not domain.entries and domain.fidelity == NOMINAL):
        return short
    longest = core(pair.nominal).task.max_episode_steps - 1
    return _compare(make_nominal, make_shifted, visits, min(longest, _LONGEST), seed + 1, every_state=late)


_LATE = ("push_", "gust_", "observation_drift", "observation_stuck", "observation_dropout")
_LONGEST = 999


def _compare(
    make_nominal: WorldsFactory,
    make_shifted: WorldsFactory,
    visits: Visits,
    num_steps: int,
    seed: int,
    *,
    every_state: bool,
) -> Divergence:
    """Return the mean distances over all steps of worlds that go on, and the first step with one."""
    nominal, shifted = make_nominal(NUM_STATES, seed), make_shifted(NUM_STATES, seed)
    source, target = core(nominal), core(shifted)
    actions = _random_actions(nominal, num_steps, np.random.default_rng(seed))
    total, steps, first = np.zeros(len(visits.spread)), 0, -1
    running = np.ones(NUM_STATES, np.bool_)
    with endless(nominal, visits.states) as task, endless(shifted, visits.states):
        nominal.reset(seed=seed)
        shifted.reset(seed=seed)
        for step, action in enumerate(actions):
            here, _, _, _, infos = nominal.step(action)
            there, _, _, _, others = shifted.step(action)
            running &= ~infos["fault"] & ~others["fault"]
            distance = np.abs(there - here)[running] / visits.spread
            if first < 0 and not (distance <= NEGLIGIBLE).all():  # NaN diverges too
                first = step
            total, steps = total + distance.sum(axis=0), steps + int(running.sum())
            if not every_state:
                running &= ~task.terminated(source.physics)
            if not running.any() or (first >= 0 and step + 1 >= max(_NUM_STEPS, first + 1)):
                break
            write_state(target.physics, read_state(source.physics))
    nominal.close()
    shifted.close()
    names = target.task.observation_names
    return Divergence(dict(zip(names, (total / max(steps, 1)).tolist(), strict=True)), steps, first, has_state(shifted))
