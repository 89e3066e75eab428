"""Contact forces, where they are asked for, are Gymnasium's."""

from typing import Any

import mujoco
import numpy as np
import pytest
from gymnasium_pairs import compare, copy_state, make_ours, make_theirs, random_actions

EULER = {"fidelity": {"integrator": "Euler"}}
FORCES: dict[str, dict[str, Any]] = {
    "ant": {"include_cfrc_ext_in_observation": True, "contact_cost_weight": 5e-4},
    "humanoid": {"include_cfrc_ext_in_observation": True, "contact_cost_weight": 5e-7},
    "humanoid_standup": {"include_cfrc_ext_in_observation": True, "impact_cost_weight": 5e-7},
}
BOUND = {"ant": "contact_force_range", "humanoid": "contact_cost_range", "humanoid_standup": "impact_cost_range"}
every_robot = pytest.mark.parametrize("name", FORCES)


def make_euler_pair(name: str, **options: Any) -> tuple[Any, Any]:
    ours, theirs = make_ours(name, domain=EULER, **options), make_theirs(name, **options)
    theirs.model.opt.integrator = mujoco.mjtIntegrator.mjINT_EULER
    return ours, theirs


@every_robot
def test_with_one_evaluation_a_step_they_equal_gymnasiums(name: str) -> None:
    options = {**FORCES[name], BOUND[name]: (-2.0, 3.0)}
    ours, theirs = make_euler_pair(name, **options)
    actions = random_actions(ours, 1000, 0)
    worst, _ = compare(ours, [theirs], actions, starts=False)
    assert worst <= 1e-10
    ours.reset()
    forces = [ours.step(action)[0][0, -13 * 6 :] for action in actions[:100]]
    assert np.abs(forces).max() >= 1  # there is contact


@every_robot
def test_at_the_start_they_are_those_of_the_initial_state(name: str) -> None:
    """Gymnasium observes zeros there, until its first step."""
    ours, theirs = make_euler_pair(name, **FORCES[name])
    obs, _ = ours.reset()
    copy_state(ours, theirs)
    mujoco.mj_rnePostConstraint(theirs.model, theirs.data)
    np.testing.assert_allclose(obs[0], theirs._get_obs(), rtol=0, atol=1e-10)


@every_robot
def test_the_cost_alone_computes_them_too(name: str) -> None:
    weight = next(key for key in FORCES[name] if key.endswith("weight"))
    cost = {"ant": "reward_contact", "humanoid": "reward_contact", "humanoid_standup": "reward_impact"}[name]
    options = {weight: 0.01, "include_cfrc_ext_in_observation": False}
    ours, theirs = make_euler_pair(name, **options)
    ours.reset()
    copy_state(ours, theirs)
    costs = []
    for action in random_actions(ours, 100, 1):
        _, _, terminated, _, infos = ours.step(action)
        expected = theirs.step(action[0])[4][cost]
        costs.append((infos["final_info"] if terminated[0] else infos)[cost][0])
        assert costs[-1] == pytest.approx(expected, rel=1e-12, abs=1e-12)
        if terminated[0]:
            copy_state(ours, theirs)
    assert min(costs) < 0


@every_robot
def test_computing_them_changes_nothing_else(name: str) -> None:
    plain, with_forces = make_ours(name, 4), make_ours(name, 4, **FORCES[name])
    obs, more = plain.reset()[0], with_forces.reset()[0]
    for action in random_actions(plain, 100, 2):
        np.testing.assert_array_equal(more[:, : obs.shape[1]], obs)
        obs, _, terminated, _, _ = plain.step(action)
        more, _, also_terminated, _, _ = with_forces.step(action)
        np.testing.assert_array_equal(terminated, also_terminated)


def test_without_them_nothing_of_the_kind_is_computed_or_charged() -> None:
    env = make_ours("ant", 4)
    assert env.physics.model.nsensor == 0
    env.reset()
    for action in random_actions(env, 50, 0):
        assert not env.step(action)[4]["reward_contact"].any()
