"""PPO: right on worlds with known values, equal to stable-baselines3's update, exact budgets, no global randomness."""

from __future__ import annotations

import copy
import re
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from probes import (
    SMALL,
    ActionReward,
    ConstantReward,
    LinearWorld,
    OneStep,
    Probe,
    RandomObs,
    TwoSteps,
    make_policy_env,
)
from spies import Records
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import DummyVecEnv

from agents import AGENTS, PPO, AgentsError, Phase, PPOSettings, TransferPlan, VectorAdapter, make_agent, parts
from agents.learning.returns import compute_gae
from agents.ppo.collection import make_table
from agents.ppo.gradients import HandGradients
from agents.ppo.update import compute_loss

torch.set_num_threads(1)  # networks this small are slower on more

PROBE: dict[str, Any] = {
    "encoder": {"widths": []},
    "policy_head": [16],
    "value_head": [16],
    "num_steps": 16,
    "batch_size": 64,
    "num_epochs": 8,
    "learning_rate": 3e-3,
    "gamma": 0.9,
    "log_std_init": -1.0,
    "schedule": "linear",
}


def values_at(agent: PPO, obs: list[float]) -> np.ndarray:
    """Return the values of scalar observations in reward units."""
    batch = torch.tensor(obs, dtype=torch.float32).reshape(-1, 1).to(agent.device)
    with torch.no_grad():
        return agent.policy.predict_values(batch).cpu().numpy().flatten() * agent.policy.return_scale.std


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
    agent = PPO(cls(16), PROBE, seed=0, device="cpu").learn(16 * 16 * 40)
    np.testing.assert_allclose(values_at(agent, obs), expected, rtol=0.01)


def test_action_of_a_probe() -> None:
    agent = PPO(ActionReward(16), PROBE, seed=0, device="cpu").learn(16 * 16 * 60)
    action, _ = agent.predict(np.zeros(1, np.float32), deterministic=True)
    assert action[0] == pytest.approx(0.5, rel=0.01)


def test_gae_by_hand() -> None:
    rewards, values = np.array([[1.0], [2.0], [3.0]], np.float32), np.array([[0.5], [1.0], [1.5]], np.float32)
    starts = np.array([[1.0], [0.0], [1.0]], np.float32)  # an episode ends after the second step
    last = np.array([4.0], np.float32)
    gamma, lam = 0.5, 0.5
    delta = [1 + 0.5 * 1.0 - 0.5, 2 - 1.0, 3 + 0.5 * 4.0 - 1.5]
    going_on = compute_gae(rewards, values, starts, last, np.array([False]), gamma, lam)
    np.testing.assert_allclose(going_on[:, 0], [delta[0] + 0.25 * delta[1], delta[1], delta[2]])
    ended = compute_gae(rewards, values, starts, last, np.array([True]), gamma, lam)
    assert ended[2, 0] == pytest.approx(3 - 1.5)


def collected(settings: dict[str, Any], updates: int = 2, env: Any = None) -> PPO:
    """Return an agent after some updates, its last rollout still in the buffer."""
    agent = PPO(env or make_policy_env(5, 2), settings, seed=3, device="cpu")
    return agent.learn(agent.n_envs * agent.n_steps * updates)


