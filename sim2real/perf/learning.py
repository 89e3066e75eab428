"""How fast PPO is: end to end against stable-baselines3, and with a frozen encoder against a training one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import stable_baselines3
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize

from agents import ENCODERS, PPO, Phase, TransferPlan, parts
from envs import make_vec

from .measure import REPEATS, Figure, compare, seconds

__all__ = ["measure_frozen_encoder", "measure_ppo"]

NUM_ENVS, NUM_STEPS = 128, 64
COMMON = {"num_steps": NUM_STEPS, "batch_size": 1024, "num_epochs": 5, "learning_rate": 3e-4}
HEADS = ("policy_head", "value_head", "log_std")


class _Ours:
    """Our PPO: 64x64 nets behind an encoder that normalises."""

    def __init__(self, env: str, fidelity: str = "nominal") -> None:
        worlds = make_vec(env, num_envs=NUM_ENVS, seed=0, domain={"fidelity": fidelity})
        settings = {**COMMON, "encoder": {"widths": ()}, "policy_head": (64, 64), "value_head": (64, 64)}
        self._agent = PPO(worlds, settings, seed=0, device="cpu")

    def rate(self) -> float:
        """Return steps/s of one more update, collection and learning."""
        steps = NUM_ENVS * NUM_STEPS
        return steps / seconds(lambda: self._agent.learn(steps, reset_num_timesteps=False))


class _StableBaselines3:
    """stable-baselines3's PPO as its users set it up, the same nets behind the same class of encoder."""

    def __init__(self, env_id: str) -> None:
        worlds = VecNormalize(make_vec_env(env_id, n_envs=NUM_ENVS, seed=0))
        self._agent = stable_baselines3.PPO(
            "MlpPolicy",
            worlds,
            n_steps=NUM_STEPS,
            batch_size=1024,
            n_epochs=5,
            learning_rate=3e-4,
            seed=0,
            device="cpu",
            policy_kwargs={
                "features_extractor_class": ENCODERS["mlp"].cls,
                "features_extractor_kwargs": {"widths": ()},
                "net_arch": [64, 64],
            },
        )

    def rate(self) -> float:
        """Return steps/s of one more update, collection and learning."""
        steps = NUM_ENVS * NUM_STEPS
        return steps / seconds(lambda: self._agent.learn(steps, reset_num_timesteps=False))


def measure_ppo() -> list[Figure]:
    """Measure all rows about PPO end to end."""
    gymnasium.logger.min_level = gymnasium.logger.ERROR
    figures = []
    for env, env_id, fidelity, bar in (
        ("hopper", "Hopper-v5", "nominal", 2.5),
        ("half_cheetah", "HalfCheetah-v5", "nominal", 2.5),
        ("hopper", "Hopper-v5", "cheap", 5.0),
    ):
        ratios, rate, other = compare(_Ours(env, fidelity).rate, _StableBaselines3(env_id).rate)
        note = f"{np.median(rate) / 1e3:.1f}k / {np.median(other) / 1e3:.1f}k steps/s"
        figures.append(
            Figure(f"PPO on {env} {fidelity} / SB3 PPO + DummyVecEnv + VecNormalize", bar, ratios, note=note)
        )
    return figures


class _Phase:
    """Learning time of a phase on hopper behind a 256-128 mlp encoder."""

    def __init__(self, *, frozen: bool, cached: bool) -> None:
        settings = {**COMMON, "encoder": {"widths": (256, 128)}, "policy_head": (64,), "value_head": (64,)}
        worlds = make_vec("hopper", num_envs=NUM_ENVS, seed=0, domain={"fidelity": "cheap"})
        self.agent = PPO(worlds, {**settings, "cache_features": cached}, seed=0, device="cpu")
        # an encoder that has seen nothing is an identity; give all three agents the same statistics to hold on to
        self.agent.policy.encoder.normalizer.update(self.agent.policy.encoder.normalizer.mean.new_ones(2, 11))
        trained = HEADS if frozen else ("encoder", *HEADS)
        actions = {"encoder": "freeze" if frozen else "keep", **dict.fromkeys(HEADS, "keep")}
        plan = TransferPlan(actions, (Phase("phase", dict.fromkeys(trained, 1.0)),))
        self.agent.apply_plan(plan, parts.tensors(self.agent.policy))

    def rate(self) -> float:
        """Return updates/s of learning alone, over one more rollout."""
        spent: list[float] = []
        train = self.agent.train

        def timed() -> None:
            spent.append(seconds(train))

        self.agent.train = timed  # type: ignore[method-assign]
        self.agent.learn(NUM_ENVS * NUM_STEPS, reset_num_timesteps=False)
        self.agent.train = train  # type: ignore[method-assign]
        return 1 / sum(spent)


def measure_frozen_encoder() -> list[Figure]:
    """Measure the rows about a frozen encoder with cached features."""
    cached, uncached = _Phase(frozen=True, cached=True), _Phase(frozen=True, cached=False)
    over_training, rate, other = compare(cached.rate, _Phase(frozen=False, cached=False).rate)
    training = Figure(
        "frozen 256-128 encoder, cached / encoder training", 1.6, over_training, note=_updates(rate, other)
    )
    fresh = _Phase(frozen=True, cached=True)
    over_uncached, rate, other = compare(fresh.rate, uncached.rate)
    plain = Figure(
        "frozen 256-128 encoder, cached / frozen, not cached", 1.2, over_uncached, note=_updates(rate, other)
    )
    difference = _largest_difference(parts.tensors(fresh.agent.policy), parts.tensors(uncached.agent.policy))
    same = Figure(f"largest weight difference after {REPEATS + 1} updates", 1e-6, [difference], at_least=False)
    return [training, plain, same]


def _updates(ours: list[float], theirs: list[float]) -> str:
    return f"{np.median(ours):.1f} / {np.median(theirs):.1f} updates/s"


def _largest_difference(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> float:
    return max(float((ours[name] - theirs[name]).abs().max()) for name in ours)
