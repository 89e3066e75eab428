"""A world that diverges ends, is counted and goes on; the others do not notice, and no bad number gets out."""

from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from mujoco import batch
from steady import gentle_actions, unending

from envs import ENVS, DomainVectorEnv, make, make_vec

NUM_ENVS, BAD = 4, 2
GOOD = [0, 1, 3]
every_environment = pytest.mark.parametrize("name", ENVS)


def build(name: str, **kwargs: Any) -> DomainVectorEnv:
    return make_vec(name, **{"num_envs": NUM_ENVS, "num_threads": 1, "seed": 2, **unending(name), **kwargs})


def all_finite(obs: np.ndarray, reward: np.ndarray, infos: dict[str, Any]) -> bool:
    values = [obs, reward, infos.get("final_obs", obs)]
    for source in (infos, infos.get("final_info", {})):
        values += [v for v in source.values() if isinstance(v, np.ndarray)]
    return all(bool(np.isfinite(v).all()) for v in values)


def break_world(env: DomainVectorEnv, how: str, action: np.ndarray) -> np.ndarray:
    """Break the world BAD before a step; return the action to give."""
    action = action.copy()
    if how == "nan action":
        action[BAD, 0] = np.nan
    elif how == "infinite action":
        action[BAD, -1] = -np.inf
    elif how == "nan velocity":
        env.physics.qvel[BAD, 0] = np.nan
    elif how == "absurd position":
        env.physics.qpos[BAD] = 1e12
    else:
        env.physics.qvel[BAD, -1] = 1e11
    return action


HOW = ["nan action", "infinite action", "nan velocity", "absurd position", "absurd velocity"]


@every_environment
@pytest.mark.parametrize("how", HOW)
def test_a_fault_ends_one_world_and_leaves_the_others_bit_identical(name: str, how: str) -> None:
    env, calm = build(name), build(name)
    env.reset()
    calm.reset()
    actions = gentle_actions(name, env, 20)
    for action in actions[:5]:
        last = env.step(action)[0]
        calm.step(action)
    obs, reward, terminated, truncated, infos = env.step(break_world(env, how, actions[5]))
    expected = calm.step(actions[5])
    only_bad = np.arange(NUM_ENVS) == BAD
    assert infos["fault"].tolist() == truncated.tolist() == infos["final_info"]["fault"].tolist() == only_bad.tolist()
    assert not terminated.any()
    assert reward[BAD] == 0.0
    assert all(not infos["final_info"][key][BAD].any() for key in expected[4] if not key.startswith(("_", "fault")))
    np.testing.assert_array_equal(infos["final_obs"][BAD], last[BAD])  # its last sound observation
    assert all_finite(obs, reward, infos)
    assert env.num_faults == 1
    for own, other in zip((obs, reward, terminated, truncated), expected[:4], strict=True):
        assert own[GOOD].tobytes() == other[GOOD].tobytes()
    second_episode = build(name)
    second_episode.reset()
    np.testing.assert_array_equal(obs[BAD], second_episode.reset()[0][BAD])
    for action in actions[6:]:  # the world goes on after
        obs, reward, terminated, truncated, infos = env.step(action)
        expected = calm.step(action)
        assert not any(flags.any() for flags in (truncated, terminated, infos["fault"]))
        assert all_finite(obs, reward, infos)
        for own, other in zip((obs, reward), expected[:2], strict=True):
            assert own[GOOD].tobytes() == other[GOOD].tobytes()
    assert env.num_faults == 1
    assert calm.num_faults == 0


@every_environment
@pytest.mark.parametrize("delay", [1, 3])
def test_a_nan_action_that_a_delay_holds_back_is_a_fault_at_once(name: str, delay: int) -> None:
    env = build(name, domain={"parameters": {"action_delay": {"set": delay}}})
    env.reset()
    actions = gentle_actions(name, env, 10)
    actions[2, BAD] = np.nan
    faults = []
    for action in actions:
        obs, reward, _, _, infos = env.step(action)
        assert all_finite(obs, reward, infos)
        faults.append(infos["fault"].tolist())
    assert faults == [[False, False, step == 2, False] for step in range(10)]
    assert env.num_faults == 1


