"""How fast SAC's updates are: against stable-baselines3, with ten critics, and behind a frozen encoder."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import stable_baselines3

from agents import SAC, Phase, TransferPlan, parts
from envs import make_vec

from .measure import Figure, compare, seconds

__all__ = ["measure_sac"]

NUM_ENVS, NUM_TRANSITIONS, NUM_UPDATES = 16, 4096, 50
FILLED: dict[str, Any] = {"learning_starts": NUM_TRANSITIONS, "buffer_size": NUM_TRANSITIONS}
PLAIN = {**FILLED, "policy_head": (256, 256), "critic_head": (256, 256), "batch_size": 256}
BEHIND = {**PLAIN, "encoder": {"widths": (256, 256)}, "policy_head": (64,), "critic_head": (64,)}
HEADS = {"policy_head": 1.0, "value_head": 1.0, "log_std": 1.0}


class _Ours:
    """Our SAC on hopper, its replay filled."""

    def __init__(self, settings: dict[str, Any], frozen: bool = False) -> None:
        worlds = make_vec("hopper", num_envs=NUM_ENVS, seed=0, domain={"fidelity": "cheap"})
        self._agent = SAC(worlds, settings, seed=0, device="cpu")
        if frozen:
            # an encoder that has seen nothing is an identity; give it statistics to hold on to
            policy = self._agent.policy
            policy.update_statistics(policy.encoder.normalizer.mean.new_ones(2, 11))
            plan = TransferPlan({"encoder": "freeze", **dict.fromkeys(HEADS, "keep")}, (Phase("heads", HEADS),))
            self._agent.apply_plan(plan, parts.tensors(policy))
        self._agent.learn(NUM_TRANSITIONS)

    def rate(self) -> float:
        """Return updates/s."""
        return NUM_UPDATES / seconds(lambda: self._agent.train(NUM_UPDATES))


class _StableBaselines3:
    """stable-baselines3's SAC with its own settings, its replay filled with hopper, too."""

    def __init__(self) -> None:
        self._agent = stable_baselines3.SAC(
            "MlpPolicy",
            gymnasium.make("Hopper-v5"),
            learning_starts=NUM_TRANSITIONS,
            buffer_size=2 * NUM_TRANSITIONS,
            batch_size=256,
            policy_kwargs={"net_arch": [256, 256]},
            seed=0,
            device="cpu",
        ).learn(NUM_TRANSITIONS)

    def rate(self) -> float:
        """Return updates/s."""
        return NUM_UPDATES / seconds(lambda: self._agent.train(NUM_UPDATES, 256))


def measure_sac() -> list[Figure]:
    """Measure all rows about SAC's updates."""
    gymnasium.logger.min_level = gymnasium.logger.ERROR
    sb3 = _StableBaselines3()  # which has no LayerNorm
    over_sb3, ours, theirs = compare(_Ours({**PLAIN, "critic_layer_norm": False}).rate, sb3.rate)
    normed_over_sb3, normed, unnormed = compare(_Ours(PLAIN).rate, sb3.rate)
    pair, ten = _Ours(PLAIN), _Ours({**PLAIN, "num_critics": 10})
    cost, of_pair, of_ten = compare(pair.rate, ten.rate)
    frozen, training = _Ours(BEHIND, frozen=True), _Ours(BEHIND)
    gain, held, trained = compare(frozen.rate, training.rate)
    return [
        Figure("SAC 256x256, batch 256, no LayerNorm / SB3 SAC", 1.5, over_sb3, note=_updates(ours, theirs)),
        Figure("the same with LayerNorm, the default / SB3 SAC", 1.0, normed_over_sb3, note=_updates(normed, unnormed)),
        Figure("cost of 10 critics / of 2", 3.0, cost, at_least=False, note=_updates(of_pair, of_ten)),
        Figure(
            "SAC, frozen 256-256 encoder, heads of 64, cached / all training", 2.0, gain, note=_updates(held, trained)
        ),
    ]


def _updates(ours: list[float], theirs: list[float]) -> str:
    return f"{np.median(ours):.1f} / {np.median(theirs):.1f} updates/s"
