"""SAC: right on worlds with known values, exact budgets, no random action unless asked, no global randomness."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from probes import ActionReward, ConstantReward, LinearWorld, OneStep, Probe, RandomObs, TwoSteps, make_policy_env
from spies import Records
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import DummyVecEnv

from agents import SAC, AgentsError, ExplainedVariance, Phase, SACSettings, TransferPlan, VectorAdapter, parts
from agents.sac.judging import judge_critics

torch.set_num_threads(1)  # networks this small are slower on more

TINY: dict[str, Any] = {
    "encoder": {"widths": [8]},
    "policy_head": [8],
    "critic_head": [8],
    "batch_size": 32,
    "learning_starts": 64,
    "buffer_size": 4096,
    "gradient_steps": 0.25,
}
PROBE: dict[str, Any] = {
    "policy_head": [16],
    "critic_head": [16],
    "batch_size": 64,
    "learning_starts": 64,
    "buffer_size": 2048,
    "learning_rate": 5e-3,
    "schedule": "linear",
    "gradient_steps": 0.25,
    "gamma": 0.9,
    "tau": 0.05,
    "temperature_init": 1e-4,  # and it stays: without entropy the values are those of the rewards alone
}
FIXED_TEMPERATURE = TransferPlan(
    dict.fromkeys(parts.PARTS, "reset"), (Phase("learn", {"encoder": 1.0, "policy_head": 1.0, "critic": 1.0}),)
)


class Actions(BaseCallback):
    """Keeps the scaled actions of every step."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[np.ndarray] = []
        self.env_actions: list[np.ndarray] = []

    def _on_step(self) -> bool:
        self.seen.append(self.locals["buffer_actions"].copy())
        self.env_actions.append(self.locals["actions"].copy())
        return True


def solved(cls: type[Probe], num_steps: int) -> SAC:
    """Return an agent that has taken `num_steps` steps in each of 16 worlds, without entropy."""
    agent = SAC(cls(16), PROBE, seed=0, device="cpu")
    agent.apply_plan(FIXED_TEMPERATURE)
    return agent.learn(16 * num_steps)


@pytest.mark.parametrize(
    ("cls", "obs", "expected"),
    [
        (ConstantReward, [0.0], [10.0]),  # 1 / (1 - 0.9): a time limit is no end
        (OneStep, [0.0], [1.0]),
        (TwoSteps, [0.0, 1.0], [0.9, 1.0]),
        (RandomObs, [-1.0, 1.0], [-1.0, 1.0]),
    ],
)
def test_values_of_probes(cls: type[Probe], obs: list[float], expected: list[float]) -> None:
    agent = solved(cls, 250)
    batch = torch.tensor(obs).reshape(-1, 1)
    with torch.no_grad():
        features = agent.policy.encoder(batch)
        action = torch.tanh(agent.policy.policy_out(features)[:, :1])
        values = agent.policy.critic(features, action)
    np.testing.assert_allclose(values.numpy(), np.tile(expected, (2, 1)), rtol=0.01)


def test_action_of_a_probe() -> None:
    agent = solved(ActionReward, 250)
    action, _ = agent.predict(np.zeros(1, np.float32), deterministic=True)
    assert action[0] == pytest.approx(0.5, rel=0.01)


def test_values_count_entropy_as_reward() -> None:
    """1 a step for ever and a policy that stands still: Q = (1 + gamma temperature H) / (1 - gamma)."""
    agent = SAC(ConstantReward(16), {**PROBE, "temperature_init": 0.5}, seed=0, device="cpu")
    agent.apply_plan(TransferPlan(dict.fromkeys(parts.PARTS, "reset"), (Phase("critics", {"critic": 1.0}),)))
    agent.learn(16 * 250)
    with torch.no_grad():
        features = agent.policy.encoder(torch.zeros(20000, 1))
        noise = torch.randn((20000, 1), generator=torch.Generator().manual_seed(0))
        sample = agent.policy.sample(features, noise)
        entropy = -float(sample.log_prob.mean())
        value = float(agent.policy.critic(features, sample.action).mean())
    assert abs(entropy) > 0.1
    assert value == pytest.approx((1 + 0.9 * 0.5 * entropy) / (1 - 0.9), rel=0.02)


def test_the_first_actions_are_the_policys() -> None:
    spy = Actions()
    agent = SAC(LinearWorld(8), TINY, seed=2, device="cpu")
    fresh = SAC(LinearWorld(8), TINY, seed=2, device="cpu")
    first = VectorAdapter(LinearWorld(8)).reset()
    noise = torch.randn((8, 2), generator=fresh.generator)
    with torch.no_grad():
        expected = fresh.policy.sample(fresh.policy.encoder(torch.from_numpy(first)), noise).action.numpy()
    agent.learn(8 * 3, callback=spy)
    np.testing.assert_array_equal(spy.seen[0], expected)


