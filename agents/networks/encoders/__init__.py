"""ENCODERS: what turns observations into features."""

from __future__ import annotations

from typing import NamedTuple

from ...errors import AgentsError, unknown_name
from .encoder import Encoder
from .groups import GroupEncoder
from .history import HistoryEncoder
from .memory import CELLS
from .mlp import MlpEncoder
from .rma import RmaEncoder
from .user import UserEncoder, is_user_encoder

__all__ = [
    "CELLS",
    "ENCODERS",
    "Encoder",
    "EncoderRow",
    "GroupEncoder",
    "HistoryEncoder",
    "MlpEncoder",
    "RmaEncoder",
    "UserEncoder",
    "encoder_class",
    "encoder_row",
]


class EncoderRow(NamedTuple):
    """One row of ENCODERS: the class, what it is, and the settings it is built with beside the observation space."""

    cls: type[Encoder]
    description: str
    reads: tuple[str, ...]  # names of EncoderSettings, its keywords


_LAYERS = ("widths", "layer_norm", "activation")
_MEMORY = ("length", "cell", "memory_width")

ENCODERS: dict[str, EncoderRow] = {
    "mlp": EncoderRow(MlpEncoder, "running normaliser, then linear layers with LayerNorm", _LAYERS),
    "history": EncoderRow(HistoryEncoder, "a memory over the last observations and actions", (*_LAYERS, *_MEMORY)),
    "rma": EncoderRow(
        RmaEncoder,
        "a teacher that reads the group privileged, or a student that finds in the history what it says",
        (*_LAYERS, *_MEMORY, "extrinsics"),
    ),
}

_USER = EncoderRow(UserEncoder, "a torch module of the user's own, behind the normaliser", ("kind", "options"))


def encoder_row(kind: str) -> EncoderRow:
    """Return the row of the encoder `kind`, also of a `module:Class`; AgentsError with the valid names if none."""
    if isinstance(kind, str) and kind in ENCODERS:
        return ENCODERS[kind]
    if is_user_encoder(kind):
        return _USER
    raise AgentsError(f"{unknown_name('encoder kind', kind, ENCODERS)}, or module:Class for a torch module of your own")


def encoder_class(kind: str) -> type[Encoder]:
    """Return the class of the encoder `kind`; AgentsError as from `encoder_row`."""
    return encoder_row(kind).cls
