"""Which builds a domain may ask for: in steps, compiled before any world runs, healthy where they start."""

from typing import Any

import mujoco
import numpy as np
import pytest
from worlds_compared import build

from envs import SHIFTS, Domain, EnvsError, make_vec
from envs.domain.streams import StepStreams
from envs.physics.fidelity import NOMINAL
from envs.physics.nominal import Nominal
from envs.physics.physics import Physics
from envs.worlds.worlds import Worlds

FREE = ("hopper", "walker2d", "half_cheetah", "ant", "humanoid", "humanoid_standup")


@pytest.mark.parametrize("operation", ["scale", "set", "add"])
def test_the_numbers_reported_are_the_builds_that_run(operation: str) -> None:
    low = -0.2 if operation == "add" else 0.8
    env = build("hopper", {"link_length": {"select": "leg", operation: {"uniform": [low, low + 0.4]}}}, num_envs=30)
    env.reset()
    number = env.parameters["link_length[leg]"]
    np.testing.assert_array_equal(number, np.round(number, 2))
    assert len(set(number)) > 5
    factor = number + (operation == "add")
    np.testing.assert_allclose(env.worlds.read("link_length")["leg"], factor, rtol=1e-12)
    half_length = env.physics.expand("geom_size")[:, env.physics.model.geom("leg_geom").id, 1]
    np.testing.assert_allclose(half_length, 0.25 * factor, rtol=1e-12)


def test_only_builds_are_rounded() -> None:
    parameters = {"body_mass": {"scale": {"uniform": [0.8, 1.2]}}, "link_length": {"scale": {"uniform": [0.9, 1.1]}}}
    env = build("hopper", parameters, num_envs=4)
    env.reset()
    assert (env.parameters["body_mass"] != np.round(env.parameters["body_mass"], 2)).all()


TINY = """<mujoco><worldbody><body name="chip"><joint name="turn"/><geom type="box" size="1e-3 2e-3 3e-3"/></body>
  <body name="arm"><joint/>{}</body></worldbody></mujoco>"""
FRAMED = '<frame pos="1 0 0"><geom type="capsule" size=".1 .1" mass="1"/></frame>'


@pytest.mark.parametrize(
    ("parameter", "entry", "inside", "message"),
    [
        (
            "link_thickness",
            {"select": "chip", "scale": {"uniform": [0.05, 1.5]}},
            '<geom size=".1"/>',
            r"link_thickness\[chip\]: scale 0.05: MuJoCo cannot compile .* link_thickness of chip: mass and inertia",
        ),
        (
            "link_length",
            {"select": "arm", "set": 2},
            FRAMED,
            r"link_length\[arm\]: set 2: link_length: 'arm' has parts",
        ),
    ],
)
def test_extreme_builds_are_compiled_before_a_world_is_one(
    parameter: str, entry: dict[str, Any], inside: str, message: str
) -> None:
    """The box of 6 mm weighs less than MuJoCo's least inertia allows when it is a twentieth as thick."""
    physics = Physics(mujoco.MjSpec.from_string(TINY.format(inside)), 1, frame_skip=1, fidelity=NOMINAL, num_threads=1)
    domain = Domain.parse({"parameters": {parameter: entry}})
    with pytest.raises(EnvsError, match=message):
        Worlds(domain, physics, Nominal(physics.model), StepStreams(0).channel("profiles"))


@pytest.mark.parametrize("shift", ["short_legs", "long_legs", "thick", "odrl_morph_torso", "odrl_morph_legs"])
@pytest.mark.parametrize("name", FREE)
def test_the_most_extreme_build_is_healthy_where_it_starts(name: str, shift: str) -> None:
    row = SHIFTS[shift]
    if not callable(row.parameters) and name not in row.parameters:
        return
    env = make_vec(name, num_envs=64, seed=0, num_threads=1, domain=row.domain(row.highest, name))
    env.reset(seed=0)
    assert not env.step(np.zeros(env.action_space.shape, np.float32))[2].any()