@every_environment
@pytest.mark.parametrize("fidelity", ["nominal", "cheap"])
def test_forced_faults_let_no_bad_number_out(name: str, fidelity: str) -> None:
    """Absurd velocities and positions, NaN actions and feather-light bodies in a tenth of all steps."""
    light = {"body_mass": {"scale": {"choice": [1e-9, 1e-3, 1]}}, "action_delay": {"set": {"choice": [0, 2]}}}
    env = build(name, num_envs=16, domain={"fidelity": fidelity, "parameters": light})
    env.reset()
    rng = np.random.default_rng(0)
    counted = 0
    for action in gentle_actions(name, env, 300):
        hit = rng.random(16) < 0.1
        size = 10.0 ** rng.uniform(1, 13, (16, 1))
        kind = rng.integers(3, size=16)
        env.physics.qvel[hit & (kind == 0)] += (size * rng.standard_normal((16, env.physics.model.nv)))[
            hit & (kind == 0)
        ]
        env.physics.qpos[hit & (kind == 1)] += (size * rng.standard_normal((16, env.physics.model.nq)))[
            hit & (kind == 1)
        ]
        action[hit & (kind == 2), 0] = np.nan
        obs, reward, _, truncated, infos = env.step(action)
        assert all_finite(obs, reward, infos)
        assert truncated[infos["fault"]].all()
        assert (reward[infos["fault"]] == 0).all()
        counted += int(infos["fault"].sum())
    assert env.num_faults == counted > 150
    for action in gentle_actions(name, env, 20):  # no world is lost
        before = env.physics.qpos.copy()
        env.step(action)
        assert (env.physics.qpos != before).any(axis=1).all()


@every_environment
@pytest.mark.parametrize("how", HOW)
def test_the_same_fault_is_found_every_time(name: str, how: str) -> None:
    """MuJoCo's own reset of a world sets its counter of warnings back, so that the second looks like the first."""
    env = build(name)
    env.reset()
    for number, action in enumerate(gentle_actions(name, env, 5), start=1):
        infos = env.step(break_world(env, how, action))[4]
        assert infos["fault"].tolist() == [False, False, True, False]
        assert env.num_faults == number