def test_gae_is_stable_baselines3s() -> None:
    agent = collected({**SMALL, "num_steps": 32})
    buffer = agent.rollout_buffer
    reference = stable_baselines3.common.buffers.RolloutBuffer(
        32, agent.observation_space, agent.action_space, "cpu", agent.gae_lambda, agent.gamma, agent.n_envs
    )
    for name in ("rewards", "values", "episode_starts"):
        setattr(reference, name, getattr(buffer, name).copy())
    last_dones = np.arange(agent.n_envs) % 2 == 0
    last = torch.linspace(-1, 1, agent.n_envs)
    buffer.compute_returns_and_advantage(last, last_dones)
    reference.compute_returns_and_advantage(last, last_dones)
    assert buffer.episode_starts.sum() > 5
    np.testing.assert_allclose(buffer.advantages, reference.advantages, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(buffer.returns, reference.returns, rtol=1e-5, atol=1e-6)


def test_rollout_holds_what_the_policy_did() -> None:
    agent = collected(SMALL, updates=1)
    fresh = PPO(make_policy_env(5, 2), SMALL, seed=3, device="cpu")  # the policy that collected
    buffer = agent.rollout_buffer
    obs, actions = buffer.flat("observations"), buffer.flat("actions")
    with torch.no_grad():
        values, log_prob, _ = fresh.policy.evaluate_actions(obs, actions)
        torch.testing.assert_close(buffer.features.reshape(len(obs), -1), fresh.policy.encoder(obs))
    np.testing.assert_allclose(buffer.values.flatten(), values.flatten(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(buffer.log_probs.flatten(), log_prob, rtol=1e-4, atol=1e-5)
    assert buffer.values.shape == buffer.returns.shape == buffer.advantages.shape == (8, 8)


@pytest.mark.parametrize("ent_coef", [0.0, 0.01])
@pytest.mark.parametrize("shared", [True, False])
def test_update_is_stable_baselines3s(ent_coef: float, shared: bool) -> None:
    """One epoch, one minibatch of everything: the same loss, the same gradients, the same step."""
    agent = collected({**SMALL, "shared_encoder": shared}, updates=1)
    settings = {**SMALL, "shared_encoder": shared, "batch_size": 64, "num_epochs": 1, "ent_coef": ent_coef}
    agent.settings = PPOSettings.from_mapping(settings)
    agent.batch_size, agent.n_epochs, agent.ent_coef = 64, 1, ent_coef
    with torch.no_grad():  # not the policy that collected: ratios differ from 1
        agent.policy.action_net.bias += 0.3
        agent.policy.log_std -= 0.1
    theirs = copy.deepcopy(agent.policy)
    theirs.optimizer = torch.optim.Adam(theirs.parameters(), lr=3e-4, eps=1e-5)
    ours = agent.policy
    agent.renew_optimizer()
    records, reference = Records(), Records()
    agent.set_logger(Logger(None, [records]))
    agent.train()
    agent.logger.dump(0)
    agent.policy = theirs
    agent.set_logger(Logger(None, [reference]))
    for group in theirs.optimizer.param_groups:
        group["scale"] = 1.0
    stable_baselines3.PPO.train(agent)
    agent.logger.dump(0)
    mine, other = records.rows[0][1], reference.rows[0][1]
    for name in ("loss", "value_loss", "policy_gradient_loss", "entropy_loss", "approx_kl", "clip_fraction"):
        assert mine[f"train/{name}"] == pytest.approx(other[f"train/{name}"], rel=1e-4, abs=1e-6), name
    assert other["train/clip_fraction"] > 0.05
    compared = 0
    for (name, one), two in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        if two.grad is not None:
            torch.testing.assert_close(one.grad, two.grad, rtol=1e-5, atol=1e-5, msg=name)
            torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5, msg=name)
            compared += 1
    assert compared == len(list(theirs.parameters()))
    assert set(other) - {"train/n_updates"} <= set(mine)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("frozen", [(), ("encoder",), ("encoder", "value_encoder"), ("policy_head", "log_std")])
@pytest.mark.parametrize("cache", [True, False])
def test_gradients_by_hand_are_autograds(shared: bool, activation: str, frozen: tuple[str, ...], cache: bool) -> None:
    settings = {
        **SMALL,
        "encoder": {"widths": [8, 6], "activation": activation},
        "head_activation": activation,
        "shared_encoder": shared,
        "ent_coef": 0.01,
    }
    agent = collected(settings, updates=1)
    policy = agent.policy
    still = [part for part in frozen if part in parts.part_names(policy)]
    for part in still:
        parts.freeze_part(policy, part)
    agent.learn(8 * 8, reset_num_timesteps=False) if not still else None
    value_only = "policy_head" in still
    agent.rollout_buffer.value_features = None
    if not shared and "value_encoder" in still:
        agent.rollout_buffer.value_features = policy.value_encoder(agent.rollout_buffer.flat("observations")).detach()
    agent.rollout_buffer.features[:] = (
        policy.encoder(agent.rollout_buffer.flat("observations")).detach().reshape(8, 8, -1)
    )
    table, columns = make_table(policy, agent.rollout_buffer, cache, value_only)
    assert columns.policy_cached == (cache and "encoder" in still and (shared or not value_only))
    batch = columns.batch(table[:40])
    policy.zero_grad()
    expected = compute_loss(policy, batch, columns, agent.settings)
    expected.total.backward()
    wanted = {name: p.grad.clone() for name, p in policy.named_parameters() if p.grad is not None}
    policy.zero_grad()
    assert HandGradients.supports(policy)
    found = HandGradients(policy, columns, agent.settings, max_rows=64)(batch)
    for one, two in zip(found, expected, strict=True):
        assert (one is None) == (two is None)
        if one is not None and two is not None:
            torch.testing.assert_close(one, two.detach(), rtol=1e-5, atol=1e-6)
    have = {name: p.grad for name, p in policy.named_parameters() if p.grad is not None}
    assert set(have) == set(wanted)
    for name, grad in wanted.items():
        torch.testing.assert_close(have[name], grad, rtol=1e-4, atol=1e-6, msg=name)


def test_cached_features_give_the_same_training() -> None:
    source = collected(SMALL)
    plan_parts = {"encoder": "freeze", "policy_head": "reset", "value_head": "reset", "log_std": "reset"}
    heads = {"policy_head": 1.0, "value_head": 1.0, "log_std": 1.0}
    ends = []
    for cache in (True, False):
        agent = PPO(make_policy_env(5, 2), {**SMALL, "cache_features": cache}, seed=1, device="cpu")
        agent.apply_plan(TransferPlan(plan_parts, (Phase("heads", heads),)), parts.tensors(source.policy))
        agent.learn(8 * 8 * 3)
        ends.append(parts.tensors(agent.policy))
    for name, tensor in ends[0].items():
        torch.testing.assert_close(tensor, ends[1][name], rtol=1e-5, atol=1e-6, msg=name)


def test_truncation_bootstraps_and_both_paths_agree() -> None:
    """A VectorEnv by arrays and the same worlds through stable-baselines3's dictionaries: one rollout, bit for bit."""

    def make() -> gym.Env[Any, Any]:
        return gym.make("Pendulum-v1", max_episode_steps=5)

    arrays = VectorAdapter(SyncVectorEnv([make] * 4, autoreset_mode=AutoresetMode.SAME_STEP), seed=11)
    dictionaries = DummyVecEnv([make] * 4)
    one, two = PPO(arrays, SMALL, seed=11, device="cpu"), PPO(dictionaries, SMALL, seed=11, device="cpu")
    for agent in (one, two):
        agent.learn(4 * 8 * 2)
    for name in ("observations", "actions", "values", "log_probs", "episode_starts"):
        np.testing.assert_array_equal(getattr(one.rollout_buffer, name), getattr(two.rollout_buffer, name))
    # DummyVecEnv hands rewards over in float32
    np.testing.assert_allclose(one.rollout_buffer.rewards, two.rollout_buffer.rewards, rtol=1e-5, atol=1e-5)
    assert one.rollout_buffer.episode_starts[1:].sum() == 2 * 4


def test_bootstrap_is_gamma_times_the_value_of_the_last_observation() -> None:
    class Drift(ConstantReward):
        def advance(self, actions: np.ndarray) -> np.ndarray:
            self.state += 1.0
            return np.zeros(self.num_envs)

    agent = PPO(Drift(4), {**SMALL, "num_steps": 6}, seed=0, device="cpu")
    fresh = copy.deepcopy(agent.policy)
    agent.learn(4 * 6)
    with torch.no_grad():
        bootstrap = 0.99 * float(fresh.predict_values(torch.tensor([[4.0]])))
    expected = np.zeros((6, 4), np.float32)
    expected[3] = bootstrap  # every episode is cut after four steps, at observation 4
    np.testing.assert_allclose(agent.rollout_buffer.rewards, expected, atol=1e-6)


@pytest.mark.parametrize("total", [8, 64, 72, 200])
def test_steps_are_met_exactly(total: int) -> None:
    env = LinearWorld(8)
    agent = PPO(env, SMALL, seed=0, device="cpu").learn(total)
    assert isinstance(agent.env, VectorAdapter)
    assert agent.num_timesteps == agent.env.counts["steps"] == total
    assert agent.rollout_buffer.values.shape == ((total - 1) % 64 // 8 + 1, 8)


def test_budgets_that_cannot_be_met_name_the_nearest() -> None:
    env = LinearWorld(8)
    agent = PPO(env, SMALL, seed=0, device="cpu")
    with pytest.raises(AgentsError, match=r"8 worlds cannot take exactly 100 steps; nearest: 96 and 104"):
        agent.learn(100)
    assert env.num_resets == 0


def test_callbacks_see_stable_baselines3s_loop() -> None:
    class Spy(BaseCallback):
        seen: list[str] = []
        ended = 0

        def _on_rollout_start(self) -> None:
            self.seen.append("start")

        def _on_rollout_end(self) -> None:
            self.seen.append("end")
            assert self.locals["rollout_buffer"].returns.shape == (8, 8)

        def _on_step(self) -> bool:
            self.seen.append("step")
            assert self.locals["new_obs"].shape == (8, 5)
            assert self.locals["actions"].shape == self.locals["clipped_actions"].shape == (8, 2)
            assert len(self.locals["infos"]) == 8
            for world in np.flatnonzero(self.locals["dones"]):
                self.ended += self.locals["infos"][world]["episode"]["l"] > 0
            return self.num_timesteps < 8 * 20

    spy = Spy()
    agent = PPO(LinearWorld(8), SMALL, seed=0, device="cpu").learn(8 * 8 * 4, callback=spy)
    assert spy.seen == ["start", *["step"] * 8, "end"] * 2 + ["start", *["step"] * 4]
    assert agent.num_timesteps == 8 * 20
    assert isinstance(agent.env, VectorAdapter)
    assert agent.env.counts["episodes"] == spy.ended > 0
    assert len(agent.ep_info_buffer or ()) == spy.ended


def test_logs_have_stable_baselines3s_names() -> None:
    records = Records()
    agent = PPO(LinearWorld(8), SMALL, seed=0, device="cpu")
    agent.set_logger(Logger(None, [records]))
    agent.learn(8 * 8 * 3)
    assert [step for step, _ in records.rows] == [64, 128, 192]
    names = {"loss", "value_loss", "policy_gradient_loss", "entropy_loss", "approx_kl", "clip_fraction", "std"}
    names |= {"explained_variance", "learning_rate", "n_updates", "clip_range"}
    last = records.rows[-1][1]
    assert {f"train/{name}" for name in names} <= set(last)
    assert {"rollout/ep_rew_mean", "rollout/ep_len_mean", "time/fps", "transfer/phase"} <= set(last)
    assert last["train/n_updates"] == 6
    assert np.isfinite([value for value in last.values() if not isinstance(value, str)]).all()


def test_linear_schedule_runs_over_the_whole_budget() -> None:
    records = Records()
    agent = PPO(LinearWorld(8), {**SMALL, "schedule": "linear", "learning_rate": 1e-3}, seed=0, device="cpu")
    agent.set_logger(Logger(None, [records]))
    agent.learn(8 * 8 * 4)
    rates = [row["train/learning_rate"] for _, row in records.rows]
    np.testing.assert_allclose(rates, [1e-3, 0.75e-3, 0.5e-3, 0.25e-3])


def test_target_kl_ends_an_update_early() -> None:
    records = Records()
    agent = PPO(LinearWorld(8), {**SMALL, "num_epochs": 50, "target_kl": 1e-4, "learning_rate": 1e-2}, device="cpu")
    agent.set_logger(Logger(None, [records]))
    agent.learn(8 * 8)
    assert records.rows[0][1]["train/n_updates"] < 50


def test_same_seed_same_bytes_and_no_global_randomness() -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index] # noqa: NPY002
    ends = [parts.digests(PPO(LinearWorld(8), SMALL, seed=s, device="cpu").learn(8 * 8 * 2).policy) for s in (4, 4, 5)]
    assert ends[0] == ends[1]
    assert all(ends[0][part] != ends[2][part] for part in ("encoder", "policy_head", "value_head"))
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])  # type: ignore[index] # noqa: NPY002