def test_random_actions_only_where_asked_and_never_after_a_source() -> None:
    """With a policy that hardly varies, spread tells random actions from the policy's."""
    spies = [Actions() for _ in range(4)]
    asked = {**TINY, "random_start": 16, "learning_starts": 4096}

    def still(agent: SAC) -> SAC:
        with torch.no_grad():
            agent.policy.policy_output.weight.zero_()
            agent.policy.policy_output.bias.copy_(torch.tensor([0.3, 0.3, -20.0, -20.0]))
        return agent

    agent = still(SAC(LinearWorld(8), asked, seed=0, device="cpu"))
    agent.learn(8 * 4, callback=spies[0])
    spread = [float(actions.std()) for actions in spies[0].seen]
    assert min(spread[:2]) > 0.3
    assert max(spread[2:]) < 1e-6
    agent.learn(8 * 2, callback=spies[1])  # counted anew, but the start was long ago
    assert max(float(actions.std()) for actions in spies[1].seen) < 1e-6
    keep = {"encoder": "keep", "policy_head": "keep", "value_head": "keep", "log_std": "keep"}
    target = SAC(LinearWorld(8), asked, seed=1, device="cpu")
    target.apply_plan(TransferPlan(keep, (Phase("all", dict.fromkeys(keep, 1.0)),)), parts.tensors(agent.policy))
    target.learn(8 * 4, callback=spies[2])
    assert max(float(actions.std()) for actions in spies[2].seen) < 1e-6
    unasked = still(SAC(LinearWorld(8), {**asked, "random_start": 0}, seed=0, device="cpu"))
    unasked.learn(8 * 2, callback=spies[3])
    assert max(float(actions.std()) for actions in spies[3].seen) < 1e-6


def test_actions_are_in_units_of_the_action_space() -> None:
    class Wide(LinearWorld):
        def __init__(self, num_envs: int) -> None:
            super().__init__(num_envs)
            low, high = np.array([-3.0, 0.0], np.float32), np.array([1.0, 8.0], np.float32)
            self.single_action_space = gym.spaces.Box(low, high)

        def step(self, actions: np.ndarray) -> Any:
            assert (actions >= self.single_action_space.low).all()
            assert (actions <= self.single_action_space.high).all()
            return super().step(np.clip(actions, -1, 1))

    spy = Actions()
    agent = SAC(Wide(8), {**TINY, "random_start": 80}, seed=0, device="cpu").learn(8 * 20, callback=spy)
    scaled, real = np.stack(spy.seen), np.stack(spy.env_actions)
    np.testing.assert_allclose(real, [[[-1.0, 4.0]]] + scaled * [2.0, 4.0], atol=1e-5)
    action, _ = agent.predict(np.zeros(5), deterministic=True)
    assert agent.action_space.contains(action)


@pytest.mark.parametrize("total", [8, 64, 72, 200])
@pytest.mark.parametrize("num_steps", [1, 3])
def test_steps_are_met_exactly(total: int, num_steps: int) -> None:
    agent = SAC(LinearWorld(8), {**TINY, "num_steps": num_steps}, seed=0, device="cpu").learn(total)
    assert isinstance(agent.env, VectorAdapter)
    assert agent.num_timesteps == agent.env.counts["steps"] == agent.replay.size == total


def test_budgets_that_cannot_be_met_name_the_nearest() -> None:
    env = LinearWorld(8)
    with pytest.raises(AgentsError, match=r"8 worlds cannot take exactly 100 steps; nearest: 96 and 104"):
        SAC(env, TINY, seed=0, device="cpu").learn(100)
    assert env.num_resets == 0


@pytest.mark.parametrize(("ratio", "expected"), [(0.25, 24), (1.0, 96), (0.1, 9), (1 / 8, 12)])
def test_updates_per_transition(ratio: float, expected: int) -> None:
    """The first update comes once 64 transitions are there; of 160 those of 12 steps of 8 worlds count then on."""
    agent = SAC(LinearWorld(8), {**TINY, "learning_starts": 72, "gradient_steps": ratio}, seed=0, device="cpu")
    agent.learn(160)
    assert agent._n_updates == expected


