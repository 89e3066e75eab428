"""Robots built differently: equal to a model file with those sizes, standing on the ground, beside others."""

from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest
from worlds_compared import (
    REPRESENTATIVE,
    STATED_INERTIA,
    build,
    compile_spec,
    nominal_value,
    random_actions,
    snapshot,
    trajectory,
)

from envs import ENVS, DomainVectorEnv, EnvsError, environment
from envs.physics.fidelity import NOMINAL
from envs.physics.fields import LinkLength, LinkThickness
from envs.physics.physics import Physics
from envs.worlds.placement import lowest_points

ASSETS = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"
FREE = ("hopper", "walker2d", "half_cheetah", "ant", "humanoid", "humanoid_standup")


def edited_xml(name: str, changes: dict[str, str]) -> mujoco.MjSpec:
    """Return the source of Gymnasium's model with pieces of text replaced, each of which stands there once."""
    text = (ASSETS / f"{name}.xml").read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, (old, text.count(old))
        text = text.replace(old, new)
    return mujoco.MjSpec.from_string(text)


def assert_runs_alike(env: DomainVectorEnv, spec: mujoco.MjSpec, num_steps: int = 50) -> None:
    """Fail unless all worlds move like worlds of a model compiled from `spec`."""
    task = environment(env_name(env)).make_task()
    compiled = Physics(spec, env.num_envs, frame_skip=task.frame_skip, fidelity=NOMINAL, num_threads=1)
    env.reset()
    expected = compiled.model
    for field in (
        "body_mass",
        "body_inertia",
        "body_ipos",
        "body_pos",
        "geom_size",
        "geom_pos",
        "geom_rbound",
        "qpos0",
    ):
        own = getattr(env.physics.world(0)[0], field)
        np.testing.assert_allclose(own, getattr(expected, field), rtol=1e-9, atol=1e-12, err_msg=field)
    compiled.set_state(env.physics.get_state())
    for action in random_actions(env, num_steps):
        env.physics.step(action)
        compiled.step(action)
        np.testing.assert_allclose(env.physics.qpos, compiled.qpos, rtol=0, atol=1e-9)


def env_name(env: DomainVectorEnv) -> str:
    return next(name for name, row in ENVS.items() if row.task is type(env.task))


def test_a_longer_leg_is_the_hopper_of_a_file_with_that_leg() -> None:
    """The knee is the fixed point: the shin's middle sinks, the ankle with it, and the torso rises by the growth."""
    env = build("hopper", {"link_length": {"select": "leg", "scale": 1.5}})
    changes = {
        '<body name="torso" pos="0 0 1.25">': '<body name="torso" pos="0 0 1.5">',
        'ref="1.25"': 'ref="1.5"',
        'name="leg_geom" size="0.04 0.25"': 'name="leg_geom" size="0.04 0.375" pos="0 0 -0.125"',
        '<body name="foot" pos="0.13 0 -0.35">': '<body name="foot" pos="0.13 0 -0.6">',
    }
    assert_runs_alike(env, edited_xml("hopper", changes))
    assert env.worlds.read("link_length")["leg"].tolist() == [1.5, 1.5]
    assert env.worlds.read("link_length")["foot"].tolist() == [1, 1]
    assert env.physics.world(0)[0].qpos0[1] == pytest.approx(1.5)


def test_a_thicker_foot_is_the_hopper_of_a_file_with_that_foot() -> None:
    env = build("hopper", {"link_thickness": {"select": "foot", "scale": 2.0}})
    changes = {
        '<body name="torso" pos="0 0 1.25">': '<body name="torso" pos="0 0 1.31">',
        'ref="1.25"': 'ref="1.31"',
        'size="0.06 0.195"': 'size="0.12 0.195"',
    }
    assert_runs_alike(env, edited_xml("hopper", changes))
    assert env.worlds.read("link_thickness")["foot"].tolist() == [2, 2]


def test_short_feet_are_the_ant_of_a_file_with_those() -> None:
    """The outer links have no name of their own."""
    env = build("ant", {"link_length": {"select": ["body4", "body7"], "set": 0.5}})
    changes = {"0.0 0.0 0.0 0.4 0.4 0.0": "0 0 0 0.2 0.2 0", "0.0 0.0 0.0 -0.4 0.4 0.0": "0 0 0 -0.2 0.2 0"}
    assert_runs_alike(env, edited_xml("ant", changes))


