"""PPO in one file, in the style of CleanRL, on worlds that all differ: any training loop can use DomainVectorEnv."""

import numpy as np
import torch
from torch import nn
from torch.distributions import Normal

from envs import make_vec

NUM_ENVS, NUM_STEPS, NUM_UPDATES, GAMMA, LAMBDA = 64, 64, 60, 0.99, 0.95
DOMAIN = {"fidelity": "cheap", "parameters": {"body_mass": {"scale": {"uniform": [0.8, 1.2]}}}}


def network(outputs: int) -> nn.Sequential:
    """Two hidden layers from an observation."""
    return nn.Sequential(nn.Linear(obs_dim, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, outputs))


torch.manual_seed(0)
envs = make_vec("inverted_pendulum", num_envs=NUM_ENVS, domain=DOMAIN, seed=0)  # autoreset within the step
obs_dim, act_dim = envs.single_observation_space.shape[0], envs.single_action_space.shape[0]
actor, critic, log_std = network(act_dim), network(1), nn.Parameter(torch.zeros(act_dim))
optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters(), log_std], lr=1e-3)


def tensor(array: np.ndarray) -> torch.Tensor:
    """Return a float32 tensor."""
    return torch.as_tensor(array, dtype=torch.float32)


next_obs = tensor(envs.reset(seed=0)[0])
lengths, running = [], np.zeros(NUM_ENVS)
for update in range(NUM_UPDATES):
    obs, actions, logprobs, values = [], [], [], []
    rewards, alive, last_values = [], [], []
    for _ in range(NUM_STEPS):
        with torch.no_grad():
            policy = Normal(actor(next_obs), log_std.exp())
            action = policy.sample()
            obs.append(next_obs)
            actions.append(action)
            logprobs.append(policy.log_prob(action).sum(1))
            values.append(critic(next_obs)[:, 0])
        next_array, reward, terminated, truncated, infos = envs.step(action.clamp(-3, 3).numpy())
        next_obs, done = tensor(next_array), terminated | truncated
        final = np.where(done[:, None], infos.get("final_obs", next_array), next_array)  # where an episode ended
        with torch.no_grad():  # a time limit is no end: bootstrap through it
            last_values.append(critic(tensor(final.astype(float)))[:, 0] * tensor(~terminated))
        rewards.append(tensor(reward))
        alive.append(tensor(~done))
        running += 1
        lengths += running[done].tolist()
        running[done] = 0
    advantage, advantages = torch.zeros(NUM_ENVS), []
    for t in reversed(range(NUM_STEPS)):
        delta = rewards[t] + GAMMA * last_values[t] - values[t]
        advantage = delta + GAMMA * LAMBDA * alive[t] * advantage
        advantages.insert(0, advantage)
    columns = (obs, actions, logprobs, values, advantages)
    b_obs, b_actions, b_logprobs, b_values, b_advantages = (torch.cat(column) for column in columns)
    returns = b_advantages + b_values
    b_advantages = (b_advantages - b_advantages.mean()) / b_advantages.std()
    for _ in range(4):
        for rows in torch.randperm(len(b_obs)).split(1024):
            logprob = Normal(actor(b_obs[rows]), log_std.exp()).log_prob(b_actions[rows]).sum(1)
            ratio, gain = (logprob - b_logprobs[rows]).exp(), b_advantages[rows]
            policy_loss = -torch.min(ratio * gain, ratio.clamp(0.8, 1.2) * gain).mean()
            value_loss = 0.5 * ((critic(b_obs[rows])[:, 0] - returns[rows]) ** 2).mean()
            optimizer.zero_grad()
            (policy_loss + value_loss).backward()
            optimizer.step()
    if update % 10 == 9:
        print(f"{(update + 1) * NUM_ENVS * NUM_STEPS:,} steps: mean episode length {np.mean(lengths[-100:]):.0f}")
envs.close()
