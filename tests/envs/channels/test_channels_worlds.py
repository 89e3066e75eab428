"""The channels of whole environments: delays by impulse response, first readings, independence, refusals."""

from typing import Any

import numpy as np
import pytest
from channel_worlds import EVERYTHING, PULSE_AT, STILL, bench, run

from envs import PARAMETERS, DomainVectorEnv, EnvsError, make_vec
from envs.physics.parameter import ChannelParameter

CHANNELS = {name: p for name, p in PARAMETERS.items() if isinstance(p, ChannelParameter)}
ALONE = ("observation_dropout_steps", "observation_stuck_steps", "push_interval", "gust_time")
HALF_CHEETAH = {**EVERYTHING, "steady_force_x": {"select": "@base", "set": {"uniform": [-1, 1]}}}


def stages(env: DomainVectorEnv) -> set[str]:
    return {*env._actuators.stages, *env._sensors.stages, *env._disturbances.stages}


def cheetah(parameters: Any, num_envs: int = 3, **kwargs: Any) -> DomainVectorEnv:
    kwargs = {"num_threads": 1, "seed": 3, **kwargs}
    return make_vec("half_cheetah", num_envs=num_envs, domain={"parameters": parameters}, **{"seed": 0, **kwargs})


def noise_of(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def trace(env: DomainVectorEnv, num_steps: int = 60) -> np.ndarray:
    """Return observations and rewards of the first three worlds, (num_steps, 3, obs_dim + 1)."""
    env.reset()
    actions = np.zeros((num_steps, *env.action_space.shape), np.float32)
    actions[:, :3] = noise_of(actions[:, :3].shape)
    steps = (env.step(a)[:2] for a in actions)
    return np.stack([np.column_stack((obs, reward))[:3] for obs, reward in steps])


# What is written where


def test_every_channel_parameter_is_switched_on_here() -> None:
    assert set(EVERYTHING) == set(CHANNELS)
    env = bench(EVERYTHING)
    unseen = set(CHANNELS) - stages(env) - set(ALONE)
    assert unseen == {  # they share the stage of another
        "action_jitter",
        "observation_jitter",
        "observation_drift_noise",
        "steady_force_y",
        "steady_force_z",
        "control_jitter",
    }
    for name, parameter in CHANNELS.items():
        if name not in (*ALONE, "control_jitter"):
            assert stages(bench({name: EVERYTHING[name]})), name
        assert np.isin(parameter.default(env.worlds.nominal), parameter.ideal).all()


@pytest.mark.parametrize("name", [n for n, p in CHANNELS.items() if np.isfinite(p.ideal)])
def test_the_ideal_value_builds_nothing_and_changes_no_bit(name: str) -> None:
    env = cheetah({name: {"set": CHANNELS[name].ideal}})
    assert not stages(env)
    assert env._disturbances._period is None
    np.testing.assert_array_equal(trace(env, 20), trace(cheetah({}), 20))


@pytest.mark.parametrize("name", ALONE)
def test_a_length_alone_builds_nothing(name: str) -> None:
    env = cheetah({name: {"set": 7}})
    assert not stages(env)
    np.testing.assert_array_equal(trace(env, 20), trace(cheetah({}), 20))


@pytest.mark.parametrize("name", ["action_rate_limit", "observation_saturation"])
def test_a_limit_far_away_changes_no_bit(name: str) -> None:
    np.testing.assert_array_equal(trace(cheetah({name: {"set": 1e9}}), 20), trace(cheetah({}), 20))


def test_ideal_channels_leave_the_applied_forces_alone() -> None:
    env = bench({"observation_noise": {"set": 0.1}})
    env.reset()
    env.physics.bind("xfrc_applied")[:, 1, 0] = 5.0
    env.step(np.zeros(env.action_space.shape))
    np.testing.assert_allclose(env.physics.qvel[:, 0], np.full(2, 0.1))


# Delays, per entry


def test_action_delay_by_impulse_response_per_motor() -> None:
    env = bench({"action_delay": [{"select": "a", "set": 2}, {"select": "b", "set": {"choice": [0, 1, 5]}}]}, 12)
    env.reset()
    delay_b = env.parameters["action_delay[b]"].astype(int)
    assert set(delay_b) == {0, 1, 5}
    ctrl, felt = env.physics.bind("ctrl"), []
    for step in range(10):
        env.step(np.full(env.action_space.shape, float(step == 3)))
        felt.append(ctrl.copy())
    np.testing.assert_array_equal(np.argmax(felt, axis=0), np.column_stack((np.full(12, 5), 3 + delay_b)))
    assert (np.sum(felt, axis=0) == 1).all()


def test_observation_delay_by_impulse_response_per_entry() -> None:
    env = bench({"observation_delay": [{"select": "pulse", "set": {"choice": [0, 3, 8]}}]}, 12)
    seen = run(env, 20)[:, :, 2]
    np.testing.assert_array_equal(seen.argmax(axis=0), PULSE_AT + env.parameters["observation_delay[pulse]"])
    assert (seen.sum(axis=0) == 1).all()
    late, prompt = bench({"observation_delay": {"select": "qpos.*", "set": 4}}), bench({})
    actions = noise_of((25, 2, 2))
    slow, true = run(late, 25, actions), run(prompt, 25, actions)
    np.testing.assert_array_equal(slow[4:, :, :2], true[:-4, :, :2])
    np.testing.assert_array_equal(slow[:4, :, :2], np.broadcast_to(true[0, :, :2], (4, 2, 2)))
    np.testing.assert_array_equal(slow[:, :, 2:], true[:, :, 2:])


def test_jitter_alone_delays_by_up_to_its_steps() -> None:
    env = bench({"observation_jitter": {"set": 3}}, 50)
    env.reset()
    zeros, time, ages = np.zeros(env.action_space.shape), env.physics.bind("time"), []
    env.physics.qvel[:, 0] = 1.0  # so that a position tells its time
    start = env.physics.qpos[:, 0].copy()
    for _ in range(30):
        obs = env.step(zeros)[0]
        ages.append((time - (obs[:, 0] - start)) / env.physics.ctrl_dt)
    age = np.stack(ages)[4:]
    np.testing.assert_allclose(age, np.rint(age), atol=1e-6)
    assert set(np.rint(age).astype(int).ravel()) == {0, 1, 2, 3}
    assert age.mean() == pytest.approx(1.5, abs=0.15)


def test_jitter_of_a_group_leaves_the_other_entries_alone() -> None:
    domain = {"observation_jitter": {"select": "qpos.*", "set": 2}, "action_jitter": {"select": "b", "set": 3}}
    env, actions = bench(domain), noise_of((40, 2, 2))
    env.reset()
    ctrl, true, felt, seen = env.physics.bind("ctrl"), [], [], []
    for action in actions:
        seen.append(env.step(action)[0])
        true.append(env.task.observe(env.physics))
        felt.append(ctrl.copy())
    readings, truth, arrived = np.stack(seen), np.stack(true), np.stack(felt)
    np.testing.assert_array_equal(readings[:, :, 2:], truth[:, :, 2:])
    np.testing.assert_array_equal(arrived[:, :, 0], actions[:, :, 0])

    def late(out: np.ndarray, sent: np.ndarray) -> set[int]:
        return {int(age) for t in range(5, 40) for age in range(5) if (out[t] == sent[t - age]).any()}

    assert late(readings[:, :, 0], truth[:, :, 0]) == late(readings[:, :, 1], truth[:, :, 1]) == {0, 1, 2}
    assert late(arrived[:, :, 1], actions[:, :, 1]) == {0, 1, 2, 3}


# The chain as a whole


def test_the_first_reading_passes_the_same_sensors() -> None:
    still = {"select": "still"}
    env = bench({"observation_scale": {**still, "set": 2.0}, "observation_bias": {**still, "set": 0.26}})
    np.testing.assert_array_equal(env.reset()[0][:, 3], np.full(2, 2 * STILL + 0.26))
    rounded = {"observation_quantisation": {**still, "set": 0.5}, "observation_saturation": {**still, "set": 6.1}}
    env = bench({"observation_bias": {**still, "set": 0.3}, **rounded})
    np.testing.assert_array_equal(run(env, 3)[:, :, 3], np.full((4, 2), 3.5))
    env = bench({"observation_scale": {**still, "set": 5.0}, **rounded})
    np.testing.assert_array_equal(run(env, 3)[:, :, 3], np.full((4, 2), 6.0))
    noisy = bench({"observation_noise": {**still, "set": 0.5}}, 3000)
    assert (noisy.reset()[0][:, 3] - STILL).std() == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("sd", [0.02, 1.0])
def test_noise_sd_measured(sd: float) -> None:
    env = bench({"observation_noise": {"select": "still", "set": sd}, "action_noise": {"select": "b", "set": sd}}, 100)
    env.reset()
    ctrl, felt, seen = env.physics.bind("ctrl"), [], []
    for _ in range(60):
        seen.append(env.step(np.full(env.action_space.shape, 0.5))[0] - [0, 0, 0, STILL])
        felt.append(ctrl - 0.5)
    assert np.stack(felt)[:, :, 1].std() == pytest.approx(sd, rel=0.05)
    assert np.stack(seen)[:, :, 3].std() == pytest.approx(sd, rel=0.05)
    assert not np.stack(felt)[:, :, 0].any()


def test_a_profile_moves_a_channel() -> None:
    env = bench({"observation_bias": {"select": "still", "set": 0.0, "in_time": {"step": [0.5, 4]}}})
    seen = run(env, 8)[:, 0, 3] - STILL
    np.testing.assert_array_equal(seen, [0, 0, 0, 0, 0, 0.5, 0.5, 0.5, 0.5])
    growing = bench({"action_delay": {"set": 0, "in_time": {"step": [2, 3]}}})
    growing.reset()
    ctrl, felt = growing.physics.bind("ctrl"), []
    for step in range(8):
        growing.step(np.full(growing.action_space.shape, step / 10))
        felt.append(ctrl[0, 0] * 10)
    np.testing.assert_allclose(felt, [0, 1, 2, 1, 2, 3, 4, 5])


def test_a_broken_motor_asymmetry_and_battery_sag_need_no_channel() -> None:
    sag = {"scale": 1.0, "in_time": {"drift": [-0.1, 0.7]}}
    env = bench({"actuator_strength": [{"select": "a", **sag}, {"select": "b", "scale": 0.3}]})
    run(env, 6, np.ones((6, 2, 2)))
    np.testing.assert_allclose(env.physics.qvel[:, 0], np.full(2, 0.02 * (1 + 0.9 + 0.8 + 0.7 * 3)), rtol=1e-9)
    np.testing.assert_allclose(env.physics.qvel[:, 1], np.full(2, 0.02 * 0.3 * 6), rtol=1e-9)
    assert not stages(env)


# Reproducibility


def test_same_bytes_with_one_and_two_threads() -> None:
    one, two = (trace(cheetah(HALF_CHEETAH, num_threads=n)) for n in (1, 2))
    assert one.tobytes() == two.tobytes()


def test_a_world_does_not_depend_on_how_many_there_are() -> None:
    few, many = (trace(cheetah(HALF_CHEETAH, num_envs=n, max_episode_steps=25)) for n in (3, 8))
    assert few.tobytes() == many.tobytes()


def test_noise_does_not_depend_on_other_channels() -> None:
    own = {"observation_noise": {"select": "still", "set": 0.3}}
    lossy = {"observation_dropout": {"select": "still", "set": 0.3}}
    others = {
        name: {"select": "pulse", **value}
        for name, value in EVERYTHING.items()
        if CHANNELS[name].per == "observation" and name not in own
    }
    others |= {n: v for n, v in EVERYTHING.items() if CHANNELS[n].per != "observation"}
    alone, among = (run(bench(p, max_episode_steps=9), 30)[:, :, 3] for p in (own, {**own, **others}))
    np.testing.assert_array_equal(alone, among)
    del others["observation_dropout"], others["observation_dropout_steps"]
    alone, among = (run(bench(p, max_episode_steps=9), 30)[:, :, 3] for p in (lossy, {**lossy, **others}))
    np.testing.assert_array_equal(alone, among)


def test_an_absurd_action_stays_in_its_world() -> None:
    sick, sound = bench(EVERYTHING, 4), bench(EVERYTHING, 4)
    sick.reset()
    sound.reset()
    for step in range(40):
        action = noise_of((4, 2), step)
        expected = sound.step(action)
        if step in (5, 6):
            action[2] = np.nan
        elif step == 20:
            action[2] = np.inf
        out = sick.step(action)
        for got, wanted in zip(out[:4], expected[:4], strict=True):
            np.testing.assert_array_equal(np.delete(got, 2, 0), np.delete(wanted, 2, 0))
            assert np.isfinite(got).all()
    assert sick.num_faults >= 1
    assert not out[4]["fault"].any()  # the world is sound again


# Refusals


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"action_delay": {"set": 65}}, "action_delay: set 65 .* 65..65; must be an integer >= 0 and <= 64"),
        ({"observation_jitter": {"set": 65}}, "observation_jitter: .* <= 64"),
        ({"action_repeat": {"set": 0}}, "action_repeat: .* must be an integer >= 1 and <= 64"),
        ({"action_repeat": {"set": 1.5}}, "action_repeat counts control steps"),
        ({"action_dead_zone": {"set": -0.1}}, "action_dead_zone: .* must be >= 0 and finite"),
        ({"action_rate_limit": {"scale": 2}}, "action_rate_limit: .* inf..inf; must be >= 0 and finite"),
        ({"observation_dropout": {"set": {"uniform": [0, 1.1]}}}, "observation_dropout: .* must be >= 0 and <= 1"),
        ({"observation_dropout_steps": {"set": 65}}, "observation_dropout_steps: .* <= 64"),
        ({"observation_stuck_steps": {"set": 0}}, "observation_stuck_steps: .* >= 1"),
        ({"push_interval": {"set": 0}}, "push_interval: .* must be an integer >= 1"),
        ({"gust_time": {"set": 0}}, "gust_time: .* must be > 0"),
        ({"control_jitter": {"set": 0.6}}, "control_jitter: .* must be >= 0 and <= 0.5"),
        ({"push_impulse": {"select": "bal", "set": 1}}, "'bal' matches nothing; valid: cart_a, cart_b, ball, brick"),
        ({"observation_bias": {"select": "qvel.*", "set": 1}}, "matches nothing; valid: qpos.a, qpos.b, pulse, still"),
        ({"action_lag": {"select": "c", "set": 1}}, "'c' matches nothing; valid: a, b"),
    ],
)
def test_impossible_values_are_refused_by_name(parameters: Any, message: str) -> None:
    with pytest.raises(EnvsError, match=message):
        bench(parameters)


def test_signed_values_are_possible() -> None:
    signed = {"observation_bias": -1.0, "observation_drift": -0.1, "steady_force_z": -5.0, "action_scale": -1.0}
    env = bench({name: {"set": value} for name, value in signed.items()})
    seen = run(env, 2, np.ones((2, 2, 2)))
    np.testing.assert_allclose(seen[:, 0, 3], [2.0, 1.9, 1.8])
    np.testing.assert_allclose(env.physics.bind("ctrl"), -np.ones((2, 2)))