@every_environment
def test_a_world_in_which_mujoco_raises_is_a_fault(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    env, calm = build(name), build(name)
    env.reset()
    calm.reset()
    actions = gentle_actions(name, env, 4)
    original = env.physics._batch.step

    def raising(ids: Any = None, **kwargs: Any) -> None:
        original(np.array(GOOD), **kwargs)  # the others run to completion, as batch.SimulationError promises
        raise batch.SimulationError(np.array([BAD]), "stack overflow")

    env.step(actions[0])
    calm.step(actions[0])
    with monkeypatch.context() as patch:
        patch.setattr(env.physics._batch, "step", raising)
        obs, reward, _, truncated, infos = env.step(actions[1])
    expected = calm.step(actions[1])
    assert infos["fault"].tolist() == truncated.tolist() == [False, False, True, False]
    assert reward[BAD] == 0.0
    assert obs[GOOD].tobytes() == expected[0][GOOD].tobytes()
    for action in actions[2:]:
        assert env.step(action)[0][GOOD].tobytes() == calm.step(action)[0][GOOD].tobytes()
    assert env.num_faults == 1


@every_environment
def test_a_faulted_world_in_disabled_mode_waits_for_its_reset(name: str) -> None:
    env = build(name, autoreset_mode=AutoresetMode.DISABLED)
    env.reset()
    actions = gentle_actions(name, env, 10)
    last = env.step(actions[0])[0]
    obs, _, _, truncated, infos = env.step(break_world(env, "nan action", actions[1]))
    assert infos["fault"].tolist() == truncated.tolist() == [False, False, True, False]
    np.testing.assert_array_equal(obs[BAD], last[BAD])
    for action in (actions[2], break_world(env, "nan action", actions[3])):  # its actions no longer matter
        obs, reward, _, truncated, infos = env.step(action)
        assert not any(flags.any() for flags in (truncated, infos["fault"]))
        assert all_finite(obs, reward, infos)
        np.testing.assert_array_equal(obs[BAD], last[BAD])
    first, _ = env.reset(options={"reset_mask": np.arange(NUM_ENVS) == BAD})
    assert (env.step(actions[4])[0][BAD] != first[BAD]).any()
    assert env.num_faults == 1


@every_environment
def test_a_single_world_reports_its_fault(name: str) -> None:
    env = make(name)
    env.reset(seed=0)
    obs, reward, terminated, truncated, info = env.step(np.full(env.action_space.shape, np.nan, np.float32))
    assert np.isfinite(obs).all()
    assert (reward, terminated, truncated, info["fault"]) == (0.0, False, True, True)
    obs, _ = env.reset()
    assert env.step(np.zeros(env.action_space.shape, np.float32))[4]["fault"] is False


def test_what_the_tasks_own_code_breaks_is_named_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reward of 1e300 and an observation that is NaN, in worlds whose simulation is sound."""
    env = build("inverted_pendulum")
    env.reset()
    action = np.zeros(env.action_space.shape, np.float32)
    env.step(break_world(env, "nan velocity", action))
    assert (env.num_faults, env.not_finite) == (1, {})
    name, observe, reward = env.reward_terms[0], env.task.observe, env.task.reward
    bad = np.arange(NUM_ENVS) == BAD
    with monkeypatch.context() as patch:
        patch.setattr(env.task, "reward", lambda *given: {**reward(*given), name: np.where(bad, 1e300, 1.0)})
        infos = env.step(action)[4]
    assert infos["fault"].tolist() == bad.tolist()
    assert (env.num_faults, env.not_finite) == (2, {name: 1})
    calls = iter([np.nan])
    entry = env.task.observation_names[0]
    with monkeypatch.context() as patch:
        first = np.arange(len(env.task.observation_names)) == 0
        broken = np.outer(bad, first)
        patch.setattr(env.task, "observe", lambda p: np.where(broken, next(calls, 0.0), observe(p)))
        env.step(action)
    assert (env.num_faults, env.not_finite) == (3, {name: 1, f"observation {entry}": 1})


@pytest.mark.slow
def test_a_million_steps_with_one_in_a_hundred_forced_to_fail() -> None:
    """Absurd forces, NaN actions and bodies of next to no inertia: nothing non-finite gets out, no world is lost."""
    num_envs, num_steps = 512, 1954  # 1,000,448 world-steps
    feather = {"body_inertia": {"one_of": "*", "scale": {"choice": [1e-12, *[1] * 49]}}}
    env = build("hopper", num_envs=num_envs, num_threads=0, domain={"fidelity": "cheap", "parameters": feather})
    env.reset()
    rng = np.random.default_rng(0)
    counted, forced, force = 0, 0, env.physics.bind("xfrc_applied")
    actions = rng.uniform(-1, 1, (64, *env.action_space.shape)).astype(np.float32)
    for step in range(num_steps):
        hit, kind = rng.random(num_envs) < 0.01, rng.integers(2, size=num_envs)
        action = actions[step % 64].copy()
        action[hit & (kind == 0), step % 3] = [np.nan, np.inf, -np.inf][step % 3]
        pulled = np.flatnonzero(hit & (kind == 1))
        force[pulled, 1 + step % 4] = 10.0 ** rng.uniform(8, 300, (len(pulled), 1)) * rng.choice(
            [-1, 1], (len(pulled), 6)
        )
        obs, reward, _, truncated, infos = env.step(action)
        force[pulled] = 0.0
        assert all_finite(obs, reward, infos)
        assert truncated[infos["fault"]].all()
        forced, counted = forced + int(hit.sum()), counted + int(infos["fault"].sum())
    assert forced > 9500
    assert env.num_faults == counted > 0.9 * forced
    before = env.physics.qpos.copy()
    env.step(actions[0])
    assert (env.physics.qpos != before).any(axis=1).all()  # all worlds still move
