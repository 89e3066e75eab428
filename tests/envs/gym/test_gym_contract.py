"""Environments of Gymnasium: what they get, what they must return, their own limits, and that they are closed."""

import gc
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from agents import VectorAdapter
from envs import EnvsError, make, make_vec

CART = """
<mujoco><option timestep="0.01"/><worldbody><body name="cart">
  <joint name="slide" type="slide" axis="1 0 0" damping="1"/><geom size="0.1" mass="2"/></body></worldbody>
  <actuator><motor name="push" joint="slide" ctrlrange="-1 1"/></actuator></mujoco>
"""
DELAYED = {"parameters": {"action_delay": {"set": 1}}}
LOUD = {"parameters": {"action_scale": {"set": 3.0}, "action_noise": {"set": 0.5}}}


class Cart(gymnasium.Env[Any, Any]):
    """A cart on a rail; subclasses break one rule each."""

    observation_space: spaces.Space[Any] = spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space: spaces.Space[Any] = spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, **options: Any) -> None:
        self.model = mujoco.MjModel.from_xml_string(CART)
        self.data = mujoco.MjData(self.model)
        self.seen: list[Any] = []

    def obs(self) -> Any:
        return np.concatenate([self.data.qpos, self.data.qvel])

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        mujoco.mj_resetData(self.model, self.data)
        self.steps = 0
        self.data.qpos[:] = self.np_random.uniform(-0.05, 0.05, 1)
        return self.obs(), {}

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action), f"{action!r} is not in {self.action_space}"
        self.seen.append(action.copy())
        self.data.ctrl[:] = np.mean(action)
        mujoco.mj_step(self.model, self.data)
        self.steps += 1
        return self.obs(), 1.0, False, False, {"steps": self.steps}


Register = Callable[..., str]


@pytest.fixture
def register() -> Iterator[Register]:
    """Register a class of environments; give the function that does, and returns its name for `make_vec`."""
    ids: list[str] = []

    def add(cls: type, max_episode_steps: int | None = 50) -> str:
        ids.append(f"{cls.__name__.strip('_')}-v0")
        gymnasium.register(ids[-1], entry_point=cls, max_episode_steps=max_episode_steps)
        return f"gym:{ids[-1]}"

    yield add
    for name in ids:
        del gymnasium.registry[name]


def variant(**members: Any) -> type:
    """Return a class of carts with other members."""
    return type("Variant", (Cart,), members)


def returning(change: Callable[[list[Any]], Any]) -> type:
    """Return a class of carts whose step returns what `change` makes of the five values."""
    return variant(step=lambda self, action: change(list(Cart.step(self, action))))


def replacing(index: int, value: Any) -> type:
    return returning(lambda five: (*five[:index], value, *five[index + 1 :]))


def raising(self: Cart, action: Any) -> Any:
    raise ZeroDivisionError


