"""Agents that read several observation groups: who reads what, what is frozen, saved, continued and carried over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector.utils import batch_space
from probes import SMALL, Probe
from stable_baselines3.common.utils import explained_variance

from agents import (
    PPO,
    AgentsError,
    Phase,
    PlanError,
    PPOSettings,
    Surgery,
    TransferPlan,
    VectorAdapter,
    entry_axes,
    parts,
)
from agents.networks.encoders import GroupEncoder
from agents.rollouts import GroupSpace, RowLayout
from agents.sac import SAC, SACSettings

torch.set_num_threads(1)

ENCODERS: dict[str, Any] = {"policy": {"widths": [8]}, "privileged": {"widths": [4]}}
BOTH: dict[str, Any] = {"encoders": ENCODERS, "privileged": ["luck"]}
PPO_BOTH = {**{key: value for key, value in SMALL.items() if key != "encoder"}, **BOTH}
SAC_BOTH: dict[str, Any] = {
    **BOTH, "policy_head": [8], "critic_head": [8], "buffer_size": 512, "batch_size": 16, "learning_starts": 16
}  # fmt: skip
LEARNERS: list[Any] = [(PPO, PPO_BOTH), (SAC, SAC_BOTH)]
ALL = dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), 1.0)


class Luck(Probe):
    """Pays the world's luck, which lasts an episode, less the square of the action; only `privileged` shows it."""

    obs_dim, limit, terminates = 1, 4, True

    def __init__(self, num_envs: int = 8, seed: int = 0, shown: bool = True) -> None:
        super().__init__(num_envs, seed)
        self.luck, self.is_shown = np.zeros(num_envs), shown
        if shown:
            box = spaces.Box(-np.inf, np.inf, (1,), np.float64)
            self.single_observation_space = spaces.Dict({"policy": box, "privileged": box})
            self.observation_space = batch_space(self.single_observation_space, num_envs)

    def begin(self, ids: np.ndarray) -> None:
        self.luck[ids] = self.rng.choice([-1.0, 1.0], len(ids))
        self.state[ids, 0] = 0.0

    def advance(self, actions: np.ndarray) -> np.ndarray:
        self.state[:, 0] += 1.0
        return self.luck - np.square(actions[:, 0])

    def groups_of(self, obs: np.ndarray, luck: np.ndarray) -> Any:
        return {"policy": obs, "privileged": luck[:, None].copy()} if self.is_shown else obs

    def reset(self, **keywords: Any) -> tuple[Any, dict[str, Any]]:
        obs, infos = super().reset(**keywords)
        return self.groups_of(obs, self.luck), infos

    def step(self, actions: np.ndarray) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        before = self.luck.copy()
        obs, *rest, infos = super().step(actions)
        if "final_obs" in infos:
            infos["final_obs"] = self.groups_of(infos["final_obs"], before)
        return self.groups_of(obs, self.luck), *rest, infos

    def get_state(self) -> dict[str, np.ndarray]:
        return {**super().get_state(), "luck": self.luck.copy()}

    def set_state(self, saved: dict[str, np.ndarray]) -> None:
        super().set_state(saved)
        self.luck[:] = saved["luck"]


def test_rows_by_hand() -> None:
    adapter = VectorAdapter(Luck(2), layout=RowLayout({"privileged": 1, "policy": 2}, ("luck",)))
    space = adapter.observation_space
    assert isinstance(space, GroupSpace)
    assert list(space.groups) == ["policy", "privileged"]
    assert space.columns == {"policy": slice(0, 6), "privileged": slice(6, 7)}
    luck = lambda: adapter.env.luck.tolist()  # type: ignore[attr-defined] # noqa: E731
    rows = adapter.reset()
    assert rows.tolist() == [[0, 0, 0, 0, 0, 1, one] for one in luck()]
    step = adapter.step_arrays(np.array([[0.5], [0.25]]))
    assert step.obs.tolist() == [[0, 0, 1, 1, action, 1, one] for action, one in zip((0.5, 0.25), luck(), strict=True)]
    before = luck()
    for _ in range(3):
        step = adapter.step_arrays(np.full((2, 1), -0.5))
    assert step.ended.tolist() == [0, 1]
    assert step.final_obs.tolist() == [[3, -0.5, 1, 4, -0.5, 1, one] for one in before]
    assert step.obs.tolist() == [[0, 0, 0, 0, 0, 1, one] for one in luck()]


