"""get_state and set_state continue bit for bit."""

from typing import Any

import numpy as np
import pytest
from channel_worlds import EVERYTHING as CHANNELS_ON

from envs import ENVS, DomainVectorEnv, EnvsError, make_vec

NUM_ENVS, NUM_STEPS = 3, 300
EVERYTHING = {
    "parameters": {
        "body_mass": [{"scale": {"uniform": [0.7, 1.3]}}],
        "dof_damping": {"add": {"loguniform": [0.01, 0.2]}},
        "dof_armature": {"add": {"uniform": [0.0, 0.1]}},
        "joint_range": {"scale": {"uniform": [0.8, 1.0]}},
        "actuator_strength": {"scale": {"normal": [1.0, 0.1, 0.7, 1.3]}},
        "gravity": {"set": {"uniform": [9.0, 10.5]}},
        **CHANNELS_ON,
    }
}
every_environment = pytest.mark.parametrize("name", ENVS)
every_domain = pytest.mark.parametrize("domain", [None, EVERYTHING], ids=["nominal", "everything"])


def build(name: str, seed: int, **kwargs: Any) -> DomainVectorEnv:
    return make_vec(name, num_envs=NUM_ENVS, num_threads=1, seed=seed, max_episode_steps=70, **kwargs)


def random_actions(env: DomainVectorEnv, num_steps: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (num_steps, *env.action_space.shape)).astype(np.float32)


def trace(env: DomainVectorEnv, actions: np.ndarray) -> list[tuple[str, bytes]]:
    """Return every byte that comes out of the steps, with a name for the message."""
    out = []
    for step, action in enumerate(actions):
        *arrays, infos = env.step(action)
        final = infos.pop("final_info", {})
        named = dict(zip(("obs", "reward", "terminated", "truncated"), arrays, strict=True))
        named |= infos | {f"final_info.{k}": v for k, v in final.items()} | env.parameters
        out += [(f"step {step}: {key}", value.tobytes()) for key, value in sorted(named.items())]
    return out


def first_difference(one: list[tuple[str, bytes]], other: list[tuple[str, bytes]]) -> str | None:
    return next((f"{a[0]} / {b[0]}" for a, b in zip(one, other, strict=True) if a != b), None)


@every_environment
@every_domain
def test_continues_in_a_fresh_environment_with_another_seed(name: str, domain: Any) -> None:
    original = build(name, 1, domain=domain)
    original.reset()
    actions = random_actions(original, 37 + NUM_STEPS, 0)
    trace(original, actions[:37])  # mid-episode, with commands and readings under way
    state = original.get_state()
    expected = trace(original, actions[37:])
    fresh = build(name, 2, domain=domain)
    fresh.set_state(state)
    assert first_difference(trace(fresh, actions[37:]), expected) is None
    assert fresh.num_faults == original.num_faults


@every_environment
@every_domain
def test_goes_back_in_the_same_environment(name: str, domain: Any) -> None:
    env = build(name, 1, domain=domain)
    env.reset()
    actions = random_actions(env, NUM_STEPS, 0)
    trace(env, actions[:10])
    state = env.get_state()
    expected = trace(env, actions)  # across several episodes, so other parameters are written meanwhile
    env.set_state(state)
    assert first_difference(trace(env, actions), expected) is None


@every_environment
def test_state_is_unchanged_by_a_round_trip(name: str) -> None:
    env = build(name, 1, domain=EVERYTHING)
    env.reset()
    trace(env, random_actions(env, 25, 0))
    state = env.get_state()
    fresh = build(name, 2, domain=EVERYTHING)
    fresh.set_state(state)
    again = fresh.get_state()
    assert state.keys() == again.keys()
    for key, value in state.items():
        assert value.tobytes() == again[key].tobytes(), key
        assert value.dtype.kind in "fiub", key


def test_state_after_a_seeded_partial_reset() -> None:
    """The worlds that run on are restored too, though their streams have been started anew."""
    env = build("half_cheetah", 1, domain=EVERYTHING)
    env.reset()
    env.reset(seed=5, options={"reset_mask": np.array([True, False, False])})
    state = env.get_state()
    actions = random_actions(env, 100, 0)
    expected = trace(env, actions)
    fresh = build("half_cheetah", 2, domain=EVERYTHING)
    fresh.set_state(state)
    assert first_difference(trace(fresh, actions), expected) is None


def test_state_before_the_first_reset() -> None:
    env = build("cartpole_swingup", 1, domain=EVERYTHING)
    state = env.get_state()
    expected = env.reset()[0]
    used = build("cartpole_swingup", 2, domain=EVERYTHING)
    used.reset()
    used.set_state(state)
    np.testing.assert_array_equal(used.reset()[0], expected)


def test_fault_counters_travel_along() -> None:
    env = build("hopper", 1)
    env.reset()
    env.step(np.full(env.action_space.shape, np.nan, np.float32))
    assert env.num_faults == NUM_ENVS
    fresh = build("hopper", 2)
    fresh.set_state(env.get_state())
    assert fresh.num_faults == NUM_ENVS
    assert not fresh.step(np.zeros(env.action_space.shape, np.float32))[4]["fault"].any()


@pytest.mark.parametrize(
    ("name", "num_envs", "domain", "named"),
    [
        ("hopper", 5, None, ["worlds.drawn", "elapsed", "ended", "episode", "obs", "physics.rows"]),
        ("half_cheetah", NUM_ENVS, None, ["obs", "physics.rows"]),
        ("hopper", NUM_ENVS, {"parameters": {"body_mass": {"scale": 2}}}, ["worlds.drawn"]),
        (
            "hopper",
            NUM_ENVS,
            {"parameters": {"action_delay": {"set": 2}}},
            ["actuators.action_delay.head", "actuators.action_delay.history"],
        ),
        (
            "hopper",
            NUM_ENVS,
            {"parameters": {"observation_delay": {"set": 2}}},
            ["sensors.observation_delay.head", "sensors.observation_delay.history"],
        ),
    ],
)
def test_a_state_that_does_not_fit_is_refused_by_name(name: str, num_envs: int, domain: Any, named: list[str]) -> None:
    env = build("hopper", 1)
    env.reset()
    before = env.get_state()
    other = make_vec(name, num_envs=num_envs, num_threads=1, domain=domain).get_state()
    with pytest.raises(EnvsError, match="state: does not fit this environment") as error:
        env.set_state(other)
    listed = str(error.value).partition("differing entries: ")[2].split(", ")
    assert set(named) <= set(listed)
    for key, value in env.get_state().items():
        assert value.tobytes() == before[key].tobytes()  # a refused state leaves everything as it was


def test_a_missing_entry_is_refused_by_name() -> None:
    env = build("hopper", 1)
    state = env.get_state()
    del state["episode"]
    with pytest.raises(EnvsError, match=r"differing entries: episode$"):
        env.set_state(state)


def test_a_state_of_another_domain_is_refused() -> None:
    """Names and shapes fit, but a drawn mass would become friction."""
    heavy, slippery = (
        make_vec("hopper", num_envs=2, seed=0, num_threads=1, domain={"parameters": {name: {"scale": 2}}})
        for name in ("body_mass", "geom_friction")
    )
    heavy.reset()
    slippery.reset()
    with pytest.raises(EnvsError, match="state: comes from another task or domain"):
        slippery.set_state(heavy.get_state())
    np.testing.assert_array_equal(slippery.worlds.read("geom_friction")["foot_geom"], [4.0, 4.0])
