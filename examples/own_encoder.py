"""An encoder of one's own: any torch.nn.Module that takes the number of entries, behind the normaliser."""

import torch
from torch import nn

import sim2real


class Fourier(nn.Module):
    """Random Fourier features of the observation, then a layer: (N, entries) to (N, features)."""

    def __init__(self, entries, features=64):
        super().__init__()
        self.register_buffer("waves", torch.randn(entries, features))
        self.layer = nn.Linear(2 * features, features)

    def forward(self, observation):
        angles = observation @ self.waves
        return torch.relu(self.layer(torch.cat((angles.sin(), angles.cos()), dim=1)))


STEPS = 65_536

if __name__ == "__main__":
    encoder = {"kind": "own_encoder:Fourier", "options": {"features": 32}}
    source = sim2real.pretrain(
        "inverted_pendulum", out="runs/fourier/source", steps=STEPS, set={"agent.settings.encoder": encoder}
    )
    run = sim2real.transfer(source, "heavy", out="runs/fourier/heavy", method="frozen_encoder", steps=STEPS // 8)
    print(run.summary["initial_return"], run.summary["final_return"])
