"""The stages of signals against closed forms."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from envs.channels.delay import Delay
from envs.channels.drift import Drift
from envs.channels.events import Dropout, Events, Stuck
from envs.channels.noise import Noise
from envs.channels.pointwise import (
    Pointwise,
    compute_bias,
    compute_dead_zone,
    compute_gain,
    compute_quantisation,
    compute_saturation,
)
from envs.channels.recursive import Recursive, compute_backlash, compute_lag, compute_rate_limit
from envs.channels.repeat import Repeat
from envs.domain.streams import EpisodeStreams, StepNoise

N, DIM = 4, 3
signals = arrays(np.float64, (N, DIM), elements=st.floats(-1e3, 1e3))
sizes = arrays(np.float64, (N, DIM), elements=st.floats(0, 10))
sequences = arrays(np.float64, (12, N, DIM), elements=st.floats(-10, 10))
fast = settings(max_examples=60, deadline=None)


@fast
@given(signals, sizes)
def test_pointwise_closed_forms(x: np.ndarray, value: np.ndarray) -> None:
    np.testing.assert_array_equal(compute_gain(x, value), value * x)
    np.testing.assert_array_equal(compute_bias(x, -value), x - value)
    np.testing.assert_array_equal(compute_saturation(x, value), np.clip(x, -value, value))
    closed = np.sign(x) * np.maximum(np.abs(x) - value, 0.0)
    np.testing.assert_array_equal(compute_dead_zone(x, value), closed)


@fast
@given(signals, arrays(np.float64, (N, DIM), elements=st.floats(1e-3, 10)))
def test_quantised_values_are_the_nearest_on_the_grid(x: np.ndarray, step: np.ndarray) -> None:
    out = compute_quantisation(x, step)
    assert (np.abs(out - x) <= step / 2 * (1 + 1e-9)).all()
    np.testing.assert_allclose(out / step, np.rint(out / step), atol=1e-9)
    np.testing.assert_array_equal(compute_quantisation(np.array([[0.5, 1.5, -0.6]]), np.ones((1, 3))), [[0, 2, -1]])


@fast
@given(signals)
def test_ideal_values_change_no_bit(x: np.ndarray) -> None:
    zero, one, never = np.zeros((N, DIM)), np.ones((N, DIM)), np.full((N, DIM), np.inf)
    for function, ideal in (
        (compute_gain, one),
        (compute_bias, zero),
        (compute_saturation, never),
        (compute_quantisation, zero),
        (compute_dead_zone, zero),
    ):
        np.testing.assert_array_equal(function(x, ideal), x)
    for recursive, ideal in (
        (compute_backlash, zero),
        (compute_rate_limit, never),
        (partial(compute_lag, dt=0.02), zero),
    ):
        np.testing.assert_array_equal(recursive(x, x[::-1] * 3, ideal), x)


@fast
@given(sequences, sizes)
def test_backlash_is_the_play_operator(x: np.ndarray, width: np.ndarray) -> None:
    stage = Recursive(width, N, DIM, compute_backlash)
    last = np.zeros((N, DIM))
    for rows in x:
        out = stage(rows)
        inside = np.abs(rows - last) <= width / 2
        np.testing.assert_array_equal(out[inside], last[inside])  # within the play nothing moves
        np.testing.assert_allclose(np.abs(rows - out)[~inside], width[~inside] / 2, atol=1e-12)  # else its end does
        last = out


def test_backlash_loop_is_as_wide_as_the_play() -> None:
    stage = Recursive(np.full((1, 1), 0.5), 1, 1, compute_backlash)
    sweep = np.concatenate((np.linspace(0, 2, 81), np.linspace(2, -2, 161), np.linspace(-2, 2, 161)))
    out = np.array([stage(np.full((1, 1), x))[0, 0] for x in sweep])
    down, up = out[81:242], out[242:]
    middle = 80  # both sweeps pass zero there
    assert down[middle] == pytest.approx(0.25)
    assert up[middle] == pytest.approx(-0.25)
    assert out.max() == pytest.approx(1.75)


@fast
@given(sequences, sizes)
def test_rate_limit(x: np.ndarray, largest: np.ndarray) -> None:
    stage = Recursive(largest, N, DIM, compute_rate_limit)
    last = np.zeros((N, DIM))
    for rows in x:
        out = stage(rows)
        np.testing.assert_allclose(out, last + np.clip(rows - last, -largest, largest), atol=1e-12)
        last = out


@pytest.mark.parametrize(("tau", "dt"), [(0.1, 0.02), (0.01, 0.05), (3.0, 0.008)])
def test_lag_step_response(tau: float, dt: float) -> None:
    stage = Recursive(np.full((2, 1), tau), 2, DIM, partial(compute_lag, dt=dt))
    out = np.stack([stage(np.ones((2, DIM))) for _ in range(50)])
    exact = 1 - np.exp(-np.arange(1, 51) * dt / tau)
    np.testing.assert_allclose(out, np.broadcast_to(exact[:, None, None], out.shape), rtol=1e-12)


@pytest.mark.parametrize("period", [1, 2, 5])
def test_repeat_takes_every_nth_row(period: int) -> None:
    stage = Repeat(np.array([[1.0], [period]]), 2, DIM)
    x = np.random.default_rng(0).normal(size=(23, 2, DIM))
    out = np.stack([stage(rows) for rows in x])
    np.testing.assert_array_equal(out[:, 0], x[:, 0])
    np.testing.assert_array_equal(out[:, 1], x[np.arange(23) // period * period, 1])
    stage.restart(np.array([1]), np.zeros((1, DIM)))
    np.testing.assert_array_equal(stage(x[3]), x[3])  # a new episode takes its first row


def delayed(delay: Any, jitter: Any = None, longest: int = 9) -> Delay:
    most = np.broadcast_to(np.asarray(0 if jitter is None else jitter, np.float64), (N, DIM))
    noise = None if jitter is None else StepNoise(0, "action_jitter")
    return Delay(np.broadcast_to(np.asarray(delay, np.float64), (N, DIM)), most, noise, N, DIM, longest)


def test_delay_by_impulse_response_per_entry() -> None:
    delay = np.random.default_rng(0).integers(0, 10, (N, DIM))
    stage = delayed(delay)
    for start in (0, 14):  # the ring has come round meanwhile
        stage.restart(np.arange(N), np.zeros((N, DIM)))
        out = np.stack([stage(np.full((N, DIM), float(step == start))) for step in range(30)])
        assert (out.sum(axis=0) == 1).all()
        np.testing.assert_array_equal(out.argmax(axis=0), start + delay)


def test_jitter_is_uniform_and_each_entry_has_its_own() -> None:
    jitter = np.array([[0, 1, 3], [1, 6, 0], [3, 3, 3], [6, 0, 2]])
    delay = np.array([0, 1, 3])
    stage = delayed(delay, jitter)
    out = np.stack([stage(np.full((N, DIM), float(step))) for step in range(6000)])[20:]
    extra = (np.arange(20, 6000)[:, None, None] - out - delay).astype(int)
    for place, most in np.ndenumerate(jitter):
        counts = np.bincount(extra[:, *place])
        assert len(counts) == most + 1
        if most:
            assert stats.chisquare(counts).pvalue > 1e-3
    one, two = extra[:, 2, :2].T
    pairs = np.bincount(4 * one + two)
    assert len(pairs) == 16
    assert stats.chisquare(pairs).pvalue > 1e-3  # independent of each other


def test_jitter_does_not_depend_on_the_number_of_worlds() -> None:
    signal = np.arange(40.0)
    few, many = (
        Delay(np.zeros((n, DIM)), np.full((n, DIM), 3.0), StepNoise(0, "observation_jitter"), n, DIM, 3) for n in (2, 7)
    )
    for value in signal:
        np.testing.assert_array_equal(few(np.full((2, DIM), value)), many(np.full((7, DIM), value))[:2])


def test_noise_sd_per_entry_first_and_later() -> None:
    sd = np.array([[0.1, 0.5, 2.0]])
    num = 4000
    stage = Noise(np.tile(sd, (num, 1)), StepNoise(0, "observation_noise"))
    draws = EpisodeStreams(0, num).next_episode(np.arange(num))
    zeros = np.zeros((num, DIM))
    for rows in (stage.first(np.arange(num), zeros, draws), stage(zeros)):
        np.testing.assert_allclose(rows.std(axis=0), sd[0], rtol=0.05)
        assert (np.abs(rows.mean(axis=0)) < 4 * sd[0] / np.sqrt(num)).all()


def test_drift_is_linear_and_its_noise_walks() -> None:
    num = 3000
    line = Drift(np.tile([0.1, 0.0, -2.0], (num, 1)), np.zeros((num, DIM)), None, num, DIM)
    noise = StepNoise(0, "observation_drift_noise")
    walk = Drift(np.zeros((num, DIM)), np.tile([0.1, 0.0, 2.0], (num, 1)), noise, num, DIM)
    rows = np.ones((num, DIM))
    for stage in (line, walk):
        np.testing.assert_array_equal(stage.first(np.arange(num), rows, None), rows)  # type: ignore[arg-type]
    lines, walks = (np.stack([stage(rows) for _ in range(25)]) - 1 for stage in (line, walk))
    steps = np.arange(1, 26)[:, None]
    np.testing.assert_allclose(lines[:, 7], steps * [0.1, 0.0, -2.0], atol=1e-12)
    np.testing.assert_allclose(walks.std(axis=1), np.sqrt(steps) * [0.1, 0.0, 2.0], rtol=0.05)
    line.restart(np.array([3]), rows[:1])
    again = line(rows)
    np.testing.assert_allclose(again[[3, 4], 0], [1.1, 3.6])


def events(probability: float, length: int, num: int, channel: str) -> Events:
    return Events(np.full((num, DIM), probability), np.full((num, DIM), float(length)), StepNoise(1, channel))


@pytest.mark.parametrize(("probability", "length"), [(0.01, 1), (0.05, 5), (0.1, 10), (0.5, 2)])
@pytest.mark.parametrize("kind", ["observation_dropout", "observation_stuck"])
def test_event_frequencies_and_run_lengths(kind: str, probability: float, length: int) -> None:
    num, steps = 150, 400
    befall = events(probability, length, num, kind)
    stage = Dropout(befall) if kind == "observation_dropout" else Stuck(befall)
    signal = 1.0 + np.arange(steps + 1)  # never 0, never the same twice
    draws = EpisodeStreams(0, num).next_episode(np.arange(num))
    out = [stage.first(np.arange(num), np.full((num, DIM), signal[0]), draws)]
    out += [stage(np.full((num, DIM), x)) for x in signal[1:]]
    rows = np.stack(out)[1:]
    hit = rows != signal[1:, None, None]
    flat = hit.reshape(steps, -1).T
    edges = np.diff(np.pad(flat, ((0, 0), (1, 1))).astype(int), axis=1)
    begins, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    inner = (begins[:, 1] > 0) & (ends[:, 1] < steps)
    runs = (ends[:, 1] - begins[:, 1])[inner]
    assert (runs % length == 0).all()  # an event may follow another at once, but never cuts it short
    assert runs.min() == length
    share = probability * length / (probability * length + 1 - probability)
    late = flat[:, 5 * length :]  # an episode starts without events under way
    assert late.mean() == pytest.approx(share, rel=0.05)
    # A run is k events long with probability p^(k-1) (1 - p).
    assert (runs // length).mean() == pytest.approx(1 / (1 - probability), rel=0.05)
    begin = (~flat[:, :-1] & flat[:, 1:]).sum() / (~flat[:, :-1]).sum()
    assert begin == pytest.approx(probability, rel=0.06)
    if kind == "observation_stuck":  # what is shown is the last reading before the run
        frozen = rows.reshape(steps, -1).T
        world, at = begins[begins[:, 1] > 0].T
        np.testing.assert_array_equal(frozen[world, at], signal[at])
    else:
        assert (rows[hit] == 0).all()


def test_an_event_may_begin_at_the_first_reading() -> None:
    num = 3000
    draws = EpisodeStreams(0, num).next_episode(np.arange(num))
    stage = Dropout(events(0.2, 3, num, "observation_dropout"))
    first = stage.first(np.arange(num), np.ones((num, DIM)), draws)
    assert (first == 0).mean() == pytest.approx(0.2, rel=0.05)
    lost = first == 0
    for _ in range(2):
        assert (stage(np.ones((num, DIM)))[lost] == 0).all()
    assert (stage(np.ones((num, DIM)))[lost] == 0).mean() == pytest.approx(0.2, rel=0.1)


def stages() -> dict[str, Any]:
    half = np.full((N, DIM), 0.5)
    return {
        "gain": Pointwise(half, compute_gain),
        "bias": Pointwise(half, compute_bias),
        "saturation": Pointwise(half, compute_saturation),
        "quantisation": Pointwise(half, compute_quantisation),
        "dead_zone": Pointwise(half, compute_dead_zone),
        "backlash": Recursive(half, N, DIM, compute_backlash),
        "rate_limit": Recursive(half, N, DIM, compute_rate_limit),
        "lag": Recursive(half, N, DIM, partial(compute_lag, dt=0.1)),
        "repeat": Repeat(np.full((N, 1), 2.0), N, DIM),
        "delay": delayed(2, np.full((N, DIM), 2.0)),
        "noise": Noise(half, StepNoise(0, "action_noise")),
        "drift": Drift(half, half, StepNoise(0, "observation_drift_noise"), N, DIM),
        "dropout": Dropout(events(0.3, 2, N, "observation_dropout")),
        "stuck": Stuck(events(0.3, 2, N, "observation_stuck")),
    }


@pytest.mark.parametrize("name", stages())
@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_in_its_world_and_ends_with_the_episode(name: str, poison: float) -> None:
    sick, sound = stages()[name], stages()[name]
    x = np.random.default_rng(0).normal(size=(20, N, DIM))
    bad = x.copy()
    bad[3, 1] = poison
    with np.errstate(invalid="ignore"):
        for rows, clean in zip(bad[:6], x[:6], strict=True):
            before = rows.copy()
            out, expected = sick(rows), sound(clean)
            np.testing.assert_array_equal(rows, before)  # the input is left as it is
            np.testing.assert_array_equal(out[[0, 2, 3]], expected[[0, 2, 3]])
            assert not np.shares_memory(out, rows)
    for stage in (sick, sound):
        stage.restart(np.array([1]), np.zeros((1, DIM)))
    for clean in x[6:]:
        out, expected = sick(clean), sound(clean)
        assert np.isfinite(out).all()
        np.testing.assert_array_equal(np.delete(out, 1, 0), np.delete(expected, 1, 0))


@pytest.mark.parametrize("name", stages())
def test_a_stage_continues_from_its_state(name: str) -> None:
    original = stages()[name]
    x = np.random.default_rng(0).normal(size=(15, N, DIM))
    for rows in x[:6]:
        original(rows)
    state = original.get_state()
    noise = getattr(original, "_noise", None) or getattr(getattr(original, "_events", None), "_noise", None)
    drawn = None if noise is None else noise.get_state()
    expected = [original(rows) for rows in x[6:]]
    fresh = stages()[name]
    fresh.set_state(state)
    if drawn is not None:
        (getattr(fresh, "_noise", None) or fresh._events._noise).set_state(drawn)
    np.testing.assert_array_equal([fresh(rows) for rows in x[6:]], expected)
