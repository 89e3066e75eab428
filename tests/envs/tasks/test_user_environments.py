"""Environments that are not part of this project: a task class of one's own, and those of Gymnasium."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest

from envs import Domain, DomainVectorEnv, EnvsError, environment, make_vec
from envs.check.pairs.world_pair import WorldPair
from envs.check.probes.table import read_back

ROBOT = """
<mujoco>
  <option timestep="0.01"/>
  <worldbody>
    <body name="cart">
      <joint name="slide" type="slide" axis="1 0 0" damping="1"/>
      <geom size="0.1" mass="2"/>
    </body>
  </worldbody>
  <actuator><motor name="push" joint="slide" ctrlrange="-1 1"/></actuator>
</mujoco>
"""
TASK = '''
"""A cart that is to stay in the middle."""
from pathlib import Path

import mujoco
import numpy as np

from envs import Fidelity


class Cart:
    frame_skip, max_episode_steps, cheap = 2, 50, Fidelity(integrator="implicitfast")
    observation_names = ("position", "velocity")

    def __init__(self, *, file: str = "robot.xml", weight: float = 1.0):
        self.file, self.weight = file, weight

    def spec(self):
        return mujoco.MjSpec.from_file(str(Path(__file__).parent / self.file))

    def reset(self, physics, ids, draws):
        physics.qpos[ids] += draws.uniform(-0.1, 0.1, 1)

    def observe(self, physics):
        return np.concatenate((physics.qpos, physics.qvel), axis=1)

    def measure(self, physics):
        return {"x": physics.qpos[:, 0].copy()}

    def reward(self, before, after, physics, action):
        return {"reward_middle": -self.weight * after["x"] ** 2}

    def info(self, before, after, physics):
        return {}

    def terminated(self, physics):
        return np.abs(physics.qpos[:, 0]) > 1.0
'''


@pytest.fixture
def robot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Put a robot and its task into the working directory; give the name of its module."""
    name = f"cart_{tmp_path.name.replace('-', '_')}"
    (tmp_path / "robot.xml").write_text(ROBOT)
    (tmp_path / f"{name}.py").write_text(TASK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield name
    sys.modules.pop(name, None)


def random_actions(env: DomainVectorEnv, num_steps: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (num_steps, *env.action_space.shape)).astype(np.float32)


def test_a_task_class_of_ones_own(robot: str) -> None:
    env = make_vec(f"{robot}:Cart", num_envs=3, seed=0, domain={"parameters": {"body_mass": {"scale": 2}}}, weight=3)
    obs, _ = env.reset(seed=0)
    assert obs.shape == (3, 2)
    np.testing.assert_array_equal(env.worlds.read("body_mass")["cart"], [4.0] * 3)
    obs, reward, *_ = env.step(np.ones((3, 1), np.float32))
    np.testing.assert_allclose(reward, -3 * obs[:, 0] ** 2, rtol=1e-12)
    assert environment(f"{robot}:Cart").summary == "A cart that is to stay in the middle."
    assert sys.path[-1] == str(Path.cwd())  # stays, after all others and once
    assert sys.path.count(str(Path.cwd())) == 1


def test_actuators_without_a_range_are_named(robot: str) -> None:
    servos = '<velocity joint="slide" kv="1" ctrlrange="-1 1"/><motor joint="slide"/>'
    Path("robot.xml").write_text(ROBOT.replace('<motor name="push" joint="slide" ctrlrange="-1 1"/>', servos))
    with pytest.raises(EnvsError, match=r"actions actuator1 have no room between their bounds; give each .* ctrlrange"):
        make_vec(f"{robot}:Cart", num_envs=1)


def test_two_servos_of_a_joint_have_names_of_their_own(robot: str) -> None:
    servos = '<position joint="slide" kp="1" ctrlrange="-1 1"/><velocity joint="slide" kv="1" ctrlrange="-1 1"/>'
    Path("robot.xml").write_text(ROBOT.replace('<motor name="push" joint="slide" ctrlrange="-1 1"/>', servos))
    one = {"parameters": {"actuator_strength": {"select": "actuator1", "scale": 0.5}}}
    env = make_vec(f"{robot}:Cart", num_envs=1, seed=0, domain=one)
    env.reset(seed=0)
    read = {name: float(values[0]) for name, values in env.worlds.read("actuator_strength").items()}
    assert read == {"actuator0": 1.0, "actuator1": 0.5}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("{robot}:Car", {}, r"unknown class in module 'cart_\w+' 'Car' \(did you mean 'Cart'\?\)"),
        ("no_such_module:Cart", {}, "module 'no_such_module' fails to import: ModuleNotFoundError.*PYTHONPATH"),
        ("pathlib:PurePath", {}, r"PurePath is no Task, it lacks frame_skip, .*terminated"),
        ("{robot}:Cart", {"file": "none.xml"}, "Cart: its model cannot be loaded: .*none.xml"),
        ("{robot}:Cart", {"weight": "much"}, r"weight: must be a finite number, got 'much' .option of cart_\w+:Cart"),
        ("{robot}:Cart", {"mass": 1}, r"unknown option of cart_\w+:Cart 'mass'.*valid: file, weight"),
        ("hoppper", {}, r"unknown environment 'hoppper' \(did you mean 'hopper'\?\).*or gym:<id>.*or module:Class"),
        ("gym:Nothing-v0", {}, r"gym:Nothing-v0: not registered with Gymnasium .*pip install"),
        ("gym::Hopper-v5", {}, r"gym::Hopper-v5: names no package between its colons; write gym:Hopper-v5 or gym:<"),
        ("gym:no_package:Nothing-v0", {}, r"gym:no_package:Nothing-v0: not registered"),
        ("gym:CartPole-v1", {}, "gym:CartPole-v1: actions must be a Box of floating-point numbers, got Disc"),
        ("gym:Hopper-v5", {"weight": 1}, r"gym:Hopper-v5: cannot be made with options \{'weight': 1\}"),
    ],
)
def test_what_is_wrong_is_said(robot: str, name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(EnvsError, match=message):
        make_vec(name.format(robot=robot), num_envs=1, **options)


def test_a_module_that_fails_to_import_is_told_with_its_reason(robot: str) -> None:
    Path("broken_robot.py").write_text("raise RuntimeError('no such motor')")
    with pytest.raises(EnvsError, match="module 'broken_robot' fails to import: RuntimeError: no such motor"):
        make_vec("broken_robot:Cart", num_envs=1)


def test_gym_hopper_is_gymnasiums_hopper() -> None:
    ours, theirs = make_vec("gym:Hopper-v5", num_envs=2, seed=0), gymnasium.make("Hopper-v5").unwrapped
    ours.reset(seed=3)
    seed = int(ours.physics.get_state()["seeds"][1])
    assert (theirs.reset(seed=seed)[0] == ours.reset(seed=3)[0][1]).all()
    for action in random_actions(ours, 300):
        obs, reward, terminated, _, infos = ours.step(action)
        expected = theirs.step(action[1])
        last = infos["final_obs"][1] if terminated[1] else obs[1]
        np.testing.assert_array_equal(last, expected[0])
        assert (reward[1], bool(terminated[1])) == expected[1:3]
        if terminated[1]:
            return
    pytest.fail("random actions should have ended an episode")


def test_infos_of_resets_are_those_of_the_environment() -> None:
    """Also of a world that restarts within a step: those of Gymnasium's own SAME_STEP vector environment."""
    theirs = gymnasium.make("Hopper-v5").unwrapped
    env = make_vec("gym:Hopper-v5", num_envs=2, seed=3, max_episode_steps=3)
    _, infos = env.reset()
    for _ in range(2):
        expected = [theirs.reset(seed=int(seed))[1] for seed in env.physics.get_state()["seeds"]]
        assert len(expected[0]) == 2
        for key in expected[0]:
            np.testing.assert_allclose(infos[key], [info[key] for info in expected], rtol=1e-12)
            assert infos[f"_{key}"].all()
        for _ in range(3):
            infos = env.step(np.zeros((2, 3)))[-1]
    env.close()
    theirs.close()


def test_physical_and_channel_parameters_reach_gym_worlds() -> None:
    parameters: dict[str, Any] = {
        "body_mass": {"scale": {"choice": [0.5, 2.0]}},
        "gravity": {"scale": 0.5},
        "action_delay": {"set": 2},
    }
    env, nominal = (
        make_vec("gym:Hopper-v5", num_envs=6, seed=0, domain=d, terminate_when_unhealthy=False)
        for d in ({"parameters": parameters}, None)
    )
    env.reset(seed=1)
    nominal.reset(seed=1)
    for world, scale in enumerate(env.parameters["body_mass"]):
        running, _ = env.physics.world(world)
        np.testing.assert_array_equal(running.body_mass, nominal.physics.model.body_mass * scale)
        np.testing.assert_array_equal(running.body_inertia, nominal.physics.model.body_inertia * scale)
        assert running.opt.gravity[2] == nominal.physics.model.opt.gravity[2] * 0.5
        own = mujoco.MjData(running)  # what MuJoCo derives has followed
        derived = running.body_subtreemass.copy()
        mujoco.mj_setConst(running, own)
        np.testing.assert_array_equal(running.body_subtreemass, derived)
    impulse, rest = np.ones((6, 3), np.float32), np.zeros((6, 3), np.float32)
    controls = []
    for action in (impulse, rest, rest, rest):
        env.step(action)
        controls.append(env.physics.world(0)[1].ctrl.copy())
    assert [c.any() for c in controls] == [False, False, True, False]


def test_a_force_on_a_body_reaches_gym_worlds() -> None:
    env = make_vec("gym:Hopper-v5", num_envs=2, seed=0, terminate_when_unhealthy=False)
    env.reset(seed=0)
    env.physics.bind("xfrc_applied")[1, 1, 0] = 50.0
    obs = env.step(np.zeros((2, 3), np.float32))[0]
    assert obs[1, 5] > obs[0, 5] + 0.05  # the torso's velocity in x


@pytest.mark.parametrize("env_id", ["gym:Hopper-v5", "gym:Reacher-v5"])
def test_gym_worlds_continue_bit_for_bit(env_id: str) -> None:
    """Reacher keeps its goal in Python as well as in the state."""
    domain = {"parameters": {"body_mass": {"scale": {"uniform": [0.7, 1.3]}}, "observation_noise": {"set": 0.01}}}
    env, other = (make_vec(env_id, num_envs=3, domain=domain, seed=s, max_episode_steps=40) for s in (0, 9))
    env.reset()
    other.reset()
    actions = random_actions(env, 90)
    for action in actions[:25]:
        env.step(action)
    other.set_state(env.get_state())
    for action in actions[25:]:
        for one, two in zip(env.step(action)[:4], other.step(action)[:4], strict=True):
            assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("env_id", ["gym:Ant-v5", "gym:Hopper-v5"])
def test_gym_worlds_continue_bit_for_bit_while_forces_act_and_parameters_move(env_id: str) -> None:
    """Ant's reward compares positions that MuJoCo computed in the step before."""
    parameters = {
        "steady_force_x": {"select": "@base", "set": -20.0},
        "gravity": {"scale": 1.0, "in_time": {"drift": [-0.01, 0.5]}},
        "control_jitter": {"set": 0.2},
    }
    env, other = (make_vec(env_id, num_envs=2, domain={"parameters": parameters}, seed=s) for s in (0, 9))
    env.reset()
    other.reset()
    actions = random_actions(env, 40)
    for action in actions[:15]:
        env.step(action)
    other.set_state(env.get_state())
    for action in actions[15:]:
        for one, two in zip(env.step(action)[:4], other.step(action)[:4], strict=True):
            assert one.tobytes() == two.tobytes()


def test_a_gym_world_that_explodes_in_its_last_substep_is_a_fault() -> None:
    env = make_vec("gym:Hopper-v5", num_envs=2, seed=0, terminate_when_unhealthy=False)
    env.reset(seed=0)
    env.physics.bind("xfrc_applied")[0, 1:, 0] = 1e8
    obs, reward, _, truncated, infos = env.step(np.zeros((2, 3), np.float32))
    assert infos["final_info"]["fault"].tolist() == truncated.tolist() == [True, False]
    assert np.abs(obs).max() < 100
    assert reward[0] == 0.0


def test_a_gym_world_that_diverges_ends_and_the_others_go_on() -> None:
    env, sound = (make_vec("gym:Hopper-v5", num_envs=2, seed=0, terminate_when_unhealthy=False) for _ in range(2))
    env.reset(seed=0)
    sound.reset(seed=0)
    action = np.zeros((2, 3), np.float32)
    env.physics.bind("xfrc_applied")[0] = 1e15
    obs, reward, terminated, truncated, infos = env.step(action)
    assert np.isfinite(obs).all()
    assert (reward[0], terminated[0], truncated[0], infos["final_info"]["fault"][0]) == (0.0, False, True, True)
    np.testing.assert_array_equal(obs[1], sound.step(action)[0][1])
    np.testing.assert_array_equal(env.step(action)[0][1], sound.step(action)[0][1])
    assert env.num_faults == 1


class _GoalReaching(gymnasium.Env[dict[str, np.ndarray], np.ndarray]):
    """A cart with a goal that only Python knows, observed as a dictionary."""

    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    observation_space = gymnasium.spaces.Dict(
        {"state": gymnasium.spaces.Box(-np.inf, np.inf, (2,)), "goal": gymnasium.spaces.Box(-1, 1, (1,))}
    )

    def __init__(self) -> None:
        self.model = mujoco.MjModel.from_xml_string(ROBOT)
        self.data = mujoco.MjData(self.model)
        self.goal = np.zeros(1)

    def _observe(self) -> dict[str, np.ndarray]:
        return {"state": np.concatenate((self.data.qpos, self.data.qvel)), "goal": self.goal.copy()}

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        super().reset(seed=seed)
        mujoco.mj_resetData(self.model, self.data)
        self.goal = self.np_random.uniform(-1, 1, 1)
        return self._observe(), {}

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        self.data.ctrl[:] = action
        mujoco.mj_step(self.model, self.data)
        near = bool(abs(self.data.qpos[0] - self.goal[0]) < 0.05)
        return self._observe(), float(near), False, False, {"is_success": near, "name": "cart"}


def test_a_gym_robot_cannot_be_built_anew() -> None:
    with pytest.raises(EnvsError, match=r"link_length\[torso\]: compiles the model anew, but a gym: environment"):
        make_vec("gym:Hopper-v5", num_envs=1, domain={"parameters": {"link_length": {"select": "torso", "scale": 2}}})


@pytest.fixture
def goal_reaching() -> Iterator[str]:
    """Register the environment above."""
    gymnasium.register("GoalReaching-v0", entry_point=_GoalReaching, max_episode_steps=20)
    yield "gym:GoalReaching-v0"
    del gymnasium.registry["GoalReaching-v0"]


def test_a_dictionary_observation_is_flattened_by_name(goal_reaching: str) -> None:
    env = make_vec(goal_reaching, num_envs=4, seed=0, domain={"parameters": {"body_mass": {"scale": 3}}})
    assert sorted(env.task.observation_names) == ["goal.0", "state.0", "state.1"]
    assert env.task.max_episode_steps == 20
    obs, _ = env.reset(seed=0)
    goal = env.task.observation_names.index("goal.0")
    assert len(set(obs[:, goal])) == 4
    *_, infos = env.step(np.ones((4, 1), np.float32))
    assert infos["is_success"].shape == (4,)
    assert "name" not in infos
    state = env.get_state()
    other = make_vec(goal_reaching, num_envs=4, domain=env.domain, seed=5)
    other.set_state(state)
    action = np.ones((4, 1), np.float32)
    np.testing.assert_array_equal(env.step(action)[0], other.step(action)[0])


class _Welded(_GoalReaching):
    """A cart whose spring to the world is set after its model was compiled, as Fetch sets its welds."""

    def __init__(self) -> None:
        super().__init__()
        weld = '<equality><joint joint1="slide" polycoef="0 1 0 0 0"/></equality>'
        self.model = mujoco.MjModel.from_xml_string(ROBOT.replace("<actuator>", weld + "<actuator>"))
        self.data = mujoco.MjData(self.model)
        self.model.eq_data[0, 0] = 0.3


class _Blind(_GoalReaching):
    """A cart whose sensor breaks at its third step, while all else is sound."""

    def _observe(self) -> dict[str, np.ndarray]:
        broken = self.data.time > 0.025
        return {**super()._observe(), "goal": np.full(1, np.nan) if broken else self.goal.copy()}


@pytest.fixture
def register() -> Iterator[Any]:
    """Register environment classes; give the function that does."""
    ids: list[str] = []

    def add(cls: type) -> str:
        ids.append(f"{cls.__name__.strip('_')}-v0")
        gymnasium.register(ids[-1], entry_point=cls, max_episode_steps=20)
        return f"gym:{ids[-1]}"

    yield add
    for name in ids:
        del gymnasium.registry[name]


@pytest.mark.parametrize("parameter", ["body_mass", "gravity", "dof_armature", "dof_damping"])
def test_neutral_parameters_leave_what_an_environment_set_after_compiling(register: Any, parameter: str) -> None:
    name = register(_Welded)
    operation = {"add": 0.0} if parameter == "dof_armature" else {"scale": 1.0}
    plain, neutral = (
        make_vec(name, num_envs=2, seed=0, domain=d) for d in (None, {"parameters": {parameter: operation}})
    )
    np.testing.assert_array_equal(plain.reset()[0], neutral.reset()[0])
    for action in random_actions(plain, 15):
        np.testing.assert_array_equal(plain.step(action)[0], neutral.step(action)[0])
    assert neutral.physics.world(0)[0].eq_data[0, 0] == 0.3


def test_a_reading_that_is_no_number_is_a_fault(register: Any) -> None:
    env = make_vec(register(_Blind), num_envs=2, seed=0)
    last = env.reset()[0]
    faults = []
    for action in random_actions(env, 9):
        obs, reward, _, truncated, infos = env.step(action)
        assert np.isfinite(obs).all()
        assert np.isfinite(reward).all()
        faults.append(infos["fault"].all())
        if truncated.all():
            np.testing.assert_array_equal(infos["final_obs"], last)  # its last sound observation
        last = obs
    assert faults == [False, False, True] * 3


class _Halved(_GoalReaching):
    """A cart with a second action that drives nothing; the first counts half."""

    def __init__(self) -> None:
        super().__init__()
        self.action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

    def step(self, action: np.ndarray) -> Any:
        return super().step(0.5 * action[:1])


def test_the_gate_knows_springs_that_pull_elsewhere_and_servos_of_velocity(robot: str) -> None:
    joint = '<joint name="slide" type="slide" axis="1 0 0" damping="1"'
    model = ROBOT.replace(joint, f'{joint} stiffness="5" springref="0.2"')
    servo = '<velocity name="push" joint="slide" kv="2" ctrlrange="-1 1"/>'
    Path("robot.xml").write_text(model.replace('<motor name="push" joint="slide" ctrlrange="-1 1"/>', servo))
    shifted = {"rest_pose": {"add": 0.1}, "servo_kd": {"scale": 0.7}, "actuator_strength": {"scale": 0.5}}

    def make(parameters: dict[str, Any]) -> Any:
        return lambda num, seed: make_vec(
            f"{robot}:Cart", num_envs=num, seed=seed, domain={"parameters": parameters}, max_episode_steps=None
        )

    found = read_back(WorldPair.prepare(make({}), make(shifted), 0))
    assert [q for q in found if q.wrong] == []
    assert {q.name for q in found if q.known} >= {"rest_pose[slide]", "servo_kd[push]", "actuator_strength[push]"}


@pytest.mark.parametrize("parameter", ["action_noise", "action_scale", "action_delay", "action_dead_zone"])
def test_the_gate_measures_actions_where_controls_are_others(register: Any, parameter: str) -> None:
    name, size = register(_Halved), {"action_delay": 3, "action_scale": 0.5}.get(parameter, 0.1)
    domain = Domain.parse({"parameters": {parameter: {"select": "action.0", "set": size}}})

    def make(domain: Domain | None) -> Any:
        return lambda num, seed: make_vec(name, num_envs=num, seed=seed, domain=domain)

    found = read_back(WorldPair.prepare(make(None), make(domain), 0))
    assert [q for q in found if q.wrong] == []
    assert {q.name for q in found if q.known} >= {f"{parameter}[action.0]", "other actions"}


def test_worlds_that_were_never_reset_are_left_alone(register: Any) -> None:
    env = make_vec(register(_GoalReaching), num_envs=2, seed=0)
    env.reset(options={"reset_mask": np.array([True, False])})
    for _ in range(30):
        _, reward, _, _, infos = env.step(np.ones((2, env.single_action_space.shape[0]), np.float32))
    assert env.get_state()["physics.lengths"].tolist() == [10, 0]
    assert not reward[1]
    assert not infos["fault"].any()


def test_fidelity_reaches_gym_worlds(goal_reaching: str) -> None:
    env = make_vec(
        "gym:Hopper-v5", num_envs=1, seed=0, domain={"fidelity": {"integrator": "implicitfast", "sim_dt": 0.004}}
    )
    model, _ = env.physics.world(0)
    assert (model.opt.integrator, model.opt.timestep) == (mujoco.mjtIntegrator.mjINT_IMPLICITFAST, 0.004)
    env.reset(seed=0)
    env.step(np.zeros((1, 3), np.float32))
    assert env.physics.world(0)[1].time == pytest.approx(0.008)  # one control step, as before
    with pytest.raises(EnvsError, match=r"fidelity\.sim_dt: this environment does not say how many substeps"):
        make_vec(goal_reaching, num_envs=1, domain={"fidelity": {"sim_dt": 0.005}})
