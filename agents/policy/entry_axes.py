"""Which tensors of a policy index the entries of observations and actions, and along which axes.

One function serves the policies of every learner, as `members` says what they consist of: the first layer behind an
encoder's normaliser reads observations (without layers, what reads the features does), critics read features and then
the action, the last layer of the policy head has rows of action entries. Layers keep what they read on axis 1 of their
`weight`: nn.Linear (out, in), convolutions (out, in, width), recurrent cells (gates, in), ensembles (N, in, out).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from gymnasium import spaces
from torch import nn

from ..errors import AgentsError
from ..networks.encoders import Encoder, GroupEncoder
from ..networks.moments import RunningMoments
from ..rollouts.groups import POLICY
from .parts import Member, Parted
from .space_map import Axes, AxisEntries, Segment

__all__ = ["ActingPolicy", "ReadsEntries", "entry_axes", "input_axes"]

Segments = tuple[Segment, ...]


class ActingPolicy(Parted, Protocol):
    """A policy of named parts that acts by one vector."""

    @property
    def action_space(self) -> spaces.Space[Any]:
        """The space of actions, a Box of one axis."""
        ...

    @property
    def reads(self) -> Mapping[str, Sequence[str]]:
        """Head (`policy`, `value`) -> the observation groups it reads."""
        ...


@runtime_checkable
class ReadsEntries(Protocol):
    """A module that is more than a stack of layers behind a normaliser, and says itself what in it reads entries.

    It is an encoder, or the module inside one that does its work; its features are no raw entries.
    """

    def input_segments(self) -> Mapping[str, Segments]:
        """Return, for every tensor that reads entries, by its name in the module, what lies along its axis 1.

        Example: a recurrent cell over slots of observation, action and flag, and a layer that reads the cell's 32
        units and the newest observation: {"cell.weight_ih_l0": ("observation", "action", 1), "output.weight": (32,
        "observation")}.
        """
        ...


def entry_axes(policy: ActingPolicy) -> Axes:
    """Return tensor name -> what its axes index, for every tensor of the policy whose shape depends on the spaces.

    Entries without a partner become zero where they are read. Rows of new action entries, their noise and the
    statistics of new observation entries are as in a fresh policy.

    Raises:
        AgentsError: for an encoder that does not say how it reads observations, or a LayerNorm over raw entries.
    """
    members, shape = policy.members(), policy.action_space.shape or (0,)
    axes: dict[str, tuple[AxisEntries, ...]] = {}
    features: dict[str, dict[str, Segments]] = {}
    for part in ("encoder", "value_encoder", "encoder_target"):
        for prefix, encoder in members.get(part, {}).items():
            assert isinstance(encoder, Encoder)
            own, features[part] = _group_axes(prefix, encoder)
            axes.update(own)
    reads = policy.reads
    value_features = _picked(features.get("value_encoder", features["encoder"]), reads["value"])
    axes.update(input_axes(members.get("policy_head", {}), _picked(features["encoder"], reads["policy"])))
    axes.update(input_axes(members.get("value_head", {}), value_features))
    for part in ("critic", "critic_target"):
        axes.update(input_axes(members.get(part, {}), (*value_features, "action")))
    for name, rows in _action_rows(members.get("policy_head", {}), shape[0]).items():
        axes[name] = (*axes.get(name, ()), rows)
    for prefix in members.get("log_std", {}):
        axes[prefix] = (AxisEntries(0, ("action",), zero=False),)
    return axes


def _group_axes(prefix: str, encoder: Encoder) -> tuple[Axes, dict[str, Segments]]:
    """Return the axes of the tensors of all groups' encoders, and what the features of each group stand for.

    Spaces differ in the entries of `policy`; other groups are as wide on both sides.
    """
    if not isinstance(encoder, GroupEncoder):
        axes, segments = _encoder_axes(prefix, encoder)
        return axes, {POLICY: segments}
    axes, segments = _encoder_axes(f"{prefix}.{POLICY}", encoder.of(POLICY))
    others = {name: (encoder.of(name).features_dim,) for name in encoder.names if name != POLICY}
    return axes, {POLICY: segments, **others}


def _picked(features: Mapping[str, Segments], groups: Sequence[str]) -> Segments:
    """Return what the features of `groups` stand for, one after the other."""
    return tuple(segment for name, segments in features.items() if name in groups for segment in segments)


def _encoder_axes(prefix: str, encoder: Encoder) -> tuple[Axes, Segments]:
    """Return the axes of an encoder's tensors, and what its features stand for."""
    observation: Segments = ("observation",)
    statistics = (AxisEntries(0, observation, zero=False),)
    axes = {f"{prefix}.normalizer.{name}": statistics for name in ("mean", "var", "count")}
    for path, module in encoder.named_modules(prefix=prefix):
        if isinstance(module, ReadsEntries):
            for name, along in module.input_segments().items():
                axes[f"{path}.{name}"] = (AxisEntries(1, along, zero=True),)
            return axes, (encoder.features_dim,)
    layers = getattr(encoder, "layers", None)
    if not isinstance(layers, nn.Sequential):
        raise AgentsError(
            f"{type(encoder).__name__} does not say which of its tensors read observations, so it cannot be carried "
            f"between spaces that differ: give its module a method input_segments, see agents.ReadsEntries"
        )
    read = input_axes({f"{prefix}.layers": layers}, observation)
    return {**axes, **read}, ((encoder.features_dim,) if read else observation)


def input_axes(members: Mapping[str, Member], segments: Segments) -> Axes:
    """Return the axis of the tensor by which `members`, called one after the other, read what lies in `segments`.

    {} where nothing among it is an entry. Statistics among the members, such as a scale of returns, read nothing.

    Raises:
        AgentsError: when something else than a layer with a `weight` of an input axis comes first.
    """
    if all(isinstance(segment, int) for segment in segments):
        return {}
    for name, module in _layers(members):
        weight = getattr(module, "weight", None)
        if weight is None or weight.ndim < 2:
            raise AgentsError(
                f"{name} ({type(module).__name__}) reads raw entries of {', '.join(map(str, segments))}: what it does "
                f"with one depends on the others, so it cannot be carried between spaces that differ"
            )
        return {f"{name}.weight": (AxisEntries(1, segments, zero=True),)}
    return {}


def _layers(members: Mapping[str, Member]) -> Iterable[tuple[str, nn.Module]]:
    """Yield the modules with tensors of their own, by name, statistics left out."""
    for prefix, member in members.items():
        if isinstance(member, nn.Parameter):
            continue
        for path, module in member.named_modules():
            own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
            if own and not isinstance(module, RunningMoments):
                yield (f"{prefix}.{path}" if path else prefix), module


def _action_rows(members: Mapping[str, Member], size: int) -> dict[str, AxisEntries]:
    """Return the axes of the policy head's last layer whose rows are action entries, once or several times.

    Several times where the layer gives more than the mean: (mean, log std) are two runs of `size` rows.
    """
    layers = list(_layers(members))
    if not layers or not size:
        return {}
    name, module = layers[-1]
    rows = {f"{name}.{key}": tensor.shape[0] for key, tensor in module.named_parameters(recurse=False)}
    return {key: AxisEntries(0, ("action",) * (count // size), zero=False) for key, count in rows.items()}
