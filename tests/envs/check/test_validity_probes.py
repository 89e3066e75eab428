"""Every parameter is measured in what runs: right where it is right, and wrong where another value was intended."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from envs import PARAMETERS, Domain, make_vec
from envs.check.pairs.world_pair import WorldPair
from envs.check.probes.table import PROBES, read_back

# parameter -> environment, what the domain does, and another number that the probe must be able to tell from it
CASES: dict[str, tuple[str, dict[str, Any], Any]] = {
    "link_length": ("hopper", {"select": "foot", "scale": 1.3}, 1.5),
    "link_thickness": ("hopper", {"select": "foot", "scale": 1.3}, 1.5),
    "body_mass": ("hopper", {"select": "torso", "scale": 1.4}, 1.5),
    "body_inertia": ("hopper", {"select": "torso", "scale": 1.4}, 1.5),
    "payload": ("hopper", {"select": "torso", "set": 1.0}, 1.1),
    "body_com_x": ("half_cheetah", {"select": "torso", "set": 0.02}, 0.03),
    "body_com_y": ("half_cheetah", {"select": "torso", "set": 0.02}, 0.03),
    "body_com_z": ("half_cheetah", {"select": "torso", "set": 0.02}, 0.03),
    "geom_friction": ("half_cheetah", {"scale": 0.4}, 0.5),
    "contact_time_constant": ("half_cheetah", {"scale": 2.0}, 3.0),
    "contact_damping_ratio": ("half_cheetah", {"scale": 0.5}, 0.6),
    "dof_damping": ("half_cheetah", {"select": "bthigh", "scale": 2.0}, 2.1),
    "dof_frictionloss": ("half_cheetah", {"select": "bthigh", "set": 0.5}, 0.6),
    "dof_armature": ("half_cheetah", {"select": "bthigh", "set": 0.5}, 0.6),
    "joint_stiffness": ("half_cheetah", {"select": "bthigh", "scale": 0.5}, 0.6),
    "rest_pose": ("half_cheetah", {"select": "bthigh", "set": 0.2}, 0.3),
    "joint_range": ("half_cheetah", {"select": "bthigh", "scale": 0.5}, 0.6),
    "actuator_strength": ("half_cheetah", {"select": "bthigh", "scale": 0.5}, 0.6),
    "actuator_force_limit": ("half_cheetah", {"select": "bthigh", "scale": 0.5}, 0.6),
    "gravity": ("half_cheetah", {"scale": 0.5}, 0.6),
    "gravity_tilt_x": ("ant", {"set": 0.1}, 0.2),
    "gravity_tilt_y": ("half_cheetah", {"set": 0.1}, 0.2),
    "density": ("swimmer", {"scale": 0.5}, 0.6),
    "viscosity": ("swimmer", {"scale": 0.5}, 0.6),
    "wind_x": ("swimmer", {"set": 0.5}, 0.6),
    "action_repeat": ("half_cheetah", {"set": 3}, 2),
    "action_delay": ("half_cheetah", {"select": "b*", "set": 3}, 4),
    "action_jitter": ("half_cheetah", {"select": "bthigh", "set": 2}, 4),
    "action_quantisation": ("half_cheetah", {"select": "bthigh", "set": 0.25}, 0.125),
    "action_dead_zone": ("half_cheetah", {"select": "bthigh", "set": 0.2}, 0.1),
    "action_backlash": ("half_cheetah", {"select": "bthigh", "set": 0.2}, 0.1),
    "action_rate_limit": ("half_cheetah", {"select": "bthigh", "set": 0.2}, 0.1),
    "action_lag": ("half_cheetah", {"select": "bthigh", "set": 0.1}, 0.12),
    "action_scale": ("half_cheetah", {"select": "bthigh", "set": 0.8}, 0.9),
    "action_noise": ("half_cheetah", {"select": "bthigh", "set": 0.1}, 0.12),
    "observation_delay": ("half_cheetah", {"select": "qvel.*", "set": 3}, 2),
    "observation_jitter": ("half_cheetah", {"select": "qvel.*", "set": 2}, 4),
    "observation_scale": ("half_cheetah", {"select": "qvel.*", "set": 0.9}, 0.8),
    "observation_bias": ("half_cheetah", {"select": "qvel.*", "set": -0.1}, -0.2),
    "observation_drift": ("half_cheetah", {"select": "qvel.*", "set": 0.01}, 0.02),
    "observation_drift_noise": ("half_cheetah", {"select": "qvel.*", "set": 0.1}, 0.12),
    "observation_noise": ("half_cheetah", {"select": "qvel.*", "set": 0.1}, 0.12),
    "observation_saturation": ("half_cheetah", {"select": "qvel.*", "set": 0.5}, 0.4),
    "observation_quantisation": ("half_cheetah", {"select": "qvel.*", "set": 0.25}, 0.5),
    "observation_stuck": ("half_cheetah", {"set": 0.1}, 0.15),
    "observation_dropout": ("half_cheetah", {"set": 0.1}, 0.15),
    "steady_force_x": ("half_cheetah", {"select": "torso", "set": 5.0}, 6.0),
    "steady_force_y": ("half_cheetah", {"select": "torso", "set": 5.0}, 6.0),
    "steady_force_z": ("half_cheetah", {"select": "torso", "set": 5.0}, 6.0),
    "push_impulse": ("half_cheetah", {"select": "torso", "set": 5.0}, 6.0),
    "gust_force": ("half_cheetah", {"select": "torso", "set": 5.0}, 8.0),
    "control_jitter": ("half_cheetah", {"set": 0.2}, 0.3),
}
MASSES = {"body_inertia": "inertia of torso", "payload": "body_mass[torso]"}  # measured together
WITH = {  # lengths and intervals: measured beside what they belong to
    "observation_stuck_steps": ("observation_stuck", {"set": 0.05}, {"set": 4}, 5),
    "observation_dropout_steps": ("observation_dropout", {"set": 0.05}, {"set": 4}, 5),
    "push_interval": ("push_impulse", {"select": "torso", "set": 5.0}, {"set": 20}, 25),
}


def pair_of(env: str, domain: dict[str, Any], intended: dict[str, Any] | None = None) -> WorldPair:
    def make(parameters: dict[str, Any]) -> Any:
        return lambda num, seed: make_vec(
            env,
            num_envs=num,
            seed=seed,
            num_threads=1,
            max_episode_steps=None,
            domain=Domain.parse({"parameters": parameters}),
        )

    aim = None if intended is None else Domain.parse({"parameters": intended})
    return WorldPair.prepare(make({}), make(domain), 0, aim)


@pytest.mark.parametrize("name", CASES)
def test_a_parameter_is_measured_as_it_is(name: str) -> None:
    env, entry, other = CASES[name]
    right = read_back(pair_of(env, {name: entry}))
    assert [q for q in right if q.wrong] == []
    title = MASSES.get(name, f"{name}[")
    assert any(q.name.startswith(title) and q.known for q in right)
    operation = "set" if "set" in entry else "scale"
    wrong = read_back(pair_of(env, {name: entry}, {name: {**entry, operation: other}}))
    assert any(q.wrong for q in wrong)


@pytest.mark.parametrize("name", WITH)
def test_a_length_is_measured_as_it_is(name: str) -> None:
    partner, what, entry, other = WITH[name]
    right = read_back(pair_of("half_cheetah", {partner: what, name: entry}))
    assert [q for q in right if q.wrong] == []
    assert any(q.name.startswith(f"{name}[") and q.known for q in right)
    wrong = read_back(pair_of("half_cheetah", {partner: what, name: entry}, {partner: what, name: {"set": other}}))
    assert {q.name.partition("[")[0] for q in wrong if q.wrong} == {name}


def test_every_parameter_is_measured_or_read() -> None:
    without = set(PARAMETERS) - set(PROBES)
    assert without <= {"link_length", "link_thickness", "gust_time"}
    untried = {"geom_friction_spin", "geom_friction_roll", "servo_kp", "servo_kd", "wind_y", "wind_z"}
    assert set(PROBES) - set(CASES) - set(WITH) <= untried


def test_entries_that_nobody_named_are_watched() -> None:
    domain = {"observation_noise": {"select": "qvel.*", "set": 0.1}, "action_noise": {"select": "bthigh", "set": 0.1}}
    right = {q.name: q for q in read_back(pair_of("half_cheetah", domain))}
    assert not right["other observations"].wrong
    assert not right["other actions"].wrong
    narrow = {
        "observation_noise": {"select": "qvel.rootx", "set": 0.1},
        "action_noise": {"select": "bthigh", "set": 0.1},
    }
    wrong = {q.name: q for q in read_back(pair_of("half_cheetah", domain, narrow))}
    assert wrong["other observations"].wrong
    assert not wrong["other actions"].wrong


COMPOSED: dict[str, tuple[str, dict[str, Any]]] = {
    "a motor too weak for its limit": (
        "hopper",
        {"actuator_strength": {"scale": 0.5}, "actuator_force_limit": {"scale": 0.8}},
    ),
    "a limit that binds a strong motor": (
        "hopper",
        {"actuator_strength": {"scale": 2.0}, "actuator_force_limit": {"scale": 0.8}},
    ),
    "a centre of mass in a longer link": (
        "half_cheetah",
        {"link_length": {"select": "torso", "scale": 1.2}, "body_com_x": {"select": "torso", "set": 0.05}},
    ),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_parameters_that_share_an_object_are_not_mistaken(name: str) -> None:
    env, domain = COMPOSED[name]
    assert [q for q in read_back(pair_of(env, domain)) if q.wrong] == []


def test_worlds_that_differ_are_each_held_against_their_own_numbers() -> None:
    domain = {
        "body_mass": {"scale": {"uniform": [0.7, 1.3]}},
        "geom_friction": {"scale": {"uniform": [0.5, 1.5]}},
        "action_delay": {"set": {"choice": [0, 1, 3]}},
        "observation_noise": {"set": {"uniform": [0.01, 0.2]}},
        "actuator_strength": {"one_of": "*", "scale": 0.3},
    }
    pair = pair_of("half_cheetah", domain)
    assert len(pair.read_ids) > 1
    found = read_back(pair)
    assert [q for q in found if q.wrong] == []
    assert {q.name.partition("[")[0] for q in found if q.known} >= set(domain)
    delay = pair.expectation.values("action_delay")
    assert len(np.unique(delay)) == 3
