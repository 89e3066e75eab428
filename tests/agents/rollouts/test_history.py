"""Histories: windows by hand over all kinds of ends, the same in training and evaluation, continued bit for bit."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from memory_worlds import UnevenEnds
from probes import SMALL, LinearWorld, make_policy_env

from agents import PPO, AgentsError, CheckpointError, VectorAdapter, parts
from agents.policy.actor import PolicyActor
from agents.rollouts.history import HistoryWindow, WindowSpace

torch.set_num_threads(1)

HISTORY: dict[str, Any] = {**SMALL, "encoder": {"kind": "history", "widths": [8], "length": 4, "memory_width": 6}}


def slots(window: np.ndarray, length: int = 3) -> list[Any]:
    """Return windows (N, D) as nested lists, world by world, slot by slot."""
    return window.reshape(len(window), length, -1).tolist()


EMPTY = [0.0, 0.0, 0.0]


def test_window_by_hand() -> None:
    history = HistoryWindow(2, obs_dim=1, action_dim=1, length=3)
    assert slots(history.window()) == [[EMPTY] * 3] * 2
    history.begin(np.array([[10.0], [20.0]]))
    assert slots(history.window()) == [[EMPTY, EMPTY, [10, 0, 1]], [EMPTY, EMPTY, [20, 0, 1]]]
    history.push(np.array([[0.25], [0.5]]), np.array([[11.0], [21.0]]))
    assert slots(history.window()) == [[EMPTY, [10, 0, 1], [11, 0.25, 1]], [EMPTY, [20, 0, 1], [21, 0.5, 1]]]
    history.begin(np.array([[30.0]]), np.array([1]))  # the other world remembers on
    assert slots(history.window()) == [[EMPTY, [10, 0, 1], [11, 0.25, 1]], [EMPTY, EMPTY, [30, 0, 1]]]
    for step in range(4):  # round the ring
        history.push(np.full((2, 1), step), np.array([[12.0 + step], [31.0 + step]]))
    assert slots(history.window()) == [
        [[13, 1, 1], [14, 2, 1], [15, 3, 1]],
        [[32, 1, 1], [33, 2, 1], [34, 3, 1]],
    ]


@given(
    length=st.integers(2, 5),
    starts=st.lists(st.lists(st.booleans(), min_size=3, max_size=3), max_size=12),
    seed=st.integers(0, 99),
)
def test_window_is_the_end_of_every_worlds_own_episode(length: int, starts: list[list[bool]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    history = HistoryWindow(3, 2, 1, length)
    first = rng.standard_normal((3, 2)).astype(np.float32)
    history.begin(first)
    episodes = [[np.array([*obs, 0.0, 1.0], np.float32)] for obs in first]
    for started in starts:
        obs, actions = (rng.standard_normal((3, width)).astype(np.float32) for width in (2, 1))
        history.push(actions, obs)
        history.begin(obs[started], np.flatnonzero(started))
        for world in range(3):
            if started[world]:
                episodes[world] = [np.array([*obs[world], 0.0, 1.0], np.float32)]
            else:
                episodes[world].append(np.array([*obs[world], *actions[world], 1.0], np.float32))
    for world, window in enumerate(history.window().reshape(3, length, 4)):
        last = np.array(episodes[world][-length:])
        np.testing.assert_array_equal(window[length - len(last) :], last)
        assert not window[: length - len(last)].any()


def test_a_windows_state_continues_and_must_fit() -> None:
    rng = np.random.default_rng(0)
    one, two = HistoryWindow(3, 2, 1, 4), HistoryWindow(3, 2, 1, 4)
    one.begin(rng.standard_normal((3, 2)))
    for _ in range(6):  # the ring does not stand at its beginning
        one.push(rng.standard_normal((3, 1)), rng.standard_normal((3, 2)))
    two.set_state(one.get_state())
    for _ in range(5):
        np.testing.assert_array_equal(one.window(), two.window())
        step = rng.standard_normal((3, 1)), rng.standard_normal((3, 2))
        one.push(*step)
        two.push(*step)
    with pytest.raises(CheckpointError, match=r"'window' must have shape \(2, 16\), it is \(3, 16\)"):
        HistoryWindow(2, 2, 1, 4).set_state(one.get_state())
    with pytest.raises(CheckpointError, match="it is missing"):
        two.set_state({})


def test_space_of_windows() -> None:
    seen = spaces.Box(np.array([1.0, -np.inf], np.float32), np.array([2.0, np.inf], np.float32))
    space = WindowSpace(seen, spaces.Box(-3.0, 1.0, (1,), np.float32), 2)
    assert (space.length, space.obs_dim, space.action_dim, space.slot_dim) == (2, 2, 1, 4)
    assert space.low.tolist() == [0.0, -np.inf, -3.0, 0.0] * 2  # an empty slot is zeros, outside [1, 2] as that is
    assert space.high.tolist() == [2.0, np.inf, 1.0, 1.0] * 2
    assert (space.action_low.tolist(), space.action_high.tolist()) == ([-3.0], [1.0])
    twin = copy.deepcopy(space)
    assert isinstance(twin, WindowSpace)
    assert twin == space
    assert twin.length == 2
    with pytest.raises(AgentsError, match=r"a history keeps actions of one vector .* not Discrete"):
        WindowSpace(seen, spaces.Discrete(2), 2)
    with pytest.raises(AgentsError, match="a history of length 1: it must have at least 2 steps"):
        WindowSpace(seen, space, 1)


def test_adapter_over_ends_at_different_steps() -> None:
    """Worlds 0 and 1 terminate after 2 and 3 steps; world 2 terminates as it is cut after 4, world 3 is cut."""
    adapter = VectorAdapter(UnevenEnds(4), history=3)
    fresh = [EMPTY, EMPTY, [1, 0, 1]]
    assert slots(adapter.reset()) == [fresh] * 4
    steps = [adapter.step_arrays(np.full((4, 1), action, np.float32)) for action in (0.25, 0.5, 0.75, 1.0)]
    assert [step.ended.tolist() for step in steps] == [[], [0], [1], [0, 2, 3]]
    assert [step.truncated[step.ended].tolist() for step in steps] == [[], [False], [False], [False, True, True]]
    assert steps[3].terminated.tolist() == [True, False, True, False]
    assert slots(steps[0].obs) == [[EMPTY, [1, 0, 1], [2, 0.25, 1]]] * 4
    assert steps[0].final_obs.shape == (0, 9)
    assert slots(steps[1].final_obs) == [[[1, 0, 1], [2, 0.25, 1], [3, 0.5, 1]]]
    assert slots(steps[1].obs) == [fresh] + [[[1, 0, 1], [2, 0.25, 1], [3, 0.5, 1]]] * 3
    assert slots(steps[2].final_obs) == [[[2, 0.25, 1], [3, 0.5, 1], [4, 0.75, 1]]]
    assert slots(steps[2].obs)[:2] == [[EMPTY, [1, 0, 1], [2, 0.75, 1]], fresh]
    assert slots(steps[3].final_obs) == [
        [[1, 0, 1], [2, 0.75, 1], [3, 1.0, 1]],  # its second episode, and nothing of its first
        *[[[3, 0.5, 1], [4, 0.75, 1], [5, 1.0, 1]]] * 2,
    ]
    assert slots(steps[3].obs) == [fresh, [EMPTY, [1, 0, 1], [2, 1.0, 1]], fresh, fresh]


def test_the_newest_slot_is_what_an_adapter_without_history_gives() -> None:
    plain, adapter = VectorAdapter(make_policy_env(4, 2)), VectorAdapter(make_policy_env(4, 2), history=5)
    assert adapter.observation_space.shape == (5 * 7,)
    np.testing.assert_array_equal(adapter.reset()[:, -7:-3], plain.reset())
    rng, ended = np.random.default_rng(0), 0
    for _ in range(40):
        actions = rng.uniform(-1, 1, (8, 2)).astype(np.float32)
        one, two = plain.step_arrays(actions), adapter.step_arrays(actions)
        np.testing.assert_array_equal(two.obs[:, -7:-3], one.obs)
        np.testing.assert_array_equal(two.final_obs[:, -7:-3], one.final_obs)
        np.testing.assert_array_equal(two.final_obs[:, -3:-1], actions[two.ended])
        assert not two.obs[two.ended, :-7].any()
        ended += len(two.ended)
    assert ended > 20


def test_adapters_state_carries_the_window() -> None:
    adapter, other = (VectorAdapter(LinearWorld(6, seed=s), history=4) for s in (1, 99))
    adapter.reset()
    other.reset()
    actions = np.random.default_rng(0).uniform(-1, 1, (40, 6, 2)).astype(np.float32)
    for action in actions[:17]:
        adapter.step_arrays(action)
    other.set_state(adapter.get_state())
    for action in actions[17:]:
        one, two = adapter.step_arrays(action), other.step_arrays(action)
        np.testing.assert_array_equal(one.obs, two.obs)
        np.testing.assert_array_equal(one.final_obs, two.final_obs)
    with pytest.raises(CheckpointError, match=r"'window' must have shape \(6, 24\), it is \(6, 32\): same history"):
        VectorAdapter(LinearWorld(6), history=3).set_state(adapter.get_state())


class Spy:
    """A policy that notes what it is asked, and says what it is told to."""

    training, squash_output, device = False, False, torch.device("cpu")

    def __init__(self, space: WindowSpace, action_space: spaces.Box, actions: list[np.ndarray]) -> None:
        self.observation_space, self.action_space = space, action_space
        self.actions, self.seen = actions, []

    def _predict(self, obs: torch.Tensor, deterministic: bool) -> torch.Tensor:
        assert deterministic
        self.seen.append(obs.numpy().copy())
        return torch.from_numpy(self.actions[len(self.seen) - 1])


def test_windows_of_evaluation_are_those_of_training() -> None:
    actions = list(np.random.default_rng(1).uniform(-1, 1, (40, 8, 2)).astype(np.float32))
    adapter, worlds = VectorAdapter(make_policy_env(4, 2), history=5), make_policy_env(4, 2)
    trained = [adapter.reset(), *(adapter.step_arrays(action).obs for action in actions[:-1])]
    assert isinstance(adapter.observation_space, WindowSpace)
    spy: Any = Spy(adapter.observation_space, adapter.action_space, actions)
    actor, (obs, _), started, ends = PolicyActor(spy, 8), worlds.reset(), np.ones(8, bool), 0
    for _ in actions:
        obs, _, terminated, truncated, _ = worlds.step(actor.act(obs, started))
        started = terminated | truncated
        ends += int(started.sum())
    assert ends > 20
    np.testing.assert_array_equal(spy.seen, trained)


def test_actions_of_an_actor_are_the_policys_own() -> None:
    for settings in (SMALL, HISTORY):
        agent = PPO(make_policy_env(4, 2), settings, seed=0, device="cpu").learn(128)
        windows = agent.env.reset()
        actor = agent.make_actor(8)
        newest = windows if settings is SMALL else windows[:, -7:-3]
        expected, _ = agent.predict(windows, deterministic=True)
        # predict and act are other sequences of float32 operations: equal to rounding, not bit for bit
        np.testing.assert_allclose(
            actor.act(newest.astype(np.float64), np.ones(8, bool)), expected, rtol=1e-5, atol=1e-6
        )
        assert (np.abs(expected) < 1.0).any()


def test_an_actor_wants_a_beginning() -> None:
    actor = PPO(make_policy_env(4, 2), HISTORY, seed=0, device="cpu").make_actor(3)
    with pytest.raises(AgentsError, match=r"worlds \[0, 2\] act before an episode has started"):
        actor.act(np.zeros((3, 4)), np.array([False, True, False]))


def test_a_history_wants_windows() -> None:
    with pytest.raises(AgentsError, match=r"windows over 4 steps.* VectorAdapter\(env, history=4\)"):
        PPO(VectorAdapter(make_policy_env(4, 2)), HISTORY, seed=0, device="cpu")
    with pytest.raises(AgentsError, match=r"encoder.length is 4, its windows have 3 steps"):
        PPO(VectorAdapter(make_policy_env(4, 2), history=3), HISTORY, seed=0, device="cpu")


@pytest.mark.parametrize("cell", ["gru", "tcn"])
def test_continuing_is_exact(cell: str) -> None:
    """Two updates at once, and one, all state handed over, one more: the same bytes."""
    settings = {**HISTORY, "encoder": {**HISTORY["encoder"], "cell": cell}}
    whole = PPO(LinearWorld(8), settings, seed=4, device="cpu").learn(8 * 8 * 2)
    first = PPO(LinearWorld(8), settings, seed=4, device="cpu").learn(8 * 8)
    tensors, state = first.get_training_state()
    second = PPO(LinearWorld(8, seed=77), settings, seed=9, device="cpu")
    parts.load(second.policy, parts.tensors(first.policy))
    second.set_training_state(tensors, state)
    second.learn(8 * 8, reset_num_timesteps=False)
    assert parts.digests(second.policy) == parts.digests(whole.policy)
    np.testing.assert_array_equal(second._last_obs, whole._last_obs)
    assert second._last_obs.shape == (8, 4 * 8)
