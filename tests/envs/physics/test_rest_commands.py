"""Commands at the start of an episode: those that hold the initial pose, within the actuators' range."""

from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest

from envs import ENVS, Domain, DomainVectorEnv, Fidelity, make_vec
from envs.physics.rest_commands import RestCommands
from envs.tasks.quadruped import POSE

KNEE = """
<mujoco><option timestep="0.005"/><worldbody>
  <body name="thigh" pos="0 0 .6"><geom type="box" size=".03 .03 .03" mass=".5" contype="0" conaffinity="0"/>
    <body name="calf"><joint name="calf" type="hinge" axis="0 1 0" range="-154 -52" ref="-103" damping=".5"
      armature=".02"/><geom type="capsule" fromto="0 0 0 0 0 -.2" size=".02" mass=".2"/></body></body></worldbody>
  <tendon><fixed name="belt"><joint joint="calf" coef="0.5"/></fixed></tendon>
  <actuator>{}</actuator></mujoco>
"""
SERVO = '<position name="calf" joint="calf" kp="20" inheritrange="1"/>'
HOME = np.deg2rad(-103)
CHANNELS: dict[str, Any] = {
    "action_delay": {"set": 3},
    "action_jitter": {"set": 3},
    "action_lag": {"set": 0.05},
    "action_rate_limit": {"set": 0.01},
    "action_backlash": {"set": 0.2},
    "action_repeat": {"set": 4},
}


class Knee:
    """A knee that is asked nothing; it starts off home."""

    frame_skip, max_episode_steps, cheap = 2, 50, Fidelity()
    observation_names = ("angle", "speed")

    def __init__(self, actuator: str = SERVO) -> None:
        self._actuator = actuator

    def spec(self) -> mujoco.MjSpec:
        return mujoco.MjSpec.from_string(KNEE.format(self._actuator))

    def reset(self, physics: Any, ids: Any, draws: Any) -> None:
        physics.qpos[ids] += draws.uniform(-0.3, 0.3, 1)

    def observe(self, physics: Any) -> Any:
        return np.concatenate((physics.qpos, physics.qvel), axis=1)

    def measure(self, physics: Any) -> Any:
        return {"angle": physics.qpos[:, 0].copy()}

    def reward(self, before: Any, after: Any, physics: Any, action: Any) -> Any:
        return {"reward_moved": after["angle"] - before["angle"]}

    def info(self, before: Any, after: Any, physics: Any) -> Any:
        return {}

    def terminated(self, physics: Any) -> Any:
        return np.zeros(physics.num_envs, np.bool_)


def knees(parameters: Any, actuator: str = SERVO) -> DomainVectorEnv:
    domain = Domain.parse({"parameters": parameters})
    return DomainVectorEnv(Knee(actuator), domain, num_envs=3, num_threads=1)


ZERO_FORCE = {
    "position": SERVO,
    "geared": '<position joint="calf" kp="20" gear="-2" ctrlrange="-9 9"/>',
    "belt": '<position tendon="belt" kp="20" kv="1" ctrlrange="-9 9"/>',
    "slow": '<position joint="calf" kp="20" timeconst="0.1" ctrlrange="-9 9"/>',
    "pid": '<pid joint="calf" kp="20" kv="1" input="pos" ctrlrange="-9 9"/>',
    "dcmotor": '<dcmotor joint="calf" motorconst="1 1" resistance="1" input="pos" controller="5 0 1 0 0 0" '
    'ctrlrange="-9 9"/>',
    "general": '<general joint="calf" gaintype="affine" biastype="affine" gainprm="3 1" biasprm="2 -5 -1" '
    'ctrlrange="-90 90"/>',
    "velocity": '<velocity joint="calf" kv="3" ctrlrange="-1 1"/>',
    "motor": '<motor joint="calf" gear="5" ctrlrange="-1 1"/>',
    "damper": '<damper joint="calf" kv="3" ctrlrange="0 1"/>',
    "muscle": '<muscle joint="calf" ctrlrange="0 1" lengthrange="-3 0"/>',
}


@pytest.mark.parametrize("name", ZERO_FORCE)
def test_an_actuator_at_rest_exerts_no_force(name: str) -> None:
    model = mujoco.MjModel.from_xml_string(KNEE.format(ZERO_FORCE[name]))
    data = mujoco.MjData(model)
    data.qpos[0] = -1.3
    mujoco.mj_forward(model, data)
    passive = data.actuator_force.copy() if name == "muscle" else 0.0  # a muscle's own elasticity
    gain, bias = model.actuator_gainprm[None], model.actuator_biasprm[None]
    data.ctrl[:] = RestCommands(model).compute(data.actuator_length[None], gain, bias)[0]
    if model.na:  # a filter that has settled
        data.act[:] = data.ctrl
    mujoco.mj_forward(model, data)
    np.testing.assert_allclose(data.actuator_force - passive, 0.0, atol=1e-12)
    assert (data.ctrl[0] == 0.0) == (name in ("velocity", "motor", "damper", "muscle"))
    assert not np.signbit(data.ctrl[0]) or data.ctrl[0] < 0


