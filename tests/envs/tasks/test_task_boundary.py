"""What a task gets is its own, and the episodes that it cuts itself are truncated."""

from typing import Any

import numpy as np
import pytest
from channel_worlds import Bench, bench

from envs import EnvsError


class _Writes(Bench):
    """A task that writes into whatever it is given."""

    def measure(self, physics: Any) -> Any:
        return {"x": physics.qpos[:, 0].copy()}

    def reset(self, physics: Any, ids: Any, draws: Any) -> None:
        super().reset(physics, ids, draws)
        if self.writes:
            ids[:] = 0

    def reward(self, before: Any, after: Any, physics: Any, action: Any) -> Any:
        reward = {"reward_moved": after["x"] - before["x"], "reward_action": -action[:, 0]}
        if self.writes:
            action[:], before["x"][:], after["x"][:] = 7.0, 8.0, 9.0
        return reward

    writes = True


class _Reads(_Writes):
    writes = False


def test_a_task_that_writes_into_its_arguments_changes_nothing_of_ours() -> None:
    writes, reads = (bench({}, task=task, max_episode_steps=4) for task in (_Writes(), _Reads()))
    np.testing.assert_array_equal(writes.reset()[0], reads.reset()[0])
    actions = np.full((2, 2), 0.5, np.float32)
    for _ in range(6):
        for one, other in zip(writes.step(actions)[:4], reads.step(actions)[:4], strict=True):
            np.testing.assert_array_equal(one, other)
    assert (actions == np.float32(0.5)).all()


class _Impatient(Bench):
    """A task that cuts its episodes itself, after three steps in the first world."""

    def truncated(self, physics: Any) -> Any:
        return (physics.bind("time") > 2.5 * physics.ctrl_dt) & (np.arange(physics.num_envs) == 0)


def test_a_task_may_cut_its_episodes_itself() -> None:
    env = bench({}, task=_Impatient())
    env.reset()
    ends = [env.step(np.zeros((2, 2)))[2:4] for _ in range(6)]
    assert [truncated.tolist() for _, truncated in ends] == [[False, False]] * 2 + [[True, False]] + [
        [False, False]
    ] * 2 + [[True, False]]
    assert not any(terminated.any() for terminated, _ in ends)
    wrong = _Impatient()
    wrong.truncated = lambda physics: np.zeros(2)  # type: ignore[method-assign]
    with pytest.raises(EnvsError, match=r"_Impatient\.truncated: must return an array of bool \(2,\)"):
        bench({}, task=wrong)
