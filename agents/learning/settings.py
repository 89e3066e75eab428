"""What the settings of all learners have in common: plain data in, plain data out, an encoder among them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Self

from gymnasium import spaces

from ..errors import AgentsError, unknown_name
from ..networks.encoders import Encoder, GroupEncoder, encoder_class
from ..networks.encoders.groups import group_box
from ..networks.encoders.settings import EncoderSettings
from ..networks.rules import require_choice, require_known, require_names
from ..rollouts.groups import POLICY, PRIVILEGED, GroupSpace, RowLayout

__all__ = ["LearnerSettings"]


_HEADS = ("policy", "value")
_TEACHER = "rma"  # the kind of encoder that reads two groups by itself


class LearnerSettings:
    """Base of the frozen dataclasses that hold a learner's settings.

    `encoder` reads the observation group `policy`. An agent that reads more groups has `encoders` instead, one of each,
    and `reads` says which of them the policy head and the value head (SAC: the critics) read: by default the policy all
    but `privileged`, the value all.
    """

    learner: ClassVar[str]  # what the learner is called in messages
    schedules: ClassVar[tuple[str, ...]] = ("constant", "linear")  # of the learning rate
    encoder: EncoderSettings
    encoders: Mapping[str, EncoderSettings]
    reads: Mapping[str, tuple[str, ...]]
    privileged: tuple[str, ...]
    schedule: str

    def layout(self) -> RowLayout:
        """Return which observation groups the agent reads, and over how many steps."""
        steps = {name: encoder.history for name, encoder in self.encoders.items()}
        if not steps:
            steps = {POLICY: self.encoder.history} | ({PRIVILEGED: 1} if self.encoder.kind == _TEACHER else {})
        return RowLayout(steps, self.privileged)

    def head_groups(self) -> dict[str, tuple[str, ...]]:
        """Return head -> the groups it reads, for `policy` and `value`."""
        groups = tuple(self.layout().steps)
        open_to_policy = tuple(name for name in groups if name != PRIVILEGED)
        return {"policy": self.reads.get("policy", open_to_policy), "value": self.reads.get("value", groups)}

    def make_encoder(self, space: spaces.Space[Any]) -> Encoder:
        """Build what turns rows of `space` into features; AgentsError if it cannot read them."""
        if not self.encoders:
            return encoder_class(self.encoder.kind)(space, **self.encoder.arguments())
        if not isinstance(space, GroupSpace):
            raise AgentsError(f"encoders read groups {', '.join(self.encoders)}, observations are one vector: {space}")
        return GroupEncoder(
            space,
            {
                name: encoder_class(settings.kind)(group_box(space, name), **settings.arguments())
                for name, settings in ((name, self.encoders[name]) for name in self.layout().steps)
            },
        )

    def encoder_widths(self, space: spaces.Space[Any]) -> tuple[int, ...]:
        """Return widths of linear layers that have about as many weights: for estimates of memory alone."""
        dim = math.prod(space.shape or ())
        if not isinstance(space, GroupSpace) or not self.encoders:
            return self.encoder.estimated_widths(dim)
        every = [e.estimated_widths(math.prod(group_box(space, name).shape)) for name, e in self.encoders.items()]
        return dim, sum(widths[-1] for widths in every)

    def require_shared(self) -> None:
        """Raise AgentsError where a setting that all learners have breaks its rule."""
        object.__setattr__(self, "privileged", require_names("privileged", self.privileged))
        if not isinstance(self.encoder, EncoderSettings):
            raise AgentsError(
                f"encoder is {self.encoder!r}: it must be a mapping with kind, widths, layer_norm, activation"
            )
        self._require_groups()
        require_choice("schedule", self.schedule, self.schedules)

    def _require_groups(self) -> None:
        """Raise AgentsError where `encoders` or `reads` break a rule."""
        if not isinstance(self.encoders, Mapping) or not isinstance(self.reads, Mapping):
            raise AgentsError("encoders and reads must be mappings, e.g. reads: {value: [policy, privileged]}")
        for name, encoder in self.encoders.items():
            if not isinstance(encoder, EncoderSettings):
                raise AgentsError(f"encoders.{name} is {encoder!r}: it must be a mapping of encoder settings")
            if encoder.kind == _TEACHER:
                raise AgentsError(
                    f"encoders.{name}: kind {_TEACHER!r} reads two groups by itself; give it as `encoder`"
                )
        if set(self.encoders) == {POLICY}:
            object.__setattr__(self, "encoder", self.encoders[POLICY])
            object.__setattr__(self, "encoders", {})
        if self.encoders and POLICY not in self.encoders:
            raise AgentsError(f"encoders are of groups {', '.join(self.encoders)}: {POLICY!r} must be among them")
        reads = {head: require_names(f"reads.{head}", groups) for head, groups in self.reads.items()}
        object.__setattr__(self, "reads", reads)
        known = tuple(self.layout().steps)
        for head, groups in reads.items():
            if head not in _HEADS:
                raise AgentsError(f"reads: {unknown_name('head', head, _HEADS)}")
            for group in groups:
                if group not in known:
                    raise AgentsError(f"reads.{head}: {unknown_name('group with an encoder', group, known)}")
        heads = self.head_groups()
        if self.encoders and (unread := [g for g in known if not any(g in groups for groups in heads.values())]):
            raise AgentsError(f"encoders.{unread[0]}: nothing reads this group; name it in reads, or leave it out")
        if empty := [head for head, groups in heads.items() if not groups]:
            raise AgentsError(f"reads.{empty[0]}: it must name at least one group; valid: {', '.join(known)}")

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Build from plain data (a parsed YAML file); AgentsError with the valid names on an unknown key."""
        values = require_known(cls, mapping, f"{cls.learner} setting")
        encoder = values.get("encoder")
        if isinstance(encoder, Mapping):
            values["encoder"] = EncoderSettings(**require_known(EncoderSettings, encoder, "encoder setting"))
        if values.get("encoders"):
            if "encoder" in values:
                raise AgentsError("encoder is short for encoders: {policy: ...}: give one of the two")
            values["encoders"] = _read_encoders(values["encoders"])
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        """Return plain data (lists, numbers, strings) that `from_mapping` reads back as an equal value."""
        plain: dict[str, Any] = asdict(self)  # type: ignore[call-overload] # subclasses are dataclasses
        for encoder in (plain["encoder"], *plain["encoders"].values()):
            encoder["widths"] = list(encoder["widths"])
        plain["reads"] = {head: list(groups) for head, groups in self.reads.items()}
        if self.encoders:
            del plain["encoder"]  # it is not read
        return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}


def _read_encoders(given: Any) -> dict[str, EncoderSettings]:
    """Return group -> settings of its encoder; AgentsError naming the group and key that is wrong."""
    if not isinstance(given, Mapping):
        raise AgentsError(f"encoders is {given!r}: it must be a mapping of groups to encoder settings")
    return {
        str(name): EncoderSettings(**require_known(EncoderSettings, one or {}, f"encoders.{name} setting"))
        if not isinstance(one, EncoderSettings)
        else one
        for name, one in given.items()
    }