def test_callbacks_see_stable_baselines3s_loop() -> None:
    class Spy(BaseCallback):
        seen: list[str] = []

        def _on_rollout_start(self) -> None:
            self.seen.append("start")

        def _on_rollout_end(self) -> None:
            self.seen.append("end")

        def _on_step(self) -> bool:
            self.seen.append("step")
            assert self.locals["new_obs"].shape == (8, 5)
            assert self.locals["actions"].shape == self.locals["buffer_actions"].shape == (8, 2)
            assert len(self.locals["infos"]) == len(self.locals["dones"]) == 8
            for world in np.flatnonzero(self.locals["dones"]):
                assert self.locals["infos"][world]["episode"]["l"] > 0
            return self.num_timesteps < 8 * 17

    spy = Spy()
    agent = SAC(LinearWorld(8), {**TINY, "num_steps": 3}, seed=0, device="cpu").learn(8 * 40, callback=spy)
    assert spy.seen == ["start", *["step"] * 3, "end"] * 5 + ["start", *["step"] * 2]
    assert agent.num_timesteps == agent.replay.size == 8 * 17
    assert isinstance(agent.env, VectorAdapter)
    assert agent.env.counts["episodes"] == agent._episode_num == len(agent.ep_info_buffer or ()) > 0


def test_logs_have_stable_baselines3s_names() -> None:
    records = Records()
    agent = SAC(LinearWorld(8), TINY, seed=0, device="cpu")
    agent.set_logger(Logger(None, [records]))
    agent.learn(8 * 60)
    names = {"critic_loss", "actor_loss", "ent_coef", "ent_coef_loss", "learning_rate", "n_updates"}
    last = records.rows[-1][1]
    assert {f"train/{name}" for name in names} <= set(last)
    assert {"rollout/ep_rew_mean", "rollout/ep_len_mean", "time/fps", "time/episodes", "transfer/phase"} <= set(last)
    assert np.isfinite([value for value in last.values() if not isinstance(value, str)]).all()
    episodes = [row["time/episodes"] // 4 for _, row in records.rows]
    assert episodes == sorted(set(episodes))


def test_same_seed_same_bytes_and_no_global_randomness() -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index] # noqa: NPY002
    ends = []
    for seed in (4, 4, 5):
        agent = SAC(LinearWorld(8), {**TINY, "num_critics": 3}, seed=seed, device="cpu").learn(8 * 30)
        agent.predict(np.zeros((2, 5)), deterministic=False)
        ends.append(parts.digests(agent.policy))
    assert ends[0] == ends[1]
    assert all(ends[0][part] != ends[2][part] for part in ("encoder", "policy_head", "critic", "temperature"))
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])  # type: ignore[index] # noqa: NPY002


def test_predicting_does_not_change_what_training_draws() -> None:
    class Predicts(BaseCallback):
        def _on_step(self) -> bool:
            self.model.predict(np.zeros((3, 5)), deterministic=False)
            return True

    ends = [
        parts.digests(SAC(LinearWorld(8), TINY, seed=4, device="cpu").learn(8 * 20, callback=callback).policy)
        for callback in (None, Predicts())
    ]
    assert ends[0] == ends[1]


def test_truncation_and_both_paths_agree() -> None:
    """A VectorEnv by arrays and the same worlds through stable-baselines3's dictionaries: one replay, bit for bit."""

    def make() -> gym.Env[Any, Any]:
        return gym.make("Pendulum-v1", max_episode_steps=5)

    arrays = VectorAdapter(SyncVectorEnv([make] * 4, autoreset_mode=AutoresetMode.SAME_STEP), seed=11)
    one, two = (SAC(env, TINY, seed=11, device="cpu").learn(4 * 26) for env in (arrays, DummyVecEnv([make] * 4)))
    rows, other = one.replay.recent(26), two.replay.recent(26)
    for name in ("obs", "next_obs", "actions", "continues", "ended"):
        assert torch.equal(getattr(rows, name), getattr(other, name)), name
    torch.testing.assert_close(rows.rewards, other.rewards, rtol=1e-5, atol=1e-5)
    assert float(rows.ended.sum()) == 4 * 5
    assert float(rows.continues.min()) == 1.0