def test_a_stated_total_mass_grows_with_the_robot() -> None:
    """The half cheetah weighs 14 kg as built; a shorter thigh takes its own share away and nobody gets heavier."""

    def volume(radius: float, half_length: float) -> float:
        return np.pi * radius**2 * (2 * half_length + 4 / 3 * radius)

    env = build("half_cheetah", {"link_length": {"select": "bthigh", "scale": 0.5}})
    env.reset()
    nominal, own = env.physics.model, env.physics.world(0)[0]
    thigh = nominal.body("bthigh").id
    share = volume(0.046, 0.0725) / volume(0.046, 0.145)
    expected = nominal.body_mass.copy()
    expected[thigh] *= share
    np.testing.assert_allclose(own.body_mass, expected, rtol=1e-12)
    lift = own.qpos0[1] - nominal.qpos0[1]
    total = 14 - (1 - share) * nominal.body_mass[thigh]
    changes = {
        'settotalmass="14"': f'settotalmass="{total:.17g}"',
        '<body name="torso" pos="0 0 .7">': f'<body name="torso" pos="0 0 {0.7 + lift:.17g}">',
        'name="rootz"': f'name="rootz" ref="{lift:.17g}"',
        'pos=".1 0 -.13" size="0.046 .145"': 'pos=".05 0 -.065" size="0.046 .0725"',
        '<body name="bshin" pos=".16 0 -.25">': '<body name="bshin" pos=".08 0 -.125">',
    }
    assert_runs_alike(env, edited_xml("half_cheetah", changes), 30)


@pytest.mark.parametrize("name", FREE)
def test_the_lowest_point_keeps_its_height(name: str) -> None:
    parameters = {"link_length": {"scale": {"choice": [0.6, 1.5]}}, "link_thickness": {"scale": {"choice": [0.7, 1.6]}}}
    env = build(name, parameters, num_envs=8)
    env.reset()
    base = np.array([1])
    height = lowest_points(env.physics.model, base)
    heads = set()
    for world in range(8):
        model, data = env.physics.world(world)
        mujoco.mj_resetData(model, data)
        mujoco.mj_kinematics(model, data)
        heads.add(round(float(data.xpos[1, 2]), 6))
        np.testing.assert_allclose(lowest_points(model, base), height, atol=1e-9)
    assert len(heads) > 1


def test_lowest_points_of_each_shape() -> None:
    """A hand's breadth of shapes, each turned by 30 degrees and centred 1 m up."""
    sizes = {
        "sphere": (".1", 0.1),
        "capsule": (".1 .2", 0.1 + 0.2 * np.cos(np.pi / 6)),
        "cylinder": (".1 .2", 0.1 * np.sin(np.pi / 6) + 0.2 * np.cos(np.pi / 6)),
        "box": (".1 .2 .3", 0.1 * np.sin(np.pi / 6) + 0.3 * np.cos(np.pi / 6)),
        "ellipsoid": (".1 .2 .3", np.hypot(0.1 * np.sin(np.pi / 6), 0.3 * np.cos(np.pi / 6))),
    }
    for kind, (size, below) in sizes.items():
        body = f'<body pos="0 0 1"><freejoint/><geom type="{kind}" size="{size}" axisangle="0 1 0 30"/></body>'
        model = mujoco.MjModel.from_xml_string(f"<mujoco><worldbody>{body}</worldbody></mujoco>")
        np.testing.assert_allclose(lowest_points(model, np.array([1])), 1 - below, rtol=1e-12)


@pytest.mark.parametrize("name", [name for name in ENVS if name not in STATED_INERTIA])
def test_links_stay_attached_and_only_one_changes(name: str) -> None:
    """From a body's own joint to each joint that hangs on it, distances grow by the factor; all others stay."""
    spec, factor = environment(name).make_task().spec(), 1.3
    nominal = compile_spec(spec.copy())
    link = LinkLength()
    for body in link._ids(nominal)[:6].tolist():
        edited = spec.copy()
        link.edit(edited, {nominal.body(body).name or f"body{body}": factor})
        before, after = joint_distances(nominal), joint_distances(compile_spec(edited))
        for pair, distance in before.items():
            scale = factor if nominal.body_parentid[pair] == body else 1.0
            assert after[pair] == pytest.approx(distance * scale, abs=1e-12), (body, pair)