BROKEN = {
    "four values": (returning(lambda v: (v[0], v[1], v[2], v[4])), r"step must return five values.*got 4 values"),
    "no tuple": (returning(list), "step must return five values.*got list"),
    "old reset": (
        variant(reset=lambda self, seed=None, options=None: Cart.reset(self, seed=seed)[0]),
        "reset must .*arr",
    ),
    "reset without seed": (variant(reset=lambda self: Cart.reset(self)), r"reset\(seed=...\) raises TypeError"),
    "reward array": (replacing(1, np.ones(1)), r"one number as reward.*got an array of float64 \(1,\)"),
    "reward none": (replacing(1, None), "one number as reward.*got NoneType None"),
    "reward text": (replacing(1, "1.0"), "one number as reward.*got str '1.0'"),
    "reward tensor": (replacing(1, [1.0]), "one number as reward.*got list"),
    "terminated none": (replacing(2, None), "True or False as terminated.*got NoneType"),
    "terminated array": (replacing(2, np.zeros(1, np.bool_)), "True or False as terminated.*got an array of bool"),
    "truncated text": (replacing(3, "no"), "True or False as truncated.*got str 'no'"),
    "truncated dict": (replacing(3, {}), "True or False as truncated.*got a dict with keys none"),
    "info list": (replacing(4, []), "with a dict as info.*got list"),
    "long": (replacing(0, np.zeros(3)), r"step must return an observation of numbers \(2,\).*float64 \(3,\)"),
    "scalar": (replacing(0, np.zeros(())), r"an observation of numbers \(2,\).*float64 \(\)"),
    "text": (replacing(0, np.array(["a", "b"])), r"an observation of numbers \(2,\).*<U1 \(2,\)"),
    "ragged": (replacing(0, [[1.0], 2.0]), r"an observation of numbers \(2,\).*got list"),
    "dict": (replacing(0, {"obs": 1}), r"an observation of numbers \(2,\).*got a dict with keys obs"),
    "missing key": (
        variant(observation_space=spaces.Dict(a=spaces.Box(-1, 1, (1,)))),
        r"reset must return a dict with keys 'a' as observation.*got an array of float64 \(2,\)",
    ),
    "long key": (
        variant(observation_space=spaces.Dict(a=spaces.Box(-1, 1, (1,))), obs=lambda self: {"a": np.zeros(2)}),
        r"reset must return an observation whose 'a' is an array of numbers \(1,\).*float64 \(2,\)",
    ),
    "raises": (variant(step=raising), r"step raises ZeroDivisionError: without a message \(.*test_gym_contract.py"),
    "no data": (variant(data=property(lambda self: None, lambda self, value: None)), "no MjData `data`"),
    "discrete": (variant(action_space=spaces.Discrete(2)), r"actions must be a Box .*got Discrete\(2\)"),
    "many": (variant(action_space=spaces.MultiDiscrete([2, 3])), r"actions must be a Box .*got MultiDiscrete"),
    "integers": (variant(action_space=spaces.Box(0, 9, (1,), np.int64)), "Box of floating-point numbers, got Box"),
    "tuple": (variant(observation_space=spaces.Tuple([])), r"observation 'obs' must be a Box, got Tuple\(\)"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_breaks_the_interface_is_told_when_worlds_are_built(register: Register, name: str) -> None:
    cls, message = BROKEN[name]
    with pytest.raises(EnvsError, match=f"^gym:Variant-v0: .*{message}"):
        make_vec(register(cls), num_envs=2)


def test_what_breaks_the_interface_later_is_told_then(register: Register) -> None:
    env = make_vec(register(returning(lambda v: tuple(v) if v[4]["steps"] < 5 else tuple(v[:4]))), num_envs=2)
    env.reset()
    for _ in range(4):
        env.step(np.zeros((2, 1), np.float32))
    with pytest.raises(EnvsError, match="five values"):
        env.step(np.zeros((2, 1), np.float32))


def test_numbers_of_other_kinds_are_numbers(register: Register) -> None:
    others = returning(lambda v: (v[0].tolist(), np.array(2, np.int32), np.bool_(False), 0, v[4]))
    env = make_vec(register(others), num_envs=2)
    env.reset()
    _, reward, terminated, truncated, _ = env.step(np.zeros((2, 1), np.float32))
    assert (reward.tolist(), terminated.any(), truncated.any()) == ([2.0, 2.0], False, False)


def test_environments_whose_models_differ_in_size_are_told(register: Register) -> None:
    class _Grows(Cart):
        made = 0

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            _Grows.made += 1
            more = '<body><joint/><geom size="0.1"/></body>' * (_Grows.made // 3)
            self.model = mujoco.MjModel.from_xml_string(CART.replace("</worldbody>", more + "</worldbody>"))
            self.data = mujoco.MjData(self.model)

    with pytest.raises(EnvsError, match=r"models of one size, \(nq, nv, .*got \(1, 1, 1, 2, 1\) and \(2, 2, 1, 3, 2\)"):
        make_vec(register(_Grows), num_envs=2)


# Actions


@pytest.mark.parametrize("domain", [None, DELAYED, LOUD], ids=["nominal", "delayed", "loud"])
@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-1, 1, (1,), np.float32),
        spaces.Box(-0.7, 0.3, (1,), np.float64),
        spaces.Box(-1, 1, (), np.float32),
        spaces.Box(np.array([[-1.0, 0.25], [-0.1, -1.0]]), np.array([[1.0, 0.5], [0.3, -0.5]]), dtype=np.float64),
        spaces.Box(-np.inf, np.inf, (2,), np.float32),
        spaces.Box(-1e300, 1e300, (1,), np.float64),
    ],
    ids=str,
)
def test_an_environment_gets_actions_of_its_space(register: Register, space: spaces.Box, domain: Any) -> None:
    """The environment itself refuses all others; what is within arrives as it is."""
    env = make_vec(register(variant(action_space=space)), num_envs=3, domain=domain)
    env.reset(seed=0)
    size = env.single_action_space.shape
    assert size == (int(np.prod(space.shape)),)
    rng = np.random.default_rng(0)
    for _ in range(20):
        actions = rng.uniform(-1.5, 1.5, (3, *size)).astype(np.float32)
        env.step(actions)
        if domain is None:
            expected = np.clip(actions[1].reshape(space.shape), space.low, space.high)
            np.testing.assert_array_equal(env.physics._envs[1].seen[-1], expected.astype(space.dtype))