@pytest.mark.parametrize("gamma", [0.9, 0.0])
def test_judgement_is_that_of_returns_by_hand(gamma: float) -> None:
    agent = SAC(LinearWorld(8), {**TINY, "num_critics": 2, "gamma": gamma}, seed=0, device="cpu").learn(8 * 40)
    policy = agent.policy
    found = judge_critics(policy, agent.replay, gamma, torch.Generator().manual_seed(5), num_steps=30)
    rows = agent.replay.recent(30)
    noise = torch.randn(rows.actions.shape, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        said = policy.critic(policy.encoder(rows.obs), rows.actions).amin(0).reshape(30, 8).numpy()
        features = policy.encoder(rows.next_obs)
        following = policy.sample(features, noise)
        ahead = policy.critic(features, following.action).amin(0).reshape(30, 8).numpy()
        bonus = (-policy.temperature * following.log_prob).reshape(30, 8).numpy()
    rewards, goes_on, ended = (x.reshape(30, 8).numpy() for x in (rows.rewards, rows.continues, rows.ended))
    returns = np.zeros((30, 8))
    for step in reversed(range(30)):
        for world in range(8):
            last = step == 29 or ended[step, world]
            later = ahead[step, world] if last else returns[step + 1, world]
            soft = goes_on[step, world] * (bonus[step, world] + later)
            returns[step, world] = rewards[step, world] + gamma * soft
    assert 0 < ended.sum() < 240
    assert 0 < (1 - goes_on).sum() < ended.sum()
    expected = 1 - np.var(returns - said) / np.var(returns)
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("threshold", "min_steps", "expected"), [(0.05, 128, 512), (1.0, 0, 800)])
def test_a_stop_rule_judges_every_64_steps_of_the_worlds(threshold: float, min_steps: int, expected: int) -> None:
    """Critics that know the reward alone explain some of it at once; no critic explains all of it."""

    class Seen(RandomObs):
        limit = 1

    stop = ExplainedVariance(threshold, min_steps, 800)
    critics = Phase("critics", {"critic": 1.0}, stop=stop)
    plan = TransferPlan(
        dict.fromkeys(parts.PARTS, "reset"), (critics, Phase("all", {"policy_head": 1.0, "critic": 1.0}))
    )
    settings = {**PROBE, "gradient_steps": 1.0}
    agent = SAC(Seen(8), settings, seed=0, device="cpu")
    agent.apply_plan(plan)
    ends: list[int] = []

    class Watch(BaseCallback):
        def _on_step(self) -> bool:
            if agent.phases.index == 1 and not ends:
                ends.append(self.num_timesteps - 8)
            return True

    agent.learn(840, callback=Watch())
    assert ends == [expected]


def test_settings_round_trip_and_refuse_what_cannot_be() -> None:
    settings = SACSettings.from_mapping({**TINY, "target_entropy": -1.5, "num_critics": 10})
    assert SACSettings.from_mapping(settings.to_mapping()) == settings
    for wrong, message in (
        ({"num_critics": 2, "num_subset": 3}, "num_subset is 3"),
        ({"gradient_steps": 0}, "gradient_steps is 0: it must be above 0"),
        ({"tau": 0.0}, r"tau is 0.0: it must lie in \(0, 1\]"),
        ({"learning_starts": -1}, "learning_starts is -1: it must be a whole number of at least 0"),
        ({"learning_starts": 11, "buffer_size": 10}, "a buffer_size of 10 has no room"),
        ({"critic_layer_norm": 1}, "critic_layer_norm is 1: it must be true or false"),
        ({"target_entropy": "auto"}, "target_entropy is 'auto': it must be a finite number, or null"),
        ({"gama": 0.9}, "unknown SAC setting 'gama'.*did you mean 'gamma'"),
        ({"encoder": 3}, "encoder is 3: it must be a mapping"),
    ):
        with pytest.raises(AgentsError, match=message):
            SACSettings.from_mapping(wrong)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(AgentsError, match="acts by one bounded vector"):
        SAC(gym.make("CartPole-v1"), TINY)
    with pytest.raises(AgentsError, match="buffer_size is 4: a step of all 8 worlds must fit"):
        SAC(LinearWorld(8), {**TINY, "buffer_size": 4, "learning_starts": 1})
    with pytest.raises(AgentsError, match="learning_starts is 20: a buffer_size of 20 has room for 16 transitions"):
        SAC(LinearWorld(8), {**TINY, "buffer_size": 20, "learning_starts": 20})
    agent = SAC(LinearWorld(4), TINY, device="cpu")
    for refused, message in (
        (agent.save, "would pickle"),
        (SAC.load, "would unpickle"),
        (agent.save_replay_buffer, "would pickle"),
        (agent.load_replay_buffer, "would unpickle"),
    ):
        with pytest.raises(AgentsError, match=message):
            refused("somewhere")


def test_a_policy_env_of_any_size() -> None:
    agent = SAC(make_policy_env(7, 3, 4), {**TINY, "encoder": {"widths": []}}, seed=0, device="cpu").learn(4 * 30)
    assert agent.predict(np.zeros((2, 7)), deterministic=True)[0].shape == (2, 3)
    assert float(agent.target_entropy) == -3.0


def test_actions_of_an_actor_are_the_policys_own_scaled_to_the_action_space() -> None:
    agent = SAC(make_policy_env(4, 2), TINY, seed=0, device="cpu").learn(256)
    obs = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    expected, _ = agent.predict(obs, deterministic=True)
    agent.policy.set_training_mode(True)  # as an update leaves it
    # predict and act are other sequences of float32 operations: equal to rounding, not bit for bit
    np.testing.assert_allclose(agent.make_actor(8).act(obs, np.ones(8, bool)), expected, rtol=1e-5, atol=1e-6)
    assert not agent.policy.training