def joint_distances(model: mujoco.MjModel) -> dict[int, float]:
    """Return for every body how far its anchor is from that of the body it hangs on, by its index."""
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    anchors = data.xpos.copy()
    for joint in range(model.njnt - 1, -1, -1):
        if model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_HINGE:
            anchors[model.jnt_bodyid[joint]] = data.xanchor[joint]
    parents = model.body_parentid
    return {b: float(np.linalg.norm(anchors[b] - anchors[parents[b]])) for b in range(1, model.nbody) if parents[b]}


@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_builds_live_side_by_side_and_return_to_nominal(name: str) -> None:
    parameters: dict[str, Any] = {"link_length": {"scale": {"choice": [0.8, 1.0, 1.3]}}}
    env = build(name, parameters, num_envs=3)
    env.reset()
    alone = {}
    for factor in (0.8, 1.0, 1.3):
        one = build(name, {"link_length": {"scale": factor}}, num_envs=1)
        one.reset()
        alone[factor] = snapshot(one, 0)
    assert len({str(sorted(one.items())) for one in alone.values()}) == 3
    for order in ((0.8, 1.0, 1.3), (1.3, 0.8, 1.0), (1.0, 1.0, 0.8)):
        env.worlds.numbers[:, 0] = order
        env.worlds.rewrite()
        for world, factor in enumerate(order):
            own = snapshot(env, world)
            assert {key for key in own if own[key] != alone[factor][key]} == set(), (world, factor)


def test_a_changed_mass_is_a_change_of_the_own_build() -> None:
    parameters = {"link_thickness": {"scale": {"choice": [0.8, 1.2]}}, "body_mass": {"scale": 1.4}}
    env, lean = build("ant", parameters, num_envs=6), build("ant", {"link_thickness": {"scale": 0.8}})
    for built in (env, lean):
        built.reset()
    thick = env.parameters["link_thickness"]
    mass = env.physics.expand("body_mass")
    assert set(thick) == {0.8, 1.2}
    np.testing.assert_allclose(
        mass[thick == 0.8], 1.4 * lean.physics.expand("body_mass")[[0]].repeat((thick == 0.8).sum(), 0)
    )
    assert (mass[thick == 1.2].sum(axis=1) > mass[thick == 0.8].sum(axis=1).max()).all()


def test_episodes_start_from_the_own_pose() -> None:
    env = build("hopper", {"link_length": {"scale": {"choice": [0.7, 1.4]}}}, num_envs=8, max_episode_steps=3)
    env.reset()
    for _ in range(7):
        length = env.parameters["link_length"]
        torso_up = 0.2 + 0.45 + 0.5  # of torso, thigh and leg, m; the foot lies
        np.testing.assert_allclose(env.physics.qpos[:, 1], 1.25 + torso_up * (length - 1), atol=0.02)
        *_, infos = env.step(np.zeros(env.action_space.shape, np.float32))
        height = infos["z_distance_from_origin"][infos["_z_distance_from_origin"]]
        np.testing.assert_allclose(height, 0, atol=0.03)  # above the own start


def test_what_is_possible_in_one_build_may_not_be_in_another() -> None:
    shorter = {"select": "torso", "scale": {"choice": [0.5, 1.0]}}
    with pytest.raises(EnvsError, match=r"link_length\[torso\].* body_mass\[torso\]: add -3 would make 'torso' range"):
        build("hopper", {"link_length": shorter, "body_mass": {"select": "torso", "add": -3}})


def test_each_build_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    variant = Physics.variant
    monkeypatch.setattr(Physics, "variant", lambda physics, edit: compiled.append(1) or variant(physics, edit))
    env = build("hopper", {"link_length": {"scale": {"choice": [0.9, 1.1]}}}, num_envs=16, max_episode_steps=2)
    env.reset()
    for _ in range(8):
        env.step(np.zeros(env.action_space.shape, np.float32))
    assert len(compiled) == 1 + 2 * 2  # one without stated mass, and each build before and after it stands