def test_predict_is_the_mean_action_within_bounds() -> None:
    agent = collected(SMALL)
    obs = np.random.default_rng(0).standard_normal((3, 5))
    action, _ = agent.predict(obs, deterministic=True)
    with torch.no_grad():
        mean = agent.policy.action_mean(agent.policy.encoder(torch.from_numpy(obs).float())).numpy()
    np.testing.assert_allclose(action, np.clip(mean, -1, 1), atol=1e-6)
    assert agent.predict(obs[0])[0].shape == (2,)


def test_statistics_learn_after_the_update() -> None:
    agent = PPO(LinearWorld(8), SMALL, seed=0, device="cpu").learn(8 * 8 * 2)
    normalizer = agent.policy.encoder.normalizer
    assert normalizer.seen == 8 * 8 * 2
    assert agent.policy.return_scale.seen == 8 * 8 * 2
    agent.collect_rollouts(agent.env, _Nothing().bind(agent), agent.rollout_buffer, 8)
    assert normalizer.seen == 8 * 8 * 2


class _Nothing(BaseCallback):
    def bind(self, agent: PPO) -> _Nothing:
        self.init_callback(agent)
        return self

    def _on_step(self) -> bool:
        return True


@pytest.mark.parametrize("name", AGENTS)
def test_every_row_can_be_made(name: str) -> None:
    agent = make_agent(name, LinearWorld(4), settings={}, seed=0)
    assert isinstance(agent, AGENTS[name].cls)
    assert isinstance(agent.settings, AGENTS[name].settings)
    assert agent.predict(np.zeros((4, 5), np.float32))[0].shape == (4, 2)
    with pytest.raises(AgentsError, match=r"unknown agent 'ppoo' .did you mean 'ppo'.*valid: .*ppo"):
        make_agent("ppoo", LinearWorld(4), seed=0)
    unhashable: Any = [name]
    with pytest.raises(AgentsError, match=rf"unknown agent \['{name}'\].*valid: .*ppo"):
        make_agent(unhashable, LinearWorld(4), seed=0)


@pytest.mark.parametrize("name", AGENTS)
@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-np.inf, np.inf, (1,), np.float32),
        spaces.Box(0.0, np.inf, (2,), np.float32),
        spaces.Box(-1.0, 1.0, (), np.float32),
        spaces.Box(-1.0, 1.0, (2, 2), np.float32),
        spaces.Discrete(3),
    ],
)
def test_an_agent_acts_by_one_bounded_vector(name: str, space: spaces.Space[Any]) -> None:
    worlds = LinearWorld(4)
    worlds.single_action_space = space  # type: ignore[assignment]
    words = rf"^{name.upper()} acts by one bounded vector \(a Box of one axis with finite bounds\), not "
    with pytest.raises(AgentsError, match=words + re.escape(str(space))):
        make_agent(name, worlds, seed=0)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(AgentsError, match="acts by one bounded vector"):
        PPO(gym.make("CartPole-v1"), SMALL)
    agent = PPO(LinearWorld(4), SMALL, device="cpu")
    with pytest.raises(AgentsError, match="pickle"):
        agent.save("somewhere")
    with pytest.raises(AgentsError, match="unpickle"):
        PPO.load("somewhere")
