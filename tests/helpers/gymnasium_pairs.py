"""An environment beside Gymnasium's own of the same state: what the tests of their equality share."""

import warnings
from typing import Any

import gymnasium
import mujoco
import numpy as np

from envs import DomainVectorEnv, make_vec

THEIRS = {
    "inverted_pendulum": "InvertedPendulum-v5",
    "inverted_double_pendulum": "InvertedDoublePendulum-v5",
    "reacher": "Reacher-v5",
    "pusher": "Pusher-v5",
    "swimmer": "Swimmer-v5",
    "hopper": "Hopper-v5",
    "walker2d": "Walker2d-v5",
    "half_cheetah": "HalfCheetah-v5",
    "ant": "Ant-v5",
    "humanoid": "Humanoid-v5",
    "humanoid_standup": "HumanoidStandup-v5",
}
# What differs from Gymnasium's defaults: contact forces are left out.
OUR_DEFAULTS: dict[str, dict[str, Any]] = {
    "ant": {"include_cfrc_ext_in_observation": False, "contact_cost_weight": 0.0},
    "humanoid": {"include_cfrc_ext_in_observation": False, "contact_cost_weight": 0.0},
    "humanoid_standup": {"include_cfrc_ext_in_observation": False, "impact_cost_weight": 0.0},
}


def make_theirs(name: str, **options: Any) -> Any:
    with warnings.catch_warnings():  # Gymnasium's model files make MuJoCo's compiler warn
        warnings.simplefilter("ignore")
        return gymnasium.make(THEIRS[name], **{**OUR_DEFAULTS.get(name, {}), **options}).unwrapped


def make_ours(name: str, num_envs: int = 1, seed: int = 0, **options: Any) -> DomainVectorEnv:
    return make_vec(name, num_envs=num_envs, seed=seed, num_threads=1, max_episode_steps=None, **options)


def copy_state(ours: DomainVectorEnv, theirs: Any, world: int = 0) -> None:
    mujoco.mj_resetData(theirs.model, theirs.data)
    theirs.set_state(ours.physics.qpos[world].copy(), ours.physics.qvel[world].copy())


def random_actions(env: DomainVectorEnv, num_steps: int, seed: int, dtype: type = np.float32) -> np.ndarray:
    rng = np.random.default_rng(seed)
    # beyond the range on purpose: both sides charge the action as given and let MuJoCo clip it
    size = 1.2 * env.single_action_space.high
    return (size * rng.uniform(-1, 1, (num_steps, *env.action_space.shape))).astype(dtype)


def compare(ours: DomainVectorEnv, theirs: list[Any], actions: np.ndarray, *, starts: bool = True) -> tuple[float, int]:
    """Return the largest difference of any returned number, and the number of episodes that ended.

    Args:
        ours: worlds as many as `theirs`.
        theirs: Gymnasium's environments; each gets the state of its world whenever an episode starts.
        actions: (num_steps, num_envs, act_dim)
        starts: whether the first observation of an episode is compared too.
    """
    worst, ends = 0.0, 0
    obs, _ = ours.reset()
    for world, twin in enumerate(theirs):
        copy_state(ours, twin, world)
    for action in actions:
        obs, reward, terminated, truncated, infos = ours.step(action)
        assert not truncated.any()
        for world, twin in enumerate(theirs):
            expected_obs, expected_reward, expected_end, _, expected_info = twin.step(action[world])
            assert bool(terminated[world]) == bool(expected_end)
            own = infos["final_info"] if expected_end else infos
            assert own.keys() >= expected_info.keys()
            last_obs = infos["final_obs"] if expected_end else obs
            pairs = [(own[key][world], value) for key, value in expected_info.items()]
            pairs += [(reward[world], expected_reward), (last_obs[world], expected_obs)]
            worst = max(worst, *(float(np.max(np.abs(np.subtract(a, b)))) for a, b in pairs))
            if expected_end:
                ends += 1
                copy_state(ours, twin, world)
                if starts:
                    np.testing.assert_array_equal(obs[world], twin._get_obs())  # the next episode's first
    return worst, ends
