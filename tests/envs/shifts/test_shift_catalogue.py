"""The rows of SHIFTS: severities, levels, and the numbers of the benchmarks they come from."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from envs import PARAMETERS, SHIFTS, Domain, EnvsError, Shift, make_vec
from envs.shifts.rrls import BOXES
from envs.shifts.shift import nearest_count
from envs.worlds.morphology import is_morphology

SHIFTED = [name for name in SHIFTS if name != "nominal"]


def env_of(row: Shift) -> str:
    """Return an environment the shift is made for."""
    return "walker2d" if callable(row.parameters) else next(iter(row.parameters))


def values(name: str, severity: float | str | None, env: str = "hopper") -> dict[str, dict[str, list[float]]]:
    """Return parameter -> object -> effective values (num_envs,) of a shift's worlds."""
    worlds = make_vec(env, num_envs=64, seed=0, num_threads=1, domain=SHIFTS[name].domain(severity, env))
    worlds.reset()
    names = {e.parameter for e in worlds.domain.entries}
    return {p: {k: v.tolist() for k, v in worlds.worlds.read(p).items()} for p in names}


@pytest.mark.parametrize("shift", SHIFTS)
def test_every_shift_says_what_it_is(shift: str) -> None:
    row, env = SHIFTS[shift], env_of(SHIFTS[shift])
    assert row.summary
    assert "\n" not in row.summary
    assert ("severity: " in row.summary) == (shift != "nominal")
    assert row.domain(env=env) == row.domain(row.severity, env)
    assert row.domain(env=env).fidelity.describe() == "nominal"
    assert (row.domain(env=env).entries == ()) == (shift == "nominal")
    assert 0 < row.severity <= row.highest or shift == "nominal"


@pytest.mark.parametrize("shift", SHIFTS)
def test_severity_out_of_range_is_refused(shift: str) -> None:
    row = SHIFTS[shift]
    for severity in (-0.1, float("nan"), *([row.highest + 1] if np.isfinite(row.highest) else [])):
        with pytest.raises(EnvsError, match=rf"severity: must be >= 0 and <= {row.highest:g}, got "):
            row.domain(severity, env_of(row))
    if row.integer:
        with pytest.raises(EnvsError, match=r"severity: counts whole steps; must be an integer, got 1\.5"):
            row.domain(1.5, env_of(row))


@pytest.mark.parametrize("shift", SHIFTED)
def test_levels_exist_and_grow(shift: str) -> None:
    row, env = SHIFTS[shift], env_of(SHIFTS[shift])
    severities = list(row.levels.values())
    assert severities == sorted(set(severities))
    for level, severity in row.levels.items():
        assert row.number(level) == severity
        assert row.domain(level, env) == row.domain(severity, env)
    with pytest.raises(EnvsError, match=r"severity: unknown level 'hrad'.*valid: .*; or a number"):
        row.domain("hrad", env)


@pytest.mark.parametrize("shift", SHIFTS)
def test_mapping_reads_back(shift: str) -> None:
    row = SHIFTS[shift]
    for env in [None] if callable(row.parameters) else row.parameters:
        for severity in (0, None, min(row.highest, 2 * row.severity)):
            domain = row.domain(severity, env)
            assert Domain.parse(domain.to_mapping()) == domain


@pytest.mark.parametrize("shift", [s for s in SHIFTED if not SHIFTS[s].integer])
def test_severities_near_zero_are_near_nominal(shift: str) -> None:
    """No part jumps where the severity starts."""
    env = env_of(SHIFTS[shift])
    domain = SHIFTS[shift].domain(1e-6, env)
    if any(is_morphology(entry) for entry in domain.entries):
        with pytest.raises(EnvsError, match=r"changes nothing, as builds go in steps of 0\.01"):
            make_vec(env, num_envs=1, num_threads=1, domain=domain)
        return
    worlds = make_vec(env, num_envs=1, seed=0, num_threads=1, domain=domain)
    for entry in worlds.domain.entries:
        if entry.parameter.endswith(("_steps", "_interval")):
            continue  # lengths and intervals do nothing alone
        ideal = float(PARAMETERS[entry.parameter].default(worlds.worlds.nominal)[0])
        low, high = entry.support()
        if np.isinf(ideal):  # a limit: so far away that it never binds
            assert low > 1e3
            continue
        neutral = {"scale": 1.0, "add": 0.0, "set": ideal}[entry.operation]
        assert neutral - 1e-4 <= low <= high <= neutral + 1e-4, entry


def test_a_shift_of_some_environments_names_them() -> None:
    with pytest.raises(EnvsError, match=r"matches nothing in environment 'reacher'; valid: .*hopper"):
        SHIFTS["rrls_3"].domain(env="reacher")
    with pytest.raises(EnvsError, match="matches nothing in an environment that is not named; valid: "):
        SHIFTS["rrls_3"].domain()


