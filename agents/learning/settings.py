"""What the settings of all learners have in common: plain data in, plain data out, an encoder among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Self

from ..errors import AgentsError
from ..networks.encoders.settings import EncoderSettings
from ..networks.rules import require_choice, require_known

__all__ = ["LearnerSettings"]


class LearnerSettings:
    """Base of the frozen dataclasses that hold a learner's settings."""

    learner: ClassVar[str]  # what the learner is called in messages
    encoder: EncoderSettings
    schedule: str

    def require_shared(self) -> None:
        """Raise AgentsError where a setting that all learners have breaks its rule."""
        if not isinstance(self.encoder, EncoderSettings):
            raise AgentsError(
                f"encoder is {self.encoder!r}: it must be a mapping with kind, widths, layer_norm, activation"
            )
        require_choice("schedule", self.schedule, ("constant", "linear"))

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Build from plain data (a parsed YAML file); AgentsError with the valid names on an unknown key."""
        values = require_known(cls, mapping, f"{cls.learner} setting")
        encoder = values.get("encoder")
        if isinstance(encoder, Mapping):
            values["encoder"] = EncoderSettings(**require_known(EncoderSettings, encoder, "encoder setting"))
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        """Return plain data (lists, numbers, strings) that `from_mapping` reads back as an equal value."""
        plain: dict[str, Any] = asdict(self)  # type: ignore[call-overload] # subclasses are dataclasses
        plain["encoder"]["widths"] = list(self.encoder.widths)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}
