"""What every environment promises, whatever its task."""

import itertools
from fnmatch import fnmatchcase
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, VectorEnv
from steady import gentle_actions, unending

from envs import ENVS, DomainVectorEnv, EnvsError, environment, make, make_vec
from envs.tasks.groups import as_vector

RANDOMISED = {
    "parameters": {
        "body_mass": {"scale": {"uniform": [0.7, 1.3]}},
        "gravity": {"add": {"uniform": [0.0, 0.9]}},
        "action_delay": {"set": {"choice": [0, 1, 2]}},
        "observation_delay": {"set": {"choice": [0, 3]}},
    }
}
NOISE = {"action_noise": {"set": 0.1}, "observation_noise": {"set": {"uniform": [0, 0.1]}}}
NOISY = {"parameters": {**RANDOMISED["parameters"], **NOISE}}
# What Gymnasium's own observations hold still within an episode, or until something is touched.
STILL = {
    "inverted_double_pendulum": ("qfrc_constraint.slider",),
    "reacher": ("qpos.target_*",),
    "pusher": ("xpos.goal.*", "xpos.object.*"),
    "humanoid": ("cinert.*.9",),
    "humanoid_standup": ("cinert.*.9",),
    "quadruped": ("command.*",),  # one lasts for seconds
}
# What they say twice: bodies that only turn about a common axis share their other velocities.
REPEATED = {"humanoid": ("cvel.*",), "humanoid_standup": ("cvel.*",)}
every_environment = pytest.mark.parametrize("name", ENVS)


def build(name: str, num_envs: int = 4, **kwargs: Any) -> DomainVectorEnv:
    return make_vec(name, num_envs=num_envs, **{"seed": 3, "num_threads": 1, **kwargs})


def random_actions(env: DomainVectorEnv, num_steps: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (num_steps, *env.action_space.shape)).astype(np.float32)