def test_gymnasiums_array_of_dictionaries_is_read_as_well() -> None:
    class Objects(Luck):
        def step(self, actions: np.ndarray) -> Any:
            *rest, infos = super().step(actions)
            if "final_obs" in infos:
                groups = infos["final_obs"]
                rows = [{name: array[world] for name, array in groups.items()} for world in range(self.num_envs)]
                infos["final_obs"] = np.array(rows, object)
            return *rest, infos

    layout = RowLayout({"policy": 1, "privileged": 1}, ("luck",))
    one, two = VectorAdapter(Luck(3, seed=2), layout=layout), VectorAdapter(Objects(3, seed=2), layout=layout)
    one.reset(), two.reset()
    for _ in range(9):
        a, b = (adapter.step_arrays(np.zeros((3, 1))) for adapter in (one, two))
        np.testing.assert_array_equal(a.obs, b.obs)
        np.testing.assert_array_equal(a.final_obs, b.final_obs)


@pytest.mark.parametrize(("learner", "settings"), LEARNERS)
def test_the_policy_does_not_read_privileged_and_the_value_does(learner: Any, settings: Any) -> None:
    agent = learner(Luck(8), settings, seed=0, device="cpu").learn(8 * 8 * 2)
    assert isinstance(agent.policy.encoder, GroupEncoder)
    assert parts.unit_names(agent.policy, ("encoder",)) == (
        "encoder.policy.normalizer",
        "encoder.policy.layers.0",
        "encoder.policy.layers.1",
        "encoder.privileged.normalizer",
        "encoder.privileged.layers.0",
        "encoder.privileged.layers.1",
    )
    rows = torch.tensor([[1.0, -1.0], [1.0, 1.0]])
    one, two = agent.policy._predict(rows, True)
    assert torch.equal(one, two)
    if learner is PPO:
        values = agent.policy.predict_values(rows)
    else:
        values = agent.policy.values_of(agent.policy.encoder(rows), torch.zeros(2, 1)).T
    assert (values[0] != values[1]).all()
    counts = {group: float(agent.policy.encoder.of(group).normalizer.count.max()) for group in ENCODERS}
    assert counts == dict.fromkeys(ENCODERS, 128.0)


def test_a_critic_that_reads_privileged_explains_what_another_cannot() -> None:
    explained = {}
    for name, reads in (("both", {}), ("policy", {"value": ["policy"], "policy": ["policy", "privileged"]})):
        agent = PPO(Luck(64, seed=1), {**PPO_BOTH, "reads": reads, "learning_rate": 3e-3}, seed=0, device="cpu")
        agent.learn(64 * 8 * 30)
        rollout = agent.rollout_buffer
        explained[name] = explained_variance(rollout.values.flatten(), rollout.full_returns.flatten())
    assert explained["both"] > 0.9
    assert explained["policy"] < 0.3


@pytest.mark.parametrize(("learner", "settings"), LEARNERS)
def test_frozen_groups_keep_every_bit_and_training_continues_exactly(learner: Any, settings: Any) -> None:
    source = learner(Luck(8, seed=3), settings, seed=1, device="cpu").learn(8 * 8 * 2)
    plan = TransferPlan({**dict.fromkeys(ALL, "keep"), "encoder.policy": "freeze"}, (Phase("all", ALL),))

    def begun(seed: int) -> Any:
        agent = learner(Luck(8, seed=seed), settings, seed=seed, device="cpu")
        agent.apply_plan(plan, parts.tensors(source.policy))
        return agent

    num, whole, first, second = 8 * 8, begun(4), begun(4), begun(9)
    whole.learn(4 * num)
    first.learn(2 * num)  # schedules are constant
    tensors, state = first.get_training_state()
    second.apply_plan(plan, parts.tensors(source.policy))
    parts.load(second.policy, parts.tensors(first.policy))
    second.set_training_state(tensors, state)
    second.learn(2 * num, reset_num_timesteps=False)
    assert parts.digests(second.policy) == parts.digests(whole.policy)
    before, after = (parts.digests(a.policy, ["encoder.policy", "encoder.privileged"]) for a in (source, whole))
    assert before["encoder.policy"] == after["encoder.policy"]
    assert before["encoder.privileged"] != after["encoder.privileged"]


