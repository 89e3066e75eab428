"""Groups of objects, and entries that apply to one object of several."""

from typing import Any

import mujoco
import numpy as np
import pytest
from bench_worlds import bench

from envs import ENVS, DomainVectorEnv, EnvsError, make_vec
from envs.domain.selection import matching
from envs.physics.nominal import GROUPS, Nominal


def build(name: str, parameters: dict[str, Any], num_envs: int = 2, **kwargs: Any) -> DomainVectorEnv:
    env = make_vec(name, num_envs=num_envs, num_threads=1, domain={"parameters": parameters}, **{"seed": 0, **kwargs})
    env.reset(seed=0)
    return env


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("hopper", "torso"),
        ("half_cheetah", "torso"),
        ("ant", "torso"),
        ("humanoid", "torso"),
        ("reacher", "body0"),
        ("pusher", "r_shoulder_pan_link"),
    ],
)
def test_base_is_the_trunk(name: str, base: str) -> None:
    env = build(name, {"body_mass": {"select": "@base", "scale": 2}})
    before = make_vec(name, num_envs=1, num_threads=1).worlds.read("body_mass")
    after = env.worlds.read("body_mass")
    assert {k for k in after if after[k][0] != before[k][0]} == {base}


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [
        (
            "walker2d",
            {"thigh_left_joint", "leg_left_joint", "foot_left_joint"},
            {"thigh_joint", "leg_joint", "foot_joint"},
        ),
        ("ant", {"hip_1", "ankle_1", "hip_2", "ankle_2"}, {"hip_3", "ankle_3", "hip_4", "ankle_4"}),
    ],
)
def test_left_and_right_motors(name: str, left: set[str], right: set[str]) -> None:
    strengths = [{"select": "@left", "scale": 0.8}, {"select": "@right", "scale": 1.1}]
    read = build(name, {"actuator_strength": strengths}).worlds.read("actuator_strength")
    assert {k for k, v in read.items() if v[0] == 0.8} == left
    assert {k for k, v in read.items() if v[0] == 1.1} == right


def test_humanoids_sides_are_those_of_its_names() -> None:
    read = build("humanoid", {"actuator_strength": {"select": "@left", "scale": 0.5}}).worlds.read("actuator_strength")
    weak = {k for k, v in read.items() if v[0] == 0.5}
    assert weak == {k for k in read if "left" in k}


FLOATING = {
    "hopper": {"rootx", "rootz", "rooty"},
    "walker2d": {"rootx", "rootz", "rooty"},
    "half_cheetah": {"rootx", "rootz", "rooty"},
    "swimmer": {"slider1", "slider2", "free_body_rot"},
    "ant": {"root"},
    "humanoid": {"root"},
    "quadruped": {"root"},
    "humanoid_standup": {"root"},
    "reacher": {"target_x", "target_y"},
    "pusher": {"obj_slidey", "obj_slidex", "goal_slidey", "goal_slidex"},
}


@pytest.mark.parametrize("name", ENVS)
def test_joints_are_those_of_the_robot(name: str) -> None:
    """Neither those by which it floats nor those of what lies about; a driven slide of a cart is one."""
    stiffness = build(name, {"joint_stiffness": {"select": "@joints", "add": 7.0}}).worlds.read("joint_stiffness")
    nominal = make_vec(name, num_envs=1, num_threads=1).worlds.read("joint_stiffness")
    assert {k for k, v in stiffness.items() if v[0] != nominal[k][0] + 7} == FLOATING.get(name, set())


ODD = """
<mujoco><worldbody>
  <body name="block"><freejoint name="away"/><geom size=".1"/><body><joint name="lid"/><geom size=".1"/></body></body>
  <body name="rail"><joint name="loose" type="slide"/><geom size=".1"/>
    <body><body><joint name="height" type="slide"/><joint name="tilt"/><geom size=".1"/>
      <body name="box[0]"><joint name="elbow"/><geom size=".1"/></body></body></body></body>
  <body name="box0"><joint name="shoulder"/><geom size=".1"/>
    <body><joint name="spring" type="slide"/><geom size=".1"/></body></body>
</worldbody><actuator>{}</actuator></mujoco>
"""
ELBOW, SPRING = (f'<motor joint="{joint}"/>' for joint in ("elbow", "spring"))


@pytest.mark.parametrize(
    ("motors", "joints"),
    [
        (ELBOW, ["elbow"]),  # the slides between the world and the base may be on bodies of their own
        (SPRING, ["shoulder", "spring"]),  # a hinge does not float, though no motor drives it
        (ELBOW + '<motor joint="tilt"/>', ["tilt", "elbow"]),
        ("", ["lid", "elbow", "shoulder", "spring"]),
    ],
)
def test_joints_of_odd_robots(motors: str, joints: list[str]) -> None:
    nominal = Nominal(mujoco.MjModel.from_xml_string(ODD.format(motors)))
    assert list(GROUPS["@joints"](nominal)) == joints


