"""What a transition of the source would have earned on the target: its reward, corrected by two classifiers.

Source: Eysenbach et al. 2020, arXiv 2006.13916, section 4. With q what classifiers say of where something stems from,
    delta r = log q(target | s, a, s') - log q(source | s, a, s') - log q(target | s, a) + log q(source | s, a)
is log p_target(s' | s, a) - log p_source(s' | s, a): how much likelier the target makes this step than the source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import softplus

from ..errors import CheckpointError
from ..networks.torch_seeding import seeded
from .replay import Replay, Rows

__all__ = ["ClassifierSettings", "DomainClassifiers"]

_FIELDS = ("step", "exp_avg", "exp_avg_sq")  # of Adam's state


@dataclass(frozen=True)
class ClassifierSettings:
    """Settings of the two classifiers.

    Attributes:
        widths: of their hidden layers.
        learning_rate: of Adam.
        batch_size: transitions of a minibatch, half of them of either domain.
        gradient_steps: updates per target transition.
        noise: standard deviation of what is added to the inputs in training, in units of their own standard deviation
            in the source: classifiers that are too sure of few target transitions would forbid everything else. The
            paper adds 1 to raw inputs; where domains differ by little, that hides the difference.
        clip: bound on the correction, in units of reward, either way.
    """

    widths: tuple[int, ...] = (64, 64)
    learning_rate: float = 1e-3
    batch_size: int = 256
    gradient_steps: float = 0.5
    noise: float = 0.1
    clip: float = 10.0


def _classifier(in_features: int, widths: tuple[int, ...]) -> nn.Sequential:
    """Return a network to one logit, log q(target) - log q(source)."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(in_features, width), nn.ReLU()]
        in_features = width
    return nn.Sequential(*layers, nn.Linear(in_features, 1))


class DomainClassifiers(nn.Module):
    """Two classifiers: of (s, a, s') and of (s, a). They see as many transitions of one domain as of the other.

    s' is given as s' - s. All inputs are standardised by mean and standard deviation in the source, measured once.
    """

    location: torch.Tensor
    scale: torch.Tensor

    def __init__(self, obs_dim: int, action_dim: int, settings: ClassifierSettings, seed: int) -> None:
        """Build them; the initial weights depend on `seed` alone."""
        super().__init__()
        self.settings = settings
        self._known = obs_dim + action_dim  # entries that the second classifier reads
        with seeded(seed):
            self.of_transition = _classifier(self._known + obs_dim, settings.widths)
            self.of_action = _classifier(self._known, settings.widths)
        self.register_buffer("location", torch.zeros(self._known + obs_dim))
        self.register_buffer("scale", torch.ones(self._known + obs_dim))
        self._optimizer = torch.optim.Adam(self.parameters(), lr=settings.learning_rate)

    @torch.no_grad()
    def measure(self, source: Rows) -> None:
        """Take mean and standard deviation of all inputs from transitions of the source; 1 for what never varies."""
        inputs = torch.cat([source.obs, source.actions, source.next_obs - source.obs], dim=1)
        spread = inputs.std(dim=0, correction=0)
        self.location.copy_(inputs.mean(dim=0))
        self.scale.copy_(torch.where(spread > 1e-6, spread, 1.0))

    def _inputs(self, rows: Rows) -> torch.Tensor:
        """Return standardised s, a, s' - s, (N, 2 obs_dim + action_dim)."""
        raw = torch.cat([rows.obs, rows.actions, rows.next_obs - rows.obs], dim=1)
        return (raw - self.location) / self.scale

    def logits(self, rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
        """Return log q(target | .) - log q(source | .), each (N,): given s, a, s', and given s, a."""
        return self._logits(self._inputs(rows))

    def _logits(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.of_transition(inputs).squeeze(1), self.of_action(inputs[:, : self._known]).squeeze(1)

    @torch.no_grad()
    def correction(self, rows: Rows) -> torch.Tensor:
        """Return delta r (N,) of transitions, within `clip`."""
        whole, known = self.logits(rows)
        return (whole - known).clamp(-self.settings.clip, self.settings.clip)

    def learn(self, source: Replay, target: Replay, num: int, generator: torch.Generator) -> float:
        """Update both `num` times on transitions of both domains; return the mean loss, log 4 for chance."""
        half = self.settings.batch_size // 2
        total = torch.zeros((), device=self.location.device)
        for _ in range(num):
            inputs = torch.cat(
                [self._inputs(replay.gather(replay.draw(half, generator))) for replay in (source, target)]
            )
            noise = torch.randn(inputs.shape, generator=generator).to(inputs.device)
            self._optimizer.zero_grad()
            with torch.enable_grad():
                both = self._logits(inputs + self.settings.noise * noise)
                loss = sum((softplus(x[:half]).mean() + softplus(-x[half:]).mean()) / 2 for x in both)
                assert isinstance(loss, torch.Tensor)
                loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            total += loss.detach()
        return float(total) / max(num, 1)

    def get_state(self) -> dict[str, torch.Tensor]:
        """Return weights, scales and Adam's moments on the CPU."""
        state = {name: tensor.cpu().clone() for name, tensor in self.state_dict().items()}
        for name, parameter in self.named_parameters():
            for field, value in self._optimizer.state.get(parameter, {}).items():
                state[f"{name}:{field}"] = value.cpu().clone()
        return state

    def set_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Continue from what `get_state` returned; CheckpointError if it is that of other classifiers."""
        own = {name: tensor.shape for name, tensor in self.state_dict().items()}
        if {name: state[name].shape for name in own if name in state} != own:
            raise CheckpointError("the saved domain classifiers are missing, or of other sizes")
        self.load_state_dict({name: state[name] for name in own})
        self._optimizer.state.clear()
        for name, parameter in self.named_parameters():
            found = {field: state[f"{name}:{field}"] for field in _FIELDS if f"{name}:{field}" in state}
            if found:
                kept = {field: value.clone() for field, value in found.items()}
                self._optimizer.state[parameter].update(
                    {field: value if field == "step" else value.to(parameter.device) for field, value in kept.items()}
                )
