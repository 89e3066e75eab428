"""A model with what no environment has: servos, contacts of all dimensions, priorities, free bodies."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from envs import Domain
from envs.domain.streams import StepStreams
from envs.physics.fidelity import NOMINAL
from envs.physics.nominal import Nominal, actuator_names
from envs.physics.physics import Physics
from envs.worlds.worlds import Worlds

__all__ = ["BENCH", "bench", "pressed"]

BENCH = """
<mujoco>
  <compiler angle="radian" inertiafromgeom="true" autolimits="true"/>
  <option timestep="0.002"/>
  <worldbody>
    <geom name="floor" type="plane" size="5 5 .1" condim="1" friction=".5 .02 .001" solref=".02 1"/>
    <body name="puck" pos="0 0 .1">
      <freejoint/>
      <geom name="six" size=".1" condim="6" friction=".8 .01 .002" solref=".03 .8" solmix="3"/>
    </body>
    <body name="chief" pos="1 0 .1">
      <freejoint/>
      <geom name="own" type="box" size=".1 .1 .1" condim="4" priority="1" friction=".3 .004 0" solref=".05 .5"/>
      <geom name="ear" type="box" size=".02 .02 .02" pos="0 0 .2" mass=".1" contype="0" conaffinity="0"/>
    </body>
    <body name="hard" pos="2 0 .1">
      <freejoint/>
      <geom name="direct" type="box" size=".1 .1 .1" solref="-1000 -100" condim="3"/>
    </body>
    <body name="slick" pos="3 0 .1">
      <freejoint/>
      <geom name="slick" type="box" size=".1 .1 .1" condim="1"/>
    </body>
    <body name="arm" pos="0 2 1">
      <joint name="shoulder" axis="0 1 0" range="-2 2" damping=".1"/>
      <geom name="arm" type="capsule" fromto="0 0 0 .5 0 0" size=".03" contype="0" conaffinity="0"/>
      <body name="hand" pos=".5 0 0">
        <joint name="wrist" axis="0 1 0" damping=".1" stiffness="2" springref=".3"/>
        <geom name="hand" type="capsule" fromto="0 0 0 .3 0 0" size=".02" contype="0" conaffinity="0"/>
      </body>
    </body>
    <body name="cart" pos="0 3 1">
      <joint name="rail" type="slide" axis="1 0 0" damping="1"/>
      <geom name="cart" type="box" size=".1 .1 .1" contype="0" conaffinity="0"/>
    </body>
  </worldbody>
  <actuator>
    <position name="servo" joint="shoulder" kp="30" kv="2" ctrlrange="-2 2"/>
    <position name="soft" joint="wrist" kp="3" ctrlrange="-2 2" forcerange="-1 2"/>
    <velocity name="roller" joint="rail" kv="5" ctrlrange="-3 3"/>
    <motor name="puller" joint="rail" gear="2" ctrlrange="-1 3"/>
    <motor name="endless" joint="rail"/>
  </actuator>
</mujoco>
"""


def bench(parameters: dict[str, Any] | None = None, num_envs: int = 2, source: str = BENCH) -> tuple[Physics, Worlds]:
    """Return the worlds of the bench, drawn once from a domain of these parameters."""
    physics = Physics(mujoco.MjSpec.from_string(source), num_envs, frame_skip=1, fidelity=NOMINAL, num_threads=1)
    nominal = Nominal(physics.model, (), actuator_names(physics.model))
    domain = Domain.parse({"parameters": parameters or {}})
    worlds = Worlds(domain, physics, nominal, StepStreams(0).channel("profiles"))
    ids = np.arange(num_envs)
    worlds.draw(ids, np.random.default_rng(0).random((num_envs, worlds.num_draws)))
    physics.reset(ids)
    physics.forward(ids)
    return physics, worlds


def pressed(physics: Physics) -> mujoco.MjData:
    """Return world 0 with all free bodies 5 mm deep in the floor, its contacts computed."""
    model, data = physics.world(0)
    data.qpos[model.jnt_qposadr[model.jnt_type == mujoco.mjtJoint.mjJNT_FREE] + 2] -= 0.005
    mujoco.mj_forward(model, data)
    return data