def test_a_state_continues_in_the_own_build() -> None:
    parameters = {"link_length": {"scale": {"choice": [0.8, 1.2]}}}
    first, second = build("hopper", parameters, num_envs=4), build("hopper", parameters, num_envs=4, seed=9)
    trajectory(first, 5)
    second.reset()
    second.set_state(first.get_state())
    for action in random_actions(first, 20):
        np.testing.assert_array_equal(first.step(action)[0], second.step(action)[0])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"scale": 0.04}, "link_length: scale 0.04 would make 'torso' range over 0.04..0.04; must be >= 0.05 and fin"),
        ({"scale": 1.004}, r"link_length: scale 1.004 changes nothing, as builds go in steps of 0.01; must reach 0.99"),
        ({"add": {"uniform": [-0.004, 0.003]}}, r"add uniform\(-0.004, 0.003\) changes nothing.*reach -0.01 or 0.01"),
        (
            {"select": "tail", "scale": 2},
            r"link_length\[tail\]: 'tail' matches nothing; valid: torso, thigh, leg, foot",
        ),
        ({"scale": 1, "in_time": {"drift": [0.01, 1.1]}}, "link_length: in_time .*: a build stays for the episode"),
    ],
)
def test_impossible_builds_are_refused(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(EnvsError, match=message):
        build("hopper", {"link_length": entry})


@pytest.mark.parametrize("parameter", [LinkLength(), LinkThickness()])
@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ('<inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/><geom type="capsule" size=".1 .1"/>', "own inertia"),
        ('<frame pos="1 0 0"><geom type="capsule" size=".1 .1" mass="1"/></frame>', "parts in a <frame>"),
    ],
)
def test_links_that_cannot_be_scaled_are_refused(parameter: Any, inside: str, message: str) -> None:
    spec = mujoco.MjSpec.from_string(
        f'<mujoco><worldbody><body name="arm"><joint/>{inside}</body></worldbody></mujoco>'
    )
    with pytest.raises(EnvsError, match=message):
        parameter.edit(spec, {"arm": 2.0})


def test_boxes_grow_along_their_longest_axis_and_meshes_stay() -> None:
    source = """<mujoco><asset><mesh name="m" vertex="0 0 0 1 0 0 0 1 0 0 0 1"/></asset><worldbody>
      <body name="box"><joint/><geom type="box" size=".1 .3 .2" pos="0 .3 0"/></body>
      <body name="rod"><joint/><geom type="box" size=".1" fromto="0 0 0 0 0 .1"/></body>
      <body name="ball"><joint/><geom size=".1"/></body>
      <body name="mesh"><joint/><geom type="mesh" mesh="m"/></body></worldbody></mujoco>"""
    spec = mujoco.MjSpec.from_string(source)
    nominal = build("hopper").worlds.nominal.__class__(spec.copy().compile())
    assert LinkLength().objects(nominal) == ("box", "rod")
    assert LinkThickness().objects(nominal) == ("box", "rod", "ball")
    LinkLength().edit(spec, {"box": 2.0, "rod": 3.0})
    LinkThickness().edit(spec, {"box": 0.5, "rod": 2.0, "ball": 3.0})
    model = spec.compile()
    np.testing.assert_allclose(model.geom_size[:3], [[0.05, 0.6, 0.1], [0.2, 0.2, 0.15], [0.3, 0, 0]])
    np.testing.assert_allclose(model.geom_pos[:2], [[0, 0.6, 0], [0, 0, 0.15]])


def test_default_values_are_one() -> None:
    for name in ENVS:
        for parameter in ("link_length", "link_thickness"):
            assert (nominal_value(build(name, num_envs=1), parameter) == 1).all()


def test_links_turned_by_angles_stay_attached_without_a_warning() -> None:
    """The compiler is asked what the angles mean; what else it has to say of the model goes to the log alone."""
    source = """<mujoco><compiler settotalmass="3"/><worldbody><body name="arm"><joint/>
      <geom type="capsule" size=".1 .5" pos="0 0 .5"/>
      <body name="hand" pos="0 0 1" euler="90 0 0"><joint pos="0 .2 0"/><geom size=".1"/></body></body>
      </worldbody></mujoco>"""
    before, after = mujoco.MjSpec.from_string(source), mujoco.MjSpec.from_string(source)
    LinkLength().edit(after, {"arm": 2.0})  # a warning would be an error here
    distances = [joint_distances(compile_spec(spec))[2] for spec in (before, after)]
    assert distances == pytest.approx([1.2, 2.4])
