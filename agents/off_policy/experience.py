"""Experience: the transitions that a learner draws its batches from, its own and the source's, with their features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import CheckpointError
from ..learning.training_state import below
from ..networks.encoders import Encoder
from ..plan.regularisers import Origin
from ..rollouts.transition import Transition
from .collection import SamplingPolicy
from .feature_cache import FeatureCache
from .pools import Pool
from .replay import Replay
from .source_stream import SourceStream

__all__ = ["Experience"]

_STREAM = "source/"  # prefix of tensor names


class Experience:
    """A replay of the learner's own transitions and, for plans that want them, the stream of the source's.

    Attributes:
        replay: what the learner has done itself in the current plan.
        cache: features of what lies in the replay.
        stream: what is done in the source's worlds; None for plans that want none of it.
        encoder: the frozen encoder whose features are cached; None: they are not.
    """

    def __init__(self, replay: Replay, device: torch.device) -> None:
        """Begin without the source, and with nothing cached."""
        self.replay, self.cache = replay, FeatureCache(replay, device)
        self.stream: SourceStream | None = None
        self.encoder: Encoder | None = None

    def begin(self, stream: SourceStream | None) -> None:
        """Forget everything; from now on `stream` gives the source's transitions."""
        self.replay.clear()
        self.cache.forget()
        self.stream = stream

    def cache_features(self, encoder: Encoder | None) -> None:
        """Cache the features of this frozen `encoder` from now on; None: drop all that there are."""
        self.encoder = encoder
        if encoder is None:
            self.cache.forget()
            if self.stream is not None:
                self.stream.cache.forget()

    def add(self, obs: NDArray[np.float32], actions: NDArray[np.float32], transition: Transition) -> None:
        """Write one step of all worlds; see `Replay.add`."""
        rows = self.replay.add(obs, actions, transition)
        if self.encoder is not None:
            self.cache.refresh(self.encoder, rows)

    def begin_source(self, origin: Origin | None, generator: torch.Generator) -> None:
        """Take the steps in the source's worlds that come before the first of the learner's own, if any are wanted."""
        if self.stream is not None and not self.stream.begun:
            assert origin is not None  # SourceData.check
            self.stream.begin(cast(SamplingPolicy, origin.policy()), generator)

    def follow(self, policy: SamplingPolicy, num_steps: int, generator: torch.Generator) -> float | None:
        """Do at the source what belongs to `num_steps` more world-steps of the learner; see `SourceStream.follow`."""
        return None if self.stream is None else self.stream.follow(policy, self.replay, num_steps, generator)

    def pools(self, batch_size: int) -> list[Pool]:
        """Return where the transitions of every batch come from, features at hand if they are cached."""
        if self.encoder is not None:
            self.cache.refresh(self.encoder)
        own = Pool(self.replay, batch_size, self.cache if self.encoder is not None else None)
        return [own] if self.stream is None else self.stream.pools(own, self.encoder)

    def get_state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Return the replay's filled part and all that was taken at the source; no features."""
        tensors, replay = self.replay.get_state()
        state: dict[str, Any] = {"replay": replay}
        if self.stream is not None:
            found, state["source"] = self.stream.get_state()
            tensors |= {_STREAM + name: tensor for name, tensor in found.items()}
        return tensors, state

    def set_state(self, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
        """Continue from what `get_state` returned; features of a frozen encoder are computed again."""
        self.replay.set_state(tensors, state["replay"])
        self.cache.forget()
        if (self.stream is not None) != ("source" in state):
            raise CheckpointError("the training state is that of another plan: apply the run's own plan first")
        if self.stream is not None:
            self.stream.set_state(below(_STREAM, tensors), state["source"])