@pytest.mark.parametrize(
    ("shift", "severity", "parameter", "effective"),
    [
        ("heavy", 0.5, "body_mass", 1.5),
        ("slippery", 0.6, "geom_friction", 0.4),
        ("damped", 1.0, "dof_damping", 2.0),
        ("weak", 0.3, "actuator_strength", 0.7),
        ("odrl_friction_low", "x0.1", "geom_friction", 0.1),
        ("odrl_friction_low", "x0.5", "geom_friction", 0.5),
        ("odrl_friction_high", "x2", "geom_friction", 2.0),
        ("odrl_friction_high", "x5", "geom_friction", 5.0),
        ("odrl_gravity_low", "x0.1", "gravity", 0.1),
        ("odrl_gravity_low", "x0.5", "gravity", 0.5),
        ("odrl_gravity_high", "x2", "gravity", 2.0),
        ("odrl_gravity_high", "x5", "gravity", 5.0),
        ("odrl_kinematic", "easy", "joint_range", 0.8),
        ("odrl_kinematic", "medium", "joint_range", 0.5),
        ("odrl_kinematic", "hard", "joint_range", 0.2),
        ("unmodelled_inertia", None, "body_inertia", 1.2),
        ("unmodelled_armature", None, "dof_armature", 1.2),
        ("unmodelled_gravity", None, "gravity", 1.2),
        ("unmodelled_contact", None, "contact_time_constant", 1.2),
    ],
)
def test_severity_scales_what_the_summary_says(
    shift: str, severity: float | str | None, parameter: str, effective: float
) -> None:
    nominal = make_vec("half_cheetah", num_envs=64, seed=0, num_threads=1)
    nominal.reset()
    after = values(shift, severity, "half_cheetah")[parameter]
    for key, default in nominal.worlds.read(parameter).items():
        np.testing.assert_allclose(after[key], default * effective, rtol=1e-9)


@pytest.mark.parametrize(
    ("level", "delay", "noise", "probability", "length", "repeat"),
    [("easy", 3, 0.1, 0.01, 1, 1), ("medium", 6, 0.3, 0.05, 5, 2), ("hard", 9, 1.0, 0.1, 10, 3)],
)
def test_levels_of_the_real_world_suite(
    level: str, delay: int, noise: float, probability: float, length: int, repeat: int
) -> None:
    expected = {
        "rwrl_action_delay": {"action_delay": delay},
        "rwrl_observation_delay": {"observation_delay": delay},
        "rwrl_action_noise": {"action_noise": noise},
        "rwrl_observation_noise": {"observation_noise": noise},
        "rwrl_dropout": {"observation_dropout": probability, "observation_dropout_steps": length},
        "rwrl_stuck": {"observation_stuck": probability, "observation_stuck_steps": length},
        "rwrl_action_repeat": {"action_repeat": repeat},
    }
    expected["rwrl_combined"] = {k: v for parameters in expected.values() for k, v in parameters.items()}
    for shift, parameters in expected.items():
        found = values(shift, level)
        assert found.keys() == parameters.keys()
        for parameter, value in parameters.items():
            assert all(set(v) == {value} for v in found[parameter].values()), (shift, parameter)


@pytest.mark.parametrize("env", BOXES)
def test_boxes_of_rrls_are_reached_in_kilograms(env: str) -> None:
    found = values(f"rrls_{len(BOXES[env])}", 1.0, env)
    half = values(f"rrls_{len(BOXES[env])}", 0.5, env)
    nominal = make_vec(env, num_envs=1, num_threads=1).worlds.nominal
    for parameter, select, value, low, high in BOXES[env]:
        if parameter == "body_mass":
            assert nominal.model.body(select).mass[0] == pytest.approx(value, rel=1e-12)
            drawn, middle = np.array(found[parameter][select]), np.array(half[parameter][select])
        else:
            assert nominal.model.geom("floor").friction[0] == value
            ratio = [v / d for v, d in zip(found[parameter].values(), _friction(env), strict=True)]
            assert np.ptp(ratio, axis=0).max() < 1e-12  # one number for all
            drawn = ratio[0] * value
            middle = np.array(next(iter(half[parameter].values()))) / _friction(env)[0] * value
        assert low <= drawn.min() <= low + 0.15 * (high - low)
        assert high - 0.15 * (high - low) <= drawn.max() <= high
        assert (low + value) / 2 <= middle.min()
        assert middle.max() <= (high + value) / 2


def _friction(env: str) -> list[np.ndarray]:
    worlds = make_vec(env, num_envs=64, seed=0, num_threads=1)
    worlds.reset()
    return list(worlds.worlds.read("geom_friction").values())