def test_an_integrator_rests_at_zero() -> None:
    integrating = '<intvelocity joint="calf" kp="20" actrange="-2 2" ctrlrange="-1 1"/>'
    model = mujoco.MjModel.from_xml_string(KNEE.format(integrating))
    gain, bias = model.actuator_gainprm[None], model.actuator_biasprm[None]
    assert RestCommands(model).compute(np.full((1, 1), HOME), gain, bias).tolist() == [[0.0]]


@pytest.mark.parametrize("channel", CHANNELS)
def test_who_goes_on_holding_the_pose_notices_no_channel(channel: str) -> None:
    plain, shifted = knees({}), knees({channel: CHANNELS[channel]})
    start = plain.reset(seed=0)[0]
    np.testing.assert_array_equal(shifted.reset(seed=0)[0], start)
    action = start[:, :1].astype(np.float32)
    for _ in range(10):
        plain.step(action)
        shifted.step(action)
        np.testing.assert_allclose(shifted.physics.commands, action, atol=1e-6)
        np.testing.assert_allclose(shifted.physics.qpos, plain.physics.qpos, atol=1e-6)


def test_each_world_starts_from_its_own_pose_whatever_its_gain_and_again_after_every_end() -> None:
    """The constant of a servo's bias is part of its target: 20 (target + 3/20 - angle) scales as a whole."""
    biased = '<general name="calf" joint="calf" biastype="affine" gainprm="20" biasprm="3 -20 -1" ctrlrange="-9 9"/>'
    parameters = {"action_delay": {"set": 2}, "servo_kp": {"scale": {"uniform": [0.5, 2.0]}}}
    env = knees(parameters, biased)
    env.reset(seed=0)
    for _ in range(2):
        start, kp = env.physics.qpos[:, 0].copy(), 20 * env.parameters["servo_kp"]
        assert len({*start, *kp}) == 6
        env.step(np.zeros((3, 1), np.float32))
        np.testing.assert_allclose(env.physics.commands[:, 0], start - 3 / 20, rtol=1e-12)
        env.reset()


def test_the_rest_lies_within_the_range_and_passes_what_has_no_memory() -> None:
    narrow = '<position joint="calf" kp="20" ctrlrange="-1.6 -1"/>'
    env = knees({"action_lag": {"set": 1e9}, "action_scale": {"set": 0.5}}, narrow)
    env.reset(seed=3)
    rest = np.clip(env.physics.qpos, np.float64(-1.6), -1.0)
    env.step(np.full((3, 1), -1.2, np.float32))
    np.testing.assert_allclose(env.physics.handed, rest / 2, rtol=1e-6)
    always = '<motor joint="calf" ctrlrange="0.2 1"/>'
    env = knees({"action_delay": {"set": 1}}, always)
    env.reset()
    env.step(np.ones((3, 1), np.float32))
    np.testing.assert_array_equal(env.physics.commands, np.float64(np.float32(0.2)) * np.ones((3, 1)))


@pytest.mark.parametrize("name", [name for name in ENVS if name != "quadruped"])  # that one has servos
def test_the_motors_of_all_tasks_rest_at_zero(name: str) -> None:
    env = make_vec(name, num_envs=2, num_threads=1, domain={"parameters": {"action_delay": {"set": 1}}})
    env.reset()
    rest = env.physics.rest_commands(np.arange(2))
    assert rest.tobytes() == np.zeros_like(rest).tobytes()


def test_the_servos_of_the_quadruped_rest_at_its_pose() -> None:
    env = make_vec("quadruped", num_envs=3, num_threads=1, domain={"parameters": {"action_delay": {"set": 1}}})
    env.reset(seed=0)
    np.testing.assert_allclose(env.physics.rest_commands(np.arange(3)), env.physics.qpos[:, 7:] - POSE, atol=1e-12)


class _KneeEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """The knee with a servo as an environment of Gymnasium."""

    def __init__(self, low: float = -1.5) -> None:
        servo = '<position joint="calf" kp="20" ctrlrange="-2.5 -1"/>'
        self.model = mujoco.MjModel.from_xml_string(KNEE.format(servo))
        self.data = mujoco.MjData(self.model)
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,))
        self.action_space = gymnasium.spaces.Box(low, -1.0, (1,))
        self.sent: list[float] = []

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[0] = -1.9
        return self.data.qpos.copy(), {}

    def step(self, action: np.ndarray) -> Any:
        self.sent.append(float(action[0]))
        return self.data.qpos.copy(), 0.0, False, False, {}


@pytest.mark.parametrize(("low", "rest"), [(-2.5, -1.9), (-1.5, -1.0)])
def test_an_action_of_gymnasium_rests_at_the_pose_only_where_it_is_the_control(low: float, rest: float) -> None:
    """Where the action space is not the range of the controls, 0 is as near to rest as one can know."""
    gymnasium.register("Knee-v0", entry_point=_KneeEnv, max_episode_steps=50)
    try:
        env = make_vec("gym:Knee-v0", num_envs=2, domain={"parameters": {"action_delay": {"set": 2}}}, low=low)
        env.reset()
        for _ in range(3):
            env.step(np.full((2, 1), -1.25, np.float32))
    finally:
        del gymnasium.registry["Knee-v0"]
    np.testing.assert_allclose(env.physics._envs[0].sent, [rest, rest, -1.25], rtol=1e-6)
