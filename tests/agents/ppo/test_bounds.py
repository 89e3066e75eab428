"""The loss that keeps mean actions within their bounds: by hand, its gradients, what it does to a policy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from probes import SMALL, LinearWorld

from agents import PPO, PPOSettings
from agents.ppo.collection import make_table
from agents.ppo.gradients import HandGradients
from agents.ppo.update import compute_loss

torch.set_num_threads(1)


def test_how_far_beyond_by_hand() -> None:
    agent = PPO(LinearWorld(8), SMALL, device="cpu")
    means = torch.tensor([[-1.5], [-1.0], [0.3], [3.0]]).expand(4, *agent.action_space.shape)
    expected = torch.tensor([[-0.5], [0.0], [0.0], [2.0]]).expand_as(means)
    torch.testing.assert_close(agent.policy.beyond_bounds(means), expected)


def test_the_loss_and_its_gradients() -> None:
    agent = PPO(LinearWorld(8), SMALL, seed=0, device="cpu").learn(8 * 8)
    with torch.no_grad():
        agent.policy.action_net.bias += 1.2
    table, columns = make_table(agent.policy, agent.rollout_buffer, cache=True, value_only=False)
    batch = columns.batch(table)
    settings = {coef: PPOSettings.from_mapping({**SMALL, "bounds_coef": coef}) for coef in (0.0, 0.3)}
    plain, bounded = (compute_loss(agent.policy, batch, columns, settings[coef]) for coef in (0.0, 0.3))
    with torch.no_grad():
        means = agent.policy.action_mean(agent.policy.encoder.encode(batch.policy_inputs)).numpy()
    beyond = np.maximum(np.abs(means) - 1.0, 0.0)
    assert beyond.mean() > 0.02
    assert float(bounded.total.detach() - plain.total.detach()) == pytest.approx(
        0.3 * (beyond**2).sum(axis=1).mean(), rel=1e-4
    )
    agent.policy.zero_grad()
    bounded.total.backward()
    wanted = {name: p.grad.clone() for name, p in agent.policy.named_parameters() if p.grad is not None}
    agent.policy.zero_grad()
    found = HandGradients(agent.policy, columns, settings[0.3], max_rows=64)(batch)
    assert float(found.total) == pytest.approx(float(bounded.total.detach()), rel=1e-5)
    for name, grad in wanted.items():
        torch.testing.assert_close(agent.policy.get_parameter(name).grad, grad, rtol=1e-4, atol=1e-6, msg=name)