def test_a_name_with_brackets_is_a_name() -> None:
    """As a pattern, `box[0]` stands for box0."""
    _, worlds = bench({"body_mass": {"select": "box[0]", "scale": 3.0}}, source=ODD.format(ELBOW))
    mass = worlds.read("body_mass")
    assert mass["box[0]"][0] == pytest.approx(3 * mass["rail"][0])
    nominal = Nominal(mujoco.MjModel.from_xml_string(ODD.format(ELBOW)))
    assert matching("box[0]", ("box[0]", "box0", "box1"), nominal) == [0, 1]
    assert matching("box[[]0]", ("box[0]", "box0", "box1"), nominal) == [0]
    assert matching("box?", ("box[0]", "box0", "box1"), nominal) == [1, 2]


def test_members_of_a_group_are_names() -> None:
    """`@base` of a robot called box[0] is that alone, and no box0."""
    source = """<mujoco><worldbody><body name="box[0]"><joint name="slide[0]"/><geom size=".1"/></body>
      <body name="box0"><joint name="slide0"/><geom size=".1"/></body></worldbody>
      <actuator><motor joint="slide[0]"/></actuator></mujoco>"""
    nominal = Nominal(mujoco.MjModel.from_xml_string(source))
    assert matching("@base", ("box0", "box[0]"), nominal) == [1]
    assert matching("@joints", ("slide0", "slide[0]"), nominal) == [1]
    _, worlds = bench({"payload": {"select": "@base", "set": 2.0}}, source=source)
    assert {name: kg[0] for name, kg in worlds.read("payload").items()} == {"box[0]": 2.0, "box0": 0.0}


def test_a_robot_without_sides_says_so() -> None:
    with pytest.raises(EnvsError, match=r"actuator_strength\[@left\]: '@left' matches nothing; valid: thigh_joint,"):
        build("hopper", {"actuator_strength": {"select": "@left", "scale": 0.5}})


def test_one_of_applies_to_one_object_another_in_every_episode() -> None:
    env = build("half_cheetah", {"actuator_strength": {"one_of": "*", "scale": {"uniform": [0.0, 0.5]}}}, num_envs=200)
    read = np.stack(list(env.worlds.read("actuator_strength").values()))  # (motors, worlds)
    assert ((read < 1).sum(axis=0) == 1).all()
    np.testing.assert_array_equal(read.min(axis=0), env.parameters["actuator_strength[one of *]"])
    hits = (read < 1).sum(axis=1)
    assert hits.min() > 15  # of 33 expected: every motor has its turn
    env.reset()
    again = np.stack(list(env.worlds.read("actuator_strength").values()))
    assert ((again < 1) != (read < 1)).any(axis=0).mean() > 0.5


def test_one_of_among_named_ones_leaves_the_others() -> None:
    env = build("half_cheetah", {"body_mass": {"one_of": ["bfoot", "ffoot"], "scale": 3}}, num_envs=20)
    before = make_vec("half_cheetah", num_envs=1, num_threads=1).worlds.read("body_mass")
    ratio = {k: v / before[k][0] for k, v in env.worlds.read("body_mass").items()}
    np.testing.assert_allclose(ratio["bfoot"] + ratio["ffoot"], 4.0)
    assert all((v == 1).all() for k, v in ratio.items() if k not in ("bfoot", "ffoot"))
    assert set(np.round(ratio["bfoot"], 9)) == {1.0, 3.0}


def test_one_of_survives_a_saved_state() -> None:
    parameters = {"actuator_strength": {"one_of": "*", "scale": 0.1}, "observation_bias": {"one_of": "*", "set": 0.5}}
    env, other = (build("half_cheetah", parameters, num_envs=4) for _ in range(2))
    other.reset(seed=8)
    other.set_state(env.get_state())
    action = np.ones(env.action_space.shape, np.float32)
    for _ in range(10):
        np.testing.assert_array_equal(env.step(action)[0], other.step(action)[0])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"select": "torso", "one_of": "*", "scale": 2}, "give select or one_of, not both"),
        ({"one_of": 3, "scale": 2}, r"body_mass.one_of: expected a name, a pattern or a list of them, got 3"),
        ({"one_of": "arm", "scale": 2}, r"body_mass\[one of arm\]: 'arm' matches nothing"),
        (
            [{"one_of": "*", "scale": 2}, {"select": "torso", "scale": 2}],
            "'torso' is already set by body_mass.one of",
        ),
    ],
)
def test_what_is_wrong_is_said(entry: Any, message: str) -> None:
    with pytest.raises(EnvsError, match=message):
        build("hopper", {"body_mass": entry})