class _Writes(Cart):
    """A cart that writes into whatever it can reach: its action, the observation and info it has returned."""

    def step(self, action: Any) -> Any:
        returned = super().step(action)
        action *= 0.5
        if self.steps > 1:
            self.last[0][:] = np.nan
            self.last[4]["steps"] = np.array(7)
        self.last = returned
        return returned


def test_an_environment_that_writes_changes_nothing_of_ours(register: Register) -> None:
    runs = []
    for cls in (_Writes, Cart):
        env = VectorAdapter(make_vec(register(cls), num_envs=2), seed=0, history=2)
        env.reset()
        actions = np.full((2, 1), 0.8, np.float32)
        seen = [env.step_arrays(actions).obs for _ in range(5)]
        assert (actions == np.float32(0.8)).all()
        state = env.env.get_state()  # type: ignore[attr-defined]
        env.env.set_state(state)  # type: ignore[attr-defined]
        runs.append([*seen, env.step_arrays(actions).obs, state["physics.growing.actions"]])
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, other)


# Ends


class _Cuts(Cart):
    """A cart that truncates its episode after its own number of steps, and ends it where that is a multiple of 3."""

    def step(self, action: Any) -> Any:
        obs, reward, _, _, info = super().step(action)
        return obs, reward, self.steps >= 21, self.steps >= 20 and action[0] < 0.5, info


@pytest.mark.parametrize("limit", [None, 50, 15])
def test_an_environments_own_truncation_is_one(register: Register, limit: int | None) -> None:
    env = make_vec(register(_Cuts, limit), num_envs=2)
    env.reset(seed=0)
    cut, ended = [], []
    for step in range(60):
        _, _, terminated, truncated, infos = env.step(np.array([[0.0], [1.0]], np.float32))
        cut.append(truncated)
        ended.append(terminated)
        assert ("final_obs" in infos) == bool((terminated | truncated).any()), step
    steps = [(np.flatnonzero(column) + 1).tolist() for column in (*np.transpose(cut), *np.transpose(ended))]
    assert steps == ([[15, 30, 45, 60]] * 2 + [[], []] if limit == 15 else [[20, 40, 60], [], [], [21, 42]])


def test_a_truncation_survives_saving_and_stays_one_where_worlds_wait(register: Register) -> None:
    name = register(_Cuts)
    env, other = (make_vec(name, num_envs=2, seed=s, autoreset_mode=AutoresetMode.DISABLED) for s in (0, 9))
    env.reset()
    actions = np.array([[0.0], [1.0]], np.float32)
    for _ in range(15):
        env.step(actions)
    other.set_state(env.get_state())
    for _ in range(12):
        for one, two in zip(env.step(actions)[:4], other.step(actions)[:4], strict=True):
            assert one.tobytes() == two.tobytes()
    assert not env.step(actions)[3].any()  # those that ended wait
    single = make(name)
    single.reset(seed=0)
    assert [single.step(actions[0])[2:4] for _ in range(20)][-1] == (False, True)


