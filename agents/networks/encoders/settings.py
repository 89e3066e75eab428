"""What can be set on an encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from ...errors import AgentsError, number_hint
from ..activations import activation_class
from ..rules import is_whole, require_widths
from . import encoder_row
from .memory import memory_class

__all__ = ["EncoderSettings"]


@dataclass(frozen=True)
class EncoderSettings:
    """What the encoder is made of; an mlp without widths is the normaliser alone.

    `kind` may be `module:Class`, a torch.nn.Module of the user's own. It is built as
    `Class(obs_dim, **options)` and must map normalised observations (N, obs_dim) to features (N, F), both
    float32; F is found by a probe. The running normaliser stands in front of it. The module is looked for beside
    the configuration, where Python looks for modules, and in the working directory. A setting that the kind does
    not read must be left at its default.
    """

    kind: str = "mlp"  # one of ENCODERS, or module:Class
    widths: tuple[int, ...] = (64,)  # of the linear layers; []: the normaliser alone
    layer_norm: bool = True  # after every linear layer
    activation: str = "elu"  # one of ACTIVATIONS
    length: int = 16  # history, rma: steps the encoder looks back, the newest included
    cell: str = "gru"  # history, rma: one of CELLS
    memory_width: int = 32  # history, rma: numbers the cell keeps
    extrinsics: int = 8  # rma: numbers that stand for what is particular in a world
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)  # module:Class: its keywords

    def __post_init__(self) -> None:
        """Raise AgentsError on an unknown kind, cell or activation, an impossible size, or a setting nobody reads."""
        row = encoder_row(self.kind)
        activation_class(self.activation)
        memory_class(self.cell)
        object.__setattr__(self, "widths", require_widths("encoder.widths", self.widths))
        if not isinstance(self.layer_norm, bool):
            raise AgentsError(f"encoder.layer_norm is {self.layer_norm!r}: it must be true or false")
        for name, least in (("length", 2), ("memory_width", 1), ("extrinsics", 1)):
            value = getattr(self, name)
            if not is_whole(value) or value < least:
                hint = number_hint(value, whole=True)
                raise AgentsError(f"encoder.{name} is {value!r}: it must be a whole number of at least {least}{hint}")
        if not isinstance(self.options, Mapping) or not all(isinstance(key, str) for key in self.options):
            raise AgentsError(f"encoder.options is {self.options!r}: it must be a mapping with names as keys")
        for entry in fields(self):
            default = entry.default if entry.default_factory is MISSING else entry.default_factory()
            value = getattr(self, entry.name)
            if entry.name not in ("kind", *row.reads) and value != default:
                raise AgentsError(
                    f"encoder.{entry.name} is {value!r}: encoder kind {self.kind!r} reads only {', '.join(row.reads)}"
                )

    def arguments(self) -> dict[str, Any]:
        """Return the keywords that the kind's class is built with, beside the observation space."""
        return {name: getattr(self, name) for name in encoder_row(self.kind).reads}

    def estimated_widths(self, obs_dim: int) -> tuple[int, ...]:
        """Return widths of linear layers that have about as many weights: for estimates of memory alone."""
        memory = (self.memory_width * 4,) if "memory_width" in encoder_row(self.kind).reads else ()
        return -(-obs_dim // self.history), *memory, *self.widths

    @property
    def history(self) -> int:
        """Steps that an observation must consist of for this encoder: VectorAdapter's `history`."""
        return self.length if "length" in encoder_row(self.kind).reads else 1