def test_schedules_move_within_the_episode_and_stay_within_their_reach() -> None:
    rng = np.random.default_rng(0)
    for kind in ("walk", "drift", "cycle", "saw"):
        worlds = make_vec(
            "half_cheetah", num_envs=3, seed=0, num_threads=1, domain=SHIFTS[f"rwrl_mass_{kind}"].domain(0.4)
        )
        worlds.reset()
        scale = []
        for _ in range(110):
            worlds.step(rng.uniform(-1, 1, (3, 6)).astype(np.float32))
            scale.append(worlds.worlds.read("body_mass")["torso"] / worlds.worlds.nominal.model.body("torso").mass[0])
        path = np.stack(scale)
        low = 0.6 if kind == "walk" else 1.0
        assert low - 1e-9 <= path.min()
        assert path.max() <= 1.4 + 1e-9
        assert np.ptp(path, axis=0).min() > 0.3
        assert (np.ptp(path, axis=1).max() > 0.05) == (kind == "walk")  # worlds differ where it is random


@pytest.mark.parametrize("shift", ["worn", "cold", "payload", "cheap_sensors", "long_cable", "new_floor"])
def test_composed_stand_ins_touch_physics_actuators_and_sensors(shift: str) -> None:
    names = {e.parameter for e in SHIFTS[shift].domain().entries}
    sensors = {n for n in names if n.startswith("observation_")}
    actuators = {n for n in names if n.startswith(("action_", "actuator_"))}
    assert sensors
    assert actuators
    assert names - sensors - actuators
    assert len(SHIFTS[shift].domain(3.0).entries) == len(names)


OF_JOINTS = {
    "rubbing": "dof_frictionloss",
    "springy": "joint_stiffness",
    "worn": "dof_frictionloss",
    "cold": "dof_damping",
    "damped": "dof_damping",
    "unmodelled_armature": "dof_armature",
    "odrl_kinematic": "joint_range",
}
FLOATING = {
    "hopper": ("rootx", "rootz", "rooty"),
    "ant": ("root",),
    "swimmer": ("slider1", "slider2", "free_body_rot"),
    "reacher": ("target_x", "target_y"),
    "pusher": ("obj_slidey", "obj_slidex", "goal_slidey", "goal_slidex"),
}


@pytest.mark.parametrize("env", FLOATING)
@pytest.mark.parametrize(("shift", "parameter"), OF_JOINTS.items())
def test_shifts_of_joints_leave_alone_how_the_robot_floats(env: str, shift: str, parameter: str) -> None:
    nominal = make_vec(env, num_envs=1, num_threads=1).worlds.read(parameter)
    if env == "swimmer" and shift in ("worn", "cold", "damped"):  # its joints have no damping to scale
        with pytest.raises(EnvsError, match="changes nothing, as the default is 0"):
            values(shift, None, env)
        return
    after = values(shift, None, env)[parameter]
    changed = {name for name in nominal if after[name][0] != nominal[name][0]}
    assert changed
    assert not changed & set(FLOATING[env])


def test_a_springy_hopper_is_not_tied_to_where_it_started() -> None:
    worlds = make_vec("hopper", num_envs=1, seed=0, num_threads=1, domain=SHIFTS["springy"].domain())
    worlds.reset()
    model, data = worlds.physics.world(0)
    data.qpos[:] += 0.3
    data.qpos[0] = 10.0
    mujoco.mj_forward(model, data)
    np.testing.assert_array_equal(data.qfrc_spring[:3], 0)
    np.testing.assert_allclose(data.qfrc_spring[3:], -5.0 * (data.qpos[3:] - model.qpos_spring[3:]))


def test_counts_grow_evenly_with_the_severity() -> None:
    """Python's round would give 0, 2, 2 for a half, one and a half and two and a half."""
    severities = (0, 0.4, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
    expected = [0, 0, 1, 1, 2, 2, 3, 3]
    assert [nearest_count(s) for s in severities] == expected
    for shift, parameters in {
        "long_cable": ("action_delay", "action_jitter", "observation_delay"),
        "cheap_sensors": ("observation_delay",),
    }.items():
        for parameter in parameters:
            assert [_constant(shift, s, parameter) for s in severities] == expected
    assert [_constant("jittery", s, "action_jitter") for s in (0.1, 0.125, 0.375, 0.5)] == [0, 1, 2, 2]
    assert [_constant("rwrl_combined", s, "action_repeat") for s in (0.5, 1.5, 2.5)] == [1, 2, 3]
    assert [_constant("rwrl_combined", s, "action_delay") for s in (0.5, 1.5, 2.5)] == [2, 5, 8]


def _constant(shift: str, severity: float, parameter: str) -> float:
    (entry,) = (e for e in SHIFTS[shift].domain(severity).entries if e.parameter == parameter)
    low, high = entry.support()
    assert low == high
    return low