def arrays_of(infos: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return every array in infos, also those in final_info, by a name of its own."""
    flat = {}
    for key, value in infos.items():
        flat.update({f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value})
    return flat


def matching(names: tuple[str, ...], patterns: tuple[str, ...]) -> np.ndarray:
    """Return which names match one of the patterns, (num_names,)."""
    return np.array([any(fnmatchcase(name, pattern) for pattern in patterns) for name in names])


def roll_out(env: DomainVectorEnv, actions: np.ndarray) -> dict[str, np.ndarray]:
    """Return everything that came out of reset and steps, (num_steps, num_envs, ...) by name."""
    first, _ = env.reset()
    steps: dict[str, list[np.ndarray]] = {}
    for action in actions:
        obs, reward, terminated, truncated, infos = env.step(action)
        row = {"obs": obs, "reward": reward, "terminated": terminated, "truncated": truncated}
        for key, value in {**row, **{k: v for k, v in arrays_of(infos).items() if "final" not in k}}.items():
            steps.setdefault(key, []).append(value)
    return {"first": first[None], **{k: np.stack(v) for k, v in steps.items()}}


@every_environment
def test_spaces(name: str) -> None:
    env = build(name)
    assert isinstance(env, VectorEnv)
    obs_dim, act_dim = len(as_vector(env.task).observation_names), env.physics.model.nu
    assert env.single_observation_space == gymnasium.spaces.Box(-np.inf, np.inf, (obs_dim,), np.float64)
    assert env.single_action_space.shape == (act_dim,)
    assert env.single_action_space.dtype == np.float32
    assert env.observation_space.shape == (4, obs_dim)
    assert env.action_space.shape == (4, act_dim)
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    obs, info = env.reset()
    assert (obs.shape, obs.dtype) == ((4, obs_dim), np.float64)
    assert all(value.shape[0] == 4 and info[f"_{key}"].all() for key, value in info.items() if key[0] != "_")
    result = env.step(env.action_space.sample())
    assert [a.dtype for a in result[:4]] == [np.float64, np.float64, np.bool_, np.bool_]
    assert [a.shape for a in result[:4]] == [(4, obs_dim), (4,), (4,), (4,)]
    assert result[0] in env.observation_space
    for key, value in result[4].items():
        assert value.shape[0] == 4
        assert result[4][key.removeprefix("_")] is not None
        assert key.startswith("_") or result[4][f"_{key}"].all()


@every_environment
def test_reward_is_the_sum_of_its_terms(name: str) -> None:
    env = build(name)
    env.reset()
    for action in random_actions(env, 20):
        _, reward, _, _, infos = env.step(action)
        terms = [v for k, v in infos.items() if k.startswith("reward_")]
        np.testing.assert_allclose(reward, np.sum(terms, axis=0), rtol=0, atol=1e-14)


@every_environment
def test_observation_names_are_distinct_and_no_entry_is_constant(name: str) -> None:
    env = build(name)
    names = as_vector(env.task).observation_names
    assert len(set(names)) == len(names) == env.single_observation_space.shape[0]
    obs = roll_out(env, random_actions(env, 30))["obs"]
    expected = matching(names, STILL.get(name, ()))
    moves = np.ptp(obs, axis=0).min(axis=0) > 1e-6  # over time, in every world
    assert (moves | expected).all()
    differs = np.ptp(obs, axis=1).max(axis=0) > 1e-6  # over worlds
    assert (differs | expected).all()
    rows = obs.reshape(-1, len(names)).T[~(expected | matching(names, REPEATED.get(name, ())))]
    assert len(np.unique(rows, axis=0)) == len(rows)


@every_environment
def test_same_seed_same_bytes_with_one_and_two_threads(name: str) -> None:
    actions = random_actions(build(name), 60)
    runs = [roll_out(build(name, domain=NOISY, num_threads=n), actions) for n in (1, 2, 1)]
    for run in runs[1:]:
        assert run.keys() == runs[0].keys()
        for key, value in run.items():
            assert value.tobytes() == runs[0][key].tobytes(), key
    other = roll_out(build(name, domain=NOISY, seed=4), actions)
    assert (other["first"] != runs[0]["first"]).all()


@every_environment
def test_worlds_do_not_depend_on_how_many_there_are(name: str) -> None:
    few, many = build(name, 4, domain=NOISY), build(name, 8, domain=NOISY)
    actions = random_actions(many, 60)
    short, long = roll_out(few, actions[:, :4]), roll_out(many, actions)
    for key, value in short.items():
        np.testing.assert_array_equal(value, long[key][:, :4], err_msg=key)
    for key, value in few.parameters.items():
        np.testing.assert_array_equal(value, many.parameters[key][:4])


@every_environment
def test_noise_of_one_channel_does_not_depend_on_the_other(name: str) -> None:
    """What the sensors add to the first observations within an episode is the same with and without action noise."""
    added = []
    for parameters in ({"observation_noise": {"set": 0.1}}, NOISE | {"observation_noise": {"set": 0.1}}):
        env = build(name, domain={"parameters": parameters})
        env.reset()
        actions = gentle_actions(name, env, 5)
        obs = [env.step(action)[0] - as_vector(env.task).observe(env.physics) for action in actions]
        added.append(np.stack(obs))
    np.testing.assert_allclose(added[0], added[1], rtol=0, atol=1e-12)
    assert 0.05 < added[0].std() < 0.2


@every_environment
def test_worlds_and_episodes_differ(name: str) -> None:
    env = build(name, domain=RANDOMISED)
    first, _ = env.reset()
    before = env.parameters
    second, _ = env.reset()
    rows = np.concatenate((first, second))
    assert len(np.unique(rows, axis=0)) == 8
    assert (before["body_mass"] != env.parameters["body_mass"]).all()
    assert len(set(env.parameters["body_mass"])) == 4


@every_environment
def test_reset_with_a_seed_starts_anew(name: str) -> None:
    actions = random_actions(build(name), 30)
    fresh, used = build(name, seed=9, domain=NOISY), build(name, seed=1, domain=NOISY)
    roll_out(used, actions)
    expected = roll_out(fresh, actions)["obs"]
    first, _ = used.reset(seed=9)
    np.testing.assert_array_equal(first, build(name, seed=9, domain=NOISY).reset()[0])
    np.testing.assert_array_equal(np.stack([used.step(a)[0] for a in actions]), expected)


@every_environment
def test_truncation_at_the_time_limit(name: str) -> None:
    env = build(name, max_episode_steps=3)
    env.reset()
    still = np.zeros(env.action_space.shape, np.float32)
    for step in range(1, 10):
        _, _, terminated, truncated, _ = env.step(still)
        assert not terminated.any()
        assert truncated.all() == truncated.any() == (step % 3 == 0)


@every_environment
def test_the_tasks_own_time_limit_is_the_default_and_none_is_endless(name: str) -> None:
    still = np.zeros((1, *build(name).single_action_space.shape), np.float32)
    own = environment(name).make_task().max_episode_steps
    for limit, ends in ((-1, 1), (None, 0)):
        env = build(name, 1, max_episode_steps=limit, **unending(name))
        env.reset()
        counts = np.array([[a[0] for a in env.step(still)[2:4]] for _ in range(own)]).sum(axis=0)
        assert counts.tolist() == [0, ends]


@every_environment
def test_same_step_returns_the_last_observation_and_the_next_first(name: str) -> None:
    limited, endless = (build(name, max_episode_steps=n, **unending(name)) for n in (5, None))
    limited.reset()
    endless.reset()
    actions = random_actions(limited, 5)
    for action in actions[:4]:
        infos = limited.step(action)[4]
        endless.step(action)
        assert not {"final_obs", "final_info"} & infos.keys()
    obs, reward, _, truncated, infos = limited.step(actions[4])
    last_obs, last_reward, _, _, last_infos = endless.step(actions[4])
    assert truncated.all()
    assert infos["_final_obs"].tolist() == infos["_final_info"].tolist() == [True] * 4
    np.testing.assert_array_equal(infos["final_obs"], last_obs)
    np.testing.assert_array_equal(reward, last_reward)
    for key, value in last_infos.items():
        np.testing.assert_array_equal(infos["final_info"][key], value)
    again = build(name, max_episode_steps=5)
    again.reset()
    np.testing.assert_array_equal(obs, again.reset()[0])  # its second episode's first observation


def test_same_step_marks_only_the_worlds_that_ended() -> None:
    env = build("hopper", 8)
    first, _ = env.reset()
    previous = first
    seen = 0
    for action in random_actions(env, 60):
        obs, _, terminated, truncated, infos = env.step(action)
        done = terminated | truncated
        if done.any():
            seen += int(done.sum())
            np.testing.assert_array_equal(infos["_final_obs"], done)
            np.testing.assert_array_equal(infos["_final_info"], done)
            np.testing.assert_array_equal(infos["_reward_forward"], ~done)
            assert infos["_x_position"].all()  # those that have restarted report where
            np.testing.assert_array_equal(infos["final_info"]["_x_position"], done)
            np.testing.assert_array_equal(infos["final_obs"][~done], obs[~done])
            # an end lies outside the healthy range, a start inside it
            assert ((infos["final_obs"][done, 0] < 0.7) | (np.abs(infos["final_obs"][done, 1]) > 0.2)).all()
            assert np.abs(obs[done, 1]).max() < 0.006
        else:
            assert "final_obs" not in infos
        assert not np.array_equal(obs, previous)
        previous = obs
    assert seen > 8


@every_environment
def test_disabled_mode_ended_worlds_stand_still(name: str) -> None:
    env = build(name, max_episode_steps=3, autoreset_mode=AutoresetMode.DISABLED)
    assert env.metadata["autoreset_mode"] is AutoresetMode.DISABLED
    env.reset()
    actions = random_actions(env, 8)
    for action in actions[:3]:
        obs, _, terminated, truncated, infos = env.step(action)
        assert "final_obs" not in infos
    assert truncated.all()
    assert not terminated.any()
    still, reward, terminated, truncated, infos = env.step(actions[3])
    np.testing.assert_array_equal(still, obs)
    assert not any(values.any() for values in (reward, terminated, truncated, infos["fault"]))

    position = env.physics.qpos.copy()
    kept = still.copy()
    first, _ = env.reset(options={"reset_mask": np.array([False, True, False, True])})
    np.testing.assert_array_equal(still, kept)  # what was handed out stays as it was
    np.testing.assert_array_equal(first[[0, 2]], obs[[0, 2]])
    assert (first[[1, 3]] != obs[[1, 3]]).any(axis=1).all()
    moved, reward, _, truncated, _ = env.step(actions[4])
    np.testing.assert_array_equal(env.physics.qpos[[0, 2]], position[[0, 2]])
    np.testing.assert_array_equal(moved[[0, 2]], obs[[0, 2]])
    assert reward[[0, 2]].tolist() == [0, 0]
    assert (reward[[1, 3]] != 0).all()
    assert not truncated.any()
    env.step(actions[5])
    assert env.step(actions[6])[3].tolist() == [False, True, False, True]


def test_disabled_mode_reports_a_termination_once() -> None:
    env = build("hopper", 8, autoreset_mode=AutoresetMode.DISABLED)
    env.reset()
    ends, rewards_after = np.zeros(8, int), 0.0
    for action in random_actions(env, 200):
        before = ends.copy()
        _, reward, terminated, truncated, infos = env.step(action)
        ends += terminated
        rewards_after += np.abs(reward[before > 0]).sum() + np.abs(infos["reward_ctrl"][before > 0]).sum()
        assert not truncated.any()
    assert ends.tolist() == [1] * 8
    assert rewards_after == 0.0


@every_environment
def test_disabled_mode_plays_the_same_episodes_as_same_step(name: str) -> None:
    same, disabled = (
        build(name, domain=RANDOMISED, max_episode_steps=6, autoreset_mode=mode)
        for mode in (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED)
    )
    np.testing.assert_array_equal(same.reset()[0], disabled.reset()[0])
    for action in random_actions(same, 40):
        obs, reward, terminated, truncated, _ = same.step(action)
        their_obs, *others, _ = disabled.step(action)
        for own, other in zip((reward, terminated, truncated), others, strict=True):
            np.testing.assert_array_equal(own, other)
        if (done := terminated | truncated).any():
            their_obs, _ = disabled.reset(options={"reset_mask": done})
        np.testing.assert_array_equal(obs, their_obs)


@every_environment
def test_a_seeded_partial_reset_leaves_the_other_worlds_alone(name: str) -> None:
    plain, partial = (build(name, domain=RANDOMISED, autoreset_mode=AutoresetMode.DISABLED) for _ in range(2))
    plain.reset()
    partial.reset()
    actions = random_actions(plain, 12)
    for action in actions[:6]:
        plain.step(action)
        partial.step(action)
    partial.reset(seed=77, options={"reset_mask": np.array([True, False, True, False])})
    for action in actions[6:]:
        np.testing.assert_array_equal(plain.step(action)[0][[1, 3]], partial.step(action)[0][[1, 3]])


@every_environment
@pytest.mark.parametrize("domain", [None, NOISY], ids=["nominal", "noisy"])
def test_returned_arrays_share_no_memory(name: str, domain: Any) -> None:
    env = build(name, domain=domain, max_episode_steps=2)
    returned: list[tuple[str, np.ndarray]] = [("reset.obs", env.reset()[0])]
    for step, action in enumerate(random_actions(env, 4)):
        result = env.step(action)
        named = dict(zip(("obs", "reward", "terminated", "truncated"), result[:4], strict=True))
        returned += [(f"{step}.{k}", v) for k, v in {**named, **arrays_of(result[4])}.items()]
    returned += [(f"state.{k}", v) for k, v in env.get_state().items()]
    returned += [(f"parameters.{k}", v) for k, v in env.parameters.items()]
    for (one, a), (other, b) in itertools.combinations(returned, 2):
        assert not np.shares_memory(a, b), f"{one} shares memory with {other}"
    kept = [(key, array.copy()) for key, array in returned]
    for _, array in returned:  # nor does the environment look at what it has handed out
        array[...] = 1
    twin = build(name, domain=domain, max_episode_steps=2)
    twin.reset()
    for action in random_actions(env, 4):
        twin.step(action)
    for action in random_actions(env, 5, seed=1):
        for own, expected in zip(env.step(action)[:4], twin.step(action)[:4], strict=True):
            np.testing.assert_array_equal(own, expected)
    for (key, copy), (_, array) in zip(kept, returned, strict=True):
        assert (array == 1).all(), f"{key} was written to ({copy.shape})"


@every_environment
def test_wrong_shapes_and_numbers_are_refused(name: str) -> None:
    env = build(name)
    env.reset()
    dim = env.single_action_space.shape[0]
    for shape in ((4, dim + 1), (3, dim), (dim,), ()):
        with pytest.raises(EnvsError, match=r"actions: must have shape \(4, \d+\)"):
            env.step(np.zeros(shape, np.float32))
    for mask, got in ((np.ones(3, bool), r"bool of shape \(3,\)"), (np.array([0, 2, 1, 0]), r"int64 of shape \(4,\)")):
        with pytest.raises(EnvsError, match=rf"reset_mask: must be bool of shape \(4,\), got {got}"):
            env.reset(options={"reset_mask": mask})
    for num in (0, 2.0):
        with pytest.raises(EnvsError, match=f"num_envs: must be a whole number >= 1, got {num}"):
            build(name, num)
    with pytest.raises(EnvsError, match="num_threads: must be >= 0"):
        build(name, num_threads=-1)
    for mode in (None, "Never"):
        with pytest.raises(EnvsError, match=rf"autoreset_mode: must be one of .*AutoresetMode.DISABLED .*got {mode!r}"):
            build(name, autoreset_mode=mode)
    for limit in (0, -5, 2.5):
        with pytest.raises(EnvsError, match=f"max_episode_steps: must be a whole number >= 1, .*, got {limit}"):
            build(name, max_episode_steps=limit)
    for seed in (-1, 1.5):
        with pytest.raises(EnvsError, match=f"seed: must be a whole number >= 0 or None, got {seed}"):
            build(name, seed=seed)
    with pytest.raises(EnvsError, match="domain: expected a Domain or a mapping, got int"):
        build(name, domain=3)


def test_unknown_names_list_the_valid_ones() -> None:
    with pytest.raises(EnvsError, match=r"unknown environment 'hoper' \(did you mean 'hopper'\?\).*half_cheetah"):
        build("hoper")
    with pytest.raises(EnvsError, match=r"did you mean 'healthy_z_range'\?.*ctrl_cost_weight"):
        build("hopper", healthy_z_ranges=(0, 1))
    with pytest.raises(EnvsError, match="unknown environment"):
        make("nothing")


@every_environment
def test_every_environment_has_a_summary(name: str) -> None:
    assert environment(name).summary.endswith(".")
    assert "\n" not in environment(name).summary


def test_step_before_the_first_reset_is_refused() -> None:
    env = make_vec("cartpole_swingup", num_envs=2, seed=0, num_threads=1)
    with pytest.raises(EnvsError, match="call reset"):
        env.step(np.zeros((2, 1), np.float32))