@pytest.mark.parametrize(("learner", "settings"), LEARNERS)
def test_of_a_group_that_is_not_shown_the_mean_is_read_and_the_plan_says_so(learner: Any, settings: Any) -> None:
    source = learner(Luck(8), settings, seed=1, device="cpu").learn(8 * 8 * 2)
    target = learner(Luck(4, shown=False), settings, seed=2, device="cpu")
    target.apply_plan(TransferPlan(dict.fromkeys(ALL, "keep"), (Phase("all", ALL),)), parts.tensors(source.policy))
    assert target.observation_space.absent == {"privileged": 1}
    mean = source.policy.encoder.of("privileged").normalizer.mean.float()
    short = torch.tensor([[0.0], [1.0], [2.0]])
    full = torch.cat([short, mean.expand(3, 1)], dim=1)
    assert torch.equal(target.policy.encoder(short), source.policy.encoder(full))
    rows = {row.part: row.action for row in target.plan.table(target.policy)}
    assert rows["encoder"] == "kept"
    assert rows["encoder.privileged"] == "kept; privileged is not shown: its mean is read"
    seen = float(target.policy.encoder.of("privileged").normalizer.count.max())
    target.learn(4 * 8 * 3)
    assert float(target.policy.encoder.of("privileged").normalizer.count.max()) == seen
    assert set(entry_axes(target.policy)) > {"encoder.policy.layers.0.weight", "encoder.policy.normalizer.mean"}


def test_settings() -> None:
    settings = PPOSettings.from_mapping(BOTH)
    assert PPOSettings.from_mapping(settings.to_mapping()) == settings
    assert settings.head_groups() == {"policy": ("policy",), "value": ("policy", "privileged")}
    assert settings.layout() == RowLayout({"policy": 1, "privileged": 1}, ("luck",))
    assert PPOSettings.from_mapping({"encoders": {"policy": {"widths": [8]}}}) == PPOSettings.from_mapping(
        {"encoder": {"widths": [8]}}
    )
    camera = {"policy": {}, "camera": {"kind": "history", "length": 3}}
    given = PPOSettings.from_mapping({"encoders": camera, "reads": {"value": ["policy"]}})
    assert given.head_groups() == {"policy": ("policy", "camera"), "value": ("policy",)}
    assert given.layout().steps == {"policy": 1, "camera": 3}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"encoders": ENCODERS, "encoder": {}}, "give one of the two"),
        ({"encoders": {"camera": {}}}, "'policy' must be among them"),
        ({"encoders": {"policy": {"width": 3}}}, r"unknown encoders\.policy setting 'width'"),
        ({"encoders": {"policy": {"kind": "rma"}}}, "reads two groups by itself"),
        ({**BOTH, "reads": {"actor": ["policy"]}}, "unknown head 'actor'"),
        ({**BOTH, "reads": {"value": ["camera"]}}, r"reads\.value: unknown group with an encoder 'camera'"),
        ({**BOTH, "reads": {"value": ["policy"]}}, r"encoders\.privileged: nothing reads this group"),
        ({**BOTH, "reads": {"policy": []}}, r"reads\.policy: it must name at least one group"),
        ({**BOTH, "privileged": "luck"}, "privileged is 'luck': it must be a list of names"),
    ]
    for mapping, words in wrong:
        with pytest.raises(AgentsError, match=words):
            PPOSettings.from_mapping(mapping)
    with pytest.raises(AgentsError, match=r"reads\.value must have 'policy' as reads\.policy has"):
        SACSettings.from_mapping({**BOTH, "reads": {"value": ["privileged"]}})


def test_worlds_that_lack_a_group_and_surgeries_are_refused() -> None:
    with pytest.raises(AgentsError, match="the agent reads group 'camera'; the worlds show policy, privileged"):
        PPO(Luck(2), {**PPO_BOTH, "encoders": {**ENCODERS, "camera": {}}}, device="cpu")
    agent = PPO(Luck(2), PPO_BOTH, device="cpu")
    with pytest.raises(PlanError, match="low_rank: the policy has an encoder for every observation group"):
        agent.operate(Surgery("low_rank"))
