"""Objects on which a parameter never acts are not offered, and the error says why; names stand for one object each."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from bench_worlds import BENCH, bench

from envs import EnvsError
from envs.physics.fidelity import NOMINAL
from envs.physics.nominal import actuator_names, object_names
from envs.physics.physics import Physics

ODD = """
<mujoco>
  <extension>
    <plugin plugin="mujoco.pid"><instance name="pid"><config key="kp" value="10"/></instance></plugin>
  </extension>
  <worldbody>
    <geom name="floor" type="plane" size="5 5 .1"/>
    <geom name="step" type="box" size=".1 .1 .1" pos="3 0 0" priority="2"/>
    <body name="ghost" mocap="true"><geom name="ghost" size=".1"/><body name="tail"><geom size=".1"/></body></body>
    <body name="post"><geom name="post" size=".1" mass="2"/></body>
    <body name="cart" pos="0 0 1"><joint name="rail" type="slide" axis="1 0 0"/><geom name="cart" size=".1"/>
      <body name="pole"><joint name="hinge" axis="0 1 0"/><geom name="pole" size=".1" pos="0 0 .3" contype="2"/></body>
    </body>
  </worldbody>
  <actuator>
    <plugin name="pid" joint="hinge" plugin="mujoco.pid" instance="pid" ctrlrange="-1 1"/>
    <motor name="push" joint="rail" ctrlrange="-1 1"/>
    <motor name="slack" joint="rail" gear="0" ctrlrange="-1 1"/>
    <motor name="off" joint="rail" group="3" ctrlrange="-1 1"/>
  </actuator>
</mujoco>
""".replace("<worldbody>", '<option actuatorgroupdisable="3"/><worldbody>', 1)
REASONS = {
    ("body_mass", "ghost"): "it is a mocap body",
    ("body_mass", "tail"): "fixed to one: its pose is given",
    ("payload", "post"): "no joint lies between it and the world",
    ("steady_force_x", "post"): "no joint lies between it and the world",
    ("push_impulse", "ghost"): "it is a mocap body",
    ("body_inertia", "cart"): "it only slides",
    ("body_com_x", "cart"): "it only slides",
    ("actuator_strength", "pid"): "a plugin computes its force",
    ("actuator_strength", "slack"): "its gear is 0",
    ("actuator_strength", "off"): "the model disables its group",
    ("actuator_force_limit", "pid"): "a plugin computes its force",
    ("servo_kp", "push"): "it is no servo with a gain of a servo on position",
    ("geom_friction", "cart"): "the ground's geom 'step' has the higher priority (2 against 0)",
    ("geom_friction", "ghost"): "no joint moves it",
    ("geom_friction", "floor"): "it belongs to the ground",
    ("joint_range", "rail"): "the model gives this joint no limits",
    ("rest_pose", "hinge"): "no hinge or slide with a spring",
}
FLAGS = {
    ("dof_damping", "damper"): "hinge",
    ("dof_frictionloss", "frictionloss"): "hinge",
    ("dof_frictionloss", "constraint"): "hinge",
    ("joint_stiffness", "spring"): "hinge",
    ("actuator_strength", "actuation"): "push",
    ("gravity", "gravity"): "*",
    ("geom_friction", "contact"): "cart",
}


def refusal(parameter: str, select: str, source: str = ODD) -> str:
    with pytest.raises(EnvsError) as error:
        bench({parameter: {"select": select, "set": 1.5}}, 1, source)
    assert f"{select!r} matches nothing; valid: " in str(error.value)
    return str(error.value).partition("; valid: ")[2]


@pytest.mark.parametrize(("parameter", "select"), REASONS)
def test_what_never_acts_is_refused_with_the_reason(parameter: str, select: str) -> None:
    valid, _, why = refusal(parameter, select).partition(f"; {select}: ")
    assert select not in valid.split(", ")
    assert REASONS[parameter, select] in why


@pytest.mark.parametrize(("parameter", "flag"), FLAGS)
def test_what_a_flag_of_the_model_switches_off_is_refused(parameter: str, flag: str) -> None:
    source = ODD.replace("<option ", f'<option><flag {flag}="disable"/></option><option ')
    message = refusal(parameter, FLAGS[parameter, flag], source)
    assert message.startswith("none; ")
    assert f'<flag {flag}="disable"/>' in message


def test_a_pattern_selects_what_acts_and_no_more() -> None:
    physics, worlds = bench({"steady_force_x": {"set": 3.0}, "body_mass": {"scale": 2.0}}, 1, ODD)
    names = object_names(physics.model, "body")
    assert {name for name, v in worlds.read("steady_force_x").items() if v[0]} == {"cart", "pole"}
    heavier = physics.expand("body_mass")[0] / np.maximum(physics.model.body_mass, 1e-9)
    assert {names[i] for i in np.flatnonzero(heavier > 1.5)} == {"cart", "pole"}


CLASH = """
<mujoco>
  <worldbody>
    <body><joint type="slide"/><geom size=".1"/>
      <body name="body1"><joint name="joint0"/><geom name="geom0" size=".1"/></body>
      <body name="unnamed_body1"><joint/><geom size=".1"/></body>
    </body>
  </worldbody>
  <actuator><motor joint="joint0"/><motor joint="joint0"/><motor name="actuator0" joint="joint0"/></actuator>
</mujoco>
"""


def test_every_name_stands_for_one_object() -> None:
    model = mujoco.MjModel.from_xml_string(CLASH)
    assert object_names(model, "body") == ("world", "unnamed_unnamed_body1", "body1", "unnamed_body1")
    assert object_names(model, "joint") == ("unnamed_joint0", "joint0", "joint2")
    assert object_names(model, "geom") == ("unnamed_geom0", "geom0", "geom2")
    assert actuator_names(model) == ("unnamed_actuator0", "actuator1", "actuator0")


@pytest.mark.parametrize(("name", "index"), [("body1", 2), ("unnamed_unnamed_body1", 1), ("unnamed_body1", 3)])
@pytest.mark.parametrize("parameter", ["body_mass", "link_thickness"])
def test_objects_with_clashing_names_are_both_selected(parameter: str, name: str, index: int) -> None:
    physics, _ = bench({parameter: {"select": name, "scale": 2.0}}, 1, CLASH)
    heavier = physics.expand("body_mass")[0, 1:] / physics.model.body_mass[1:]
    assert np.flatnonzero(heavier > 1.5).tolist() == [index - 1]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ('<option><flag sleep="enable"/></option>', 'remove it or set sleep="disable"'),
        ('<option integrator="discrete"><flag ipc="enable"/></option>', 'remove it or set ipc="disable"'),
    ],
)
def test_a_flag_that_batched_simulation_cannot_have_is_one_message(option: str, words: str) -> None:
    spec = mujoco.MjSpec.from_string(BENCH.replace('<option timestep="0.002"/>', option))
    with pytest.raises(EnvsError, match=words):
        Physics(spec, 1, frame_skip=1, fidelity=NOMINAL)
