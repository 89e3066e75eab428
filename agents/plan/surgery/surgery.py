"""SURGERIES: changes of a policy's architecture at transfer; Surgery: one of them, as data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np

from ...errors import PlanError, unknown_name
from ...networks.encoders import GroupEncoder
from ...networks.torch_seeding import seeded
from ...policy import parts
from . import low_rank, progressive, residual
from .adapters import Adaptable, Adapters

__all__ = ["SURGERIES", "Surgery", "SurgeryRow", "operate", "require_whole"]


class SurgeryRow(NamedTuple):
    """One row of SURGERIES: what it does, its options' class, and one line on it."""

    operate: Callable[[Any, Any], Adapters]  # (policy, options): changes the policy in place, returns what is added
    options: type[Any]  # a dataclass that checks itself
    summary: str


SURGERIES: dict[str, SurgeryRow] = {
    "low_rank": SurgeryRow(
        low_rank.operate, low_rank.LowRankOptions, "corrections of small rank of the linear layers up to the action"
    ),
    "residual": SurgeryRow(
        residual.operate, residual.ResidualOptions, "a head beside the policy head, what both say is added"
    ),
    "progressive": SurgeryRow(
        progressive.operate, progressive.ProgressiveOptions, "a new column that reads the source's at every depth"
    ),
}


@dataclass(frozen=True)
class Surgery:
    """What is done to a policy once the source's tensors are in it; `kind` is a name in SURGERIES.

    What it adds belongs to the part `adapters`. It changes nothing that the policy does until the adapters train.
    `options` left out get their defaults.
    """

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise PlanError on an unknown kind or option, or an option that breaks its rule."""
        if not isinstance(self.kind, str) or self.kind not in SURGERIES:
            raise PlanError(unknown_name("surgery", self.kind, SURGERIES))
        known = [entry.name for entry in fields(SURGERIES[self.kind].options)]
        if not isinstance(self.options, Mapping):
            raise PlanError(f"{self.kind}: options are {self.options!r}, expected a mapping with {', '.join(known)}")
        for name in self.options:
            if name not in known:
                raise PlanError(unknown_name(f"option of {self.kind}", name, known))
        # all of them, so that a plan on disk does not change with the defaults
        object.__setattr__(self, "options", asdict(SURGERIES[self.kind].options(**self.options)))


def operate(policy: Adaptable, surgery: Surgery, seed: int) -> None:
    """Change a policy in place; the weights of what is added depend on `seed` alone.

    Raises PlanError if the policy is none the surgery knows how to change, or has been changed already.
    """
    if policy.adapters is not None:
        raise PlanError(f"{surgery.kind}: the policy has adapters of a surgery already")
    if isinstance(policy.encoder, GroupEncoder):
        raise PlanError(f"{surgery.kind}: the policy has an encoder for every observation group, surgeries need one")
    row = SURGERIES[surgery.kind]
    device = parts.parameters(policy, ["policy_head"])[0].device  # statistics stay on the CPU
    own_seed = np.random.SeedSequence(seed, spawn_key=(1,)).generate_state(1, np.uint64)  # not that of the layers
    with seeded(int(own_seed[0])):
        policy.adapters = row.operate(policy, row.options(**surgery.options)).to(device)


def require_whole(source: Iterable[str]) -> None:
    """Raise PlanError if the tensors of a source, by name, are those of a policy that a surgery has changed.

    Its base without the adapters is another policy.
    """
    if any(name.split(".")[0] == "adapters" for name in source):
        raise PlanError(
            "the source was changed by a surgery, and without its adapters it is another policy: "
            "transfer from the run it came from"
        )
