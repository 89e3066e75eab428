"""Parameters that move within an episode follow their formulas, and go back to their start in the next one."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs import DomainVectorEnv, EnvsError, make_vec
from envs.domain.profiles import PROFILES, Profile, parse_profile

STEPS = 60
FORMULAS: list[tuple[dict[str, list[float]], Any]] = [
    ({"drift": [0.01, 1.3]}, lambda t: np.minimum(1 + 0.01 * t, 1.3)),
    ({"drift": [-0.01, 0.8]}, lambda t: np.maximum(1 - 0.01 * t, 0.8)),
    ({"cycle": [0.2, 25]}, lambda t: 1 + 0.2 * np.sin(2 * np.pi * t / 25)),
    ({"saw": [-0.5, 20]}, lambda t: 1 - 0.5 * (t % 20) / 20),
    ({"triangle": [0.4, 10]}, lambda t: 1 + 0.4 * (1 - np.abs(1 - 2 * (t % 10) / 10))),
    ({"step": [0.5, 12]}, lambda t: 1 + 0.5 * (t >= 12)),
]


def build(in_time: Any, parameter: str = "gravity", num_envs: int = 3, **kwargs: Any) -> DomainVectorEnv:
    domain = {"parameters": {parameter: {"scale": 1.0, "in_time": in_time}}}
    return make_vec("half_cheetah", num_envs=num_envs, num_threads=1, domain=domain, seed=4, **kwargs)


def readings(env: DomainVectorEnv, num_steps: int = STEPS) -> np.ndarray:
    """Return gravity over the model's during each step, (num_steps, num_envs)."""
    env.reset()
    action = np.zeros(env.action_space.shape, np.float32)
    rows = []
    for _ in range(num_steps):
        env.step(action)
        rows.append(env.worlds.read("gravity")["*"] / 9.81)
    return np.stack(rows)


@pytest.mark.parametrize(("in_time", "formula"), FORMULAS)
def test_profiles_follow_their_formulas(in_time: Any, formula: Any) -> None:
    assert np.abs(readings(build(in_time)) - formula(np.arange(STEPS))[:, None]).max() < 1e-12


def test_a_random_walk_has_its_spread_and_keeps_its_ends() -> None:
    walked = readings(build({"walk": [0.01, 0.9, 1.1]}, num_envs=400), 50)
    assert walked.min() >= 0.9
    assert walked.max() <= 1.1
    assert walked[8].std() == pytest.approx(0.03, rel=0.15)  # nine steps of 0.01
    assert len(np.unique(walked[0])) == 400


def test_every_episode_starts_anew() -> None:
    rows = readings(build({"drift": [0.01, 2.0]}, max_episode_steps=10), 30)
    np.testing.assert_allclose(rows[:9], rows[10:19], rtol=0, atol=1e-15)
    np.testing.assert_allclose(rows[8], 1.08)


def test_what_moves_is_what_acts_and_other_worlds_parameters_stay() -> None:
    """Gravity that doubles at step 5 gives the trajectory of the doubled one from the same state on."""
    moving, fixed = build({"step": [1.0, 5]}), build({"step": [1.0, 5000]})
    action = np.zeros(moving.action_space.shape, np.float32)
    for env in (moving, fixed):
        env.reset()
    for _ in range(5):
        np.testing.assert_array_equal(moving.step(action)[0], fixed.step(action)[0])
    assert (moving.step(action)[0] != fixed.step(action)[0]).any(axis=1).all()