def test_a_learner_bootstraps_through_an_environments_own_truncation(register: Register) -> None:
    env = VectorAdapter(make_vec(register(_Cuts), num_envs=2), seed=0)
    env.reset()
    for _ in range(21):
        env.step_async(np.array([[0.0], [1.0]], np.float32))
        _, _, done, infos = env.step_wait()
        for world in np.flatnonzero(done):
            assert infos[world]["TimeLimit.truncated"] == (world == 0)
    assert (env.episodes, env.terminations) == (2, 1)


# What is saved


def test_what_is_saved_grows_with_the_episodes_not_with_the_limit(register: Register) -> None:
    name = register(_Cuts, 1_000_000)
    env, other = (make_vec(name, num_envs=2, domain=LOUD, seed=s) for s in (0, 9))
    env.reset()
    sizes = []
    for step in range(50):
        env.step(np.full((2, 1), 0.0, np.float32))
        if step in (9, 18, 45):
            state = env.get_state()
            sizes.append(len(state["physics.growing.actions"]))
            assert sum(values.nbytes for values in state.values()) < 3000
            other.set_state(state)
            again = other.get_state()
            assert all(again[key].tobytes() == values.tobytes() for key, values in state.items())
    assert sizes == [20, 38, 2 * (46 - 40)]
    with pytest.raises(EnvsError, match=r"state: episodes of \[6, 6\] steps, .* do not go with 11 actions"):
        other.set_state({**state, "physics.growing.actions": state["physics.growing.actions"][1:]})
    with pytest.raises(EnvsError, match=r"differing entries: physics\.growing\.actions"):
        other.set_state({**state, "physics.growing.actions": np.zeros((12, 2), np.float32)})


def test_a_long_episode_continues_bit_for_bit(register: Register) -> None:
    """There is room for 64 steps at first."""
    name = register(Cart, 1000)
    env, other = (make_vec(name, num_envs=2, domain=LOUD, seed=s) for s in (0, 9))
    env.reset()
    actions = np.random.default_rng(0).uniform(-1, 1, (200, 2, 1)).astype(np.float32)
    for action in actions[:150]:
        env.step(action)
    other.set_state(env.get_state())
    for action in actions[150:]:
        assert env.step(action)[0].tobytes() == other.step(action)[0].tobytes()


# Closing


@pytest.fixture
def counted(register: Register) -> tuple[str, dict[str, int]]:
    """Register carts that count how many are made and closed; give their name and the counts."""
    count = {"made": 0, "closed": 0}

    class _Counted(Cart):
        def __init__(self, **options: Any) -> None:
            count["made"] += 1
            if options.get("fail_at") == count["made"]:
                raise RuntimeError("no more")
            super().__init__(**options)

        def close(self) -> None:
            count["closed"] += 1

    return register(_Counted), count


def test_environments_are_closed_once(counted: tuple[str, dict[str, int]]) -> None:
    name, count = counted
    env = make_vec(name, num_envs=4)
    env.reset(seed=0)
    env.close()
    env.close()
    single = make(name)
    single.close()
    assert count["made"] == count["closed"] >= 4 + 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"domain": {"parameters": {"body_mass": {"select": "none", "scale": 2}}}},
        {"domain": {"fidelity": {"sim_dt": 0.005}}},
        {"fail_at": 4},
    ],
    ids=["selector", "fidelity", "constructor"],
)
def test_environments_are_closed_where_worlds_cannot_be_built(
    counted: tuple[str, dict[str, int]], arguments: dict[str, Any]
) -> None:
    name, count = counted
    with pytest.raises(EnvsError):
        make_vec(name, num_envs=4, **arguments)
    assert count["closed"] == count["made"] - ("fail_at" in arguments)


def test_environments_are_closed_with_worlds_that_are_forgotten(counted: tuple[str, dict[str, int]]) -> None:
    name, count = counted
    env = make_vec(name, num_envs=2)
    del env
    gc.collect()
    assert count["made"] == count["closed"]


def test_one_that_fails_to_close_leaves_none_open(register: Register, caplog: pytest.LogCaptureFixture) -> None:
    env = make_vec(register(variant(close=lambda self: 1 / 0)), num_envs=2)
    caplog.clear()
    env.close()
    assert [record.message for record in caplog.records] == [
        "gym:Variant-v0: close raises ZeroDivisionError: division by zero"
    ] * 2
