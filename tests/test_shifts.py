"""Every shift is the nominal world at severity zero and another one at its default."""

from typing import Any

import numpy as np
import pytest

from envs import ENVS, SHIFTS, Domain, DomainVectorEnv, EnvsError, make_vec

NUM_STEPS = 100
NO_CONTACTS = {("cartpole_swingup", "slippery")}  # nothing to slip on: refused, not ignored
CASES = [(name, shift) for name in ENVS for shift in SHIFTS if (name, shift) not in NO_CONTACTS]


def build(name: str, domain: Domain | None) -> DomainVectorEnv:
    options: dict[str, Any] = {"terminate_when_unhealthy": False} if name == "hopper" else {}
    return make_vec(name, num_envs=2, num_threads=1, seed=1, domain=domain, **options)


def trajectory(env: DomainVectorEnv) -> np.ndarray:
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (NUM_STEPS, *env.action_space.shape)).astype(np.float32)
    return np.stack([env.reset()[0], *(env.step(action)[0] for action in actions)])


@pytest.mark.parametrize(("name", "shift"), CASES)
def test_severity_zero_is_bit_equal_to_nominal(name: str, shift: str) -> None:
    assert trajectory(build(name, SHIFTS[shift].domain(0))).tobytes() == trajectory(build(name, None)).tobytes()


@pytest.mark.parametrize(("name", "shift"), [case for case in CASES if case[1] != "nominal"])
def test_default_severity_moves_the_trajectory(name: str, shift: str) -> None:
    nominal = trajectory(build(name, None))
    shifted = trajectory(build(name, SHIFTS[shift].domain()))
    worse = trajectory(build(name, SHIFTS[shift].domain(SHIFTS[shift].severity / 2)))
    for other in (shifted, worse):
        assert np.abs(other - nominal).max(axis=(0, 2)).min() > 1e-3  # in every world
    assert (shifted != worse).any()


@pytest.mark.parametrize(("name", "shift"), sorted(NO_CONTACTS))
def test_a_shift_that_would_do_nothing_is_refused(name: str, shift: str) -> None:
    with pytest.raises(EnvsError, match="matches nothing"):
        build(name, SHIFTS[shift].domain())


@pytest.mark.parametrize("shift", SHIFTS)
def test_severity_out_of_range_is_refused(shift: str) -> None:
    highest = SHIFTS[shift].highest
    for severity in (-0.1, float("nan"), *([highest + 1] if np.isfinite(highest) else [])):
        with pytest.raises(EnvsError, match=rf"severity: must be >= 0 and <= {highest:g}, got "):
            SHIFTS[shift].domain(severity)


@pytest.mark.parametrize("shift", SHIFTS)
def test_every_shift_says_what_it_is(shift: str) -> None:
    row = SHIFTS[shift]
    assert row.summary
    assert "\n" not in row.summary
    assert ("severity: " in row.summary) == (shift != "nominal")
    assert row.domain() == row.domain(row.severity)
    assert row.domain().fidelity.describe() == "nominal"
    assert (row.domain().entries == ()) == (shift == "nominal")


@pytest.mark.parametrize(
    ("shift", "severity", "parameter", "effective"),
    [
        ("heavy", 0.5, "body_mass", 1.5),
        ("slippery", 0.6, "geom_friction", 0.4),
        ("damped", 1.0, "dof_damping", 2.0),
        ("weak", 0.3, "actuator_strength", 0.7),
    ],
)
def test_severity_counts_what_the_summary_says(shift: str, severity: float, parameter: str, effective: float) -> None:
    env, nominal = build("half_cheetah", SHIFTS[shift].domain(severity)), build("half_cheetah", None)
    env.reset()
    before, after = nominal.worlds.read(parameter), env.worlds.read(parameter)
    for key, default in before.items():
        np.testing.assert_allclose(after[key], default * effective, rtol=1e-12)


def test_severity_of_channels() -> None:
    for shift, severity, parameter in (("laggy", 5, "action_delay"), ("noisy", 0.2, "observation_noise")):
        env = build("hopper", SHIFTS[shift].domain(severity))
        env.reset()
        assert env.worlds.read(parameter)["*"].tolist() == [severity, severity]
    with pytest.raises(EnvsError, match="action_delay counts control steps"):
        SHIFTS["laggy"].domain(1.5)