def test_parameters_that_share_a_field_are_rewritten_together() -> None:
    parameters = {
        "body_mass": {"scale": 1.0, "in_time": {"step": [1.0, 3]}},
        "payload": {"select": "torso", "set": 2.0},
        "gravity": {"scale": 0.5},
    }
    env = make_vec("half_cheetah", num_envs=2, seed=0, num_threads=1, domain={"parameters": parameters})
    nominal = env.physics.model.body("torso").mass[0]
    env.reset()
    action = np.zeros(env.action_space.shape, np.float32)
    masses = []
    for _ in range(5):
        env.step(action)
        masses.append(env.physics.world(1)[0].body("torso").mass[0])
    np.testing.assert_allclose(masses, [nominal + 2] * 3 + [2 * nominal + 2] * 2, rtol=1e-14)
    np.testing.assert_allclose(env.worlds.read("gravity")["*"], 9.81 / 2)


def test_a_drift_with_some_starts_before_its_limit_is_one() -> None:
    domain = {"parameters": {"gravity": {"scale": {"uniform": [0.9, 1.1]}, "in_time": {"drift": [0.01, 1.0]}}}}
    env = make_vec("half_cheetah", num_envs=20, num_threads=1, domain=domain, seed=4)
    rows = readings(env, 15)
    np.testing.assert_allclose(rows[-1], np.maximum(rows[0], 1.0), rtol=0, atol=1e-12)


def test_channels_move_too() -> None:
    parameters = {"action_delay": {"set": 0, "in_time": {"step": [3, 10]}}}
    env = make_vec("half_cheetah", num_envs=1, seed=0, num_threads=1, domain={"parameters": parameters})
    env.reset()
    seen = []
    for step in range(15):
        env.step(np.full((1, 6), step / 100, np.float32))
        seen.append(round(env.physics.bind("ctrl")[0, 0] * 100))
    assert seen == [*range(10), *range(7, 12)]


@given(
    st.sampled_from(sorted(PROFILES)),
    st.floats(-0.4, 0.4).filter(lambda x: abs(x) > 1e-3),
    st.floats(0.0, 1.0),
    st.integers(0, 3000),
)
def test_numbers_stay_within_their_support(name: str, size: float, start: float, elapsed: int) -> None:
    arguments = {"walk": [abs(size), -0.2, 1.2], "drift": [size, 1.1 if size > 0 else -0.1]}.get(name, [size, 7.0])
    profile: Profile = parse_profile({name: arguments}, "here")
    low, high = profile.support(0.0, 1.0)
    row = np.array([start])
    now = profile.number(row, row, np.array([elapsed]), np.array([3.0]))
    assert low - 1e-12 <= now[0] <= high + 1e-12
    assert parse_profile(profile.to_mapping(), "here") == profile


@pytest.mark.parametrize(
    ("in_time", "message"),
    [
        (3, r"in_time: expected one of \{walk, drift, cycle, saw, triangle, step: \[...\]\}, got 3"),
        ({"cyle": [1, 2]}, r"in_time: unknown profile 'cyle' \(did you mean 'cycle'\?\)"),
        ({"cycle": [1]}, r"in_time.cycle: expected the numbers \[amplitude, period\], got \[1\]"),
        ({"cycle": ["1e-1", 9]}, r"write 1.0e-1"),
        ({"cycle": [0.1, 1]}, r"cycle\(0.1, 1\): must have period >= 2"),
        ({"walk": [0, 0, 1]}, "must have sd > 0"),
        ({"walk": [1, 1, 1]}, "must have low < high"),
        ({"drift": [0, 1]}, "must have rate != 0"),
        ({"step": [0.1, 0]}, "must have at >= 1"),
        ({"drift": [0.01, 0.5]}, r"scale 1 never moves with in_time drift\(0.01, 0.5\): its limit lies behind every"),
        ({"drift": [-0.01, 1.0]}, r"never moves with in_time drift\(-0.01, 1\).*every start, 1..1; must have one"),
        ({"step": [-2.0, 5]}, r"scale 1 with step\(-2, 5\) would make '\*' range over -9.81..9.81; must be >= 0"),
    ],
)
def test_what_is_wrong_is_said(in_time: Any, message: str) -> None:
    with pytest.raises(EnvsError, match=message):
        build(in_time)
