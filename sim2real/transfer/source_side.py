"""SourceSide: the agent that a transfer starts from, and the worlds in which it is looked at again.

Those worlds are the source run's own, whatever else a configuration of the target calls its source: what is measured in
them, learned from them and retained in them is the source agent's, and its return before was found there. Only where a
space_map has made another agent of it than one that reads and drives what the source's does, it cannot act there: its
retention is then measured in the source domain of the target's configuration, and methods that want worlds of the
source are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agents import ActingPolicy, Bundle, acting_tensors
from envs import DomainVectorEnv

from ..config.config import RunConfig
from ..config.space_map import SpaceMatch, match_spaces
from ..errors import UserError
from ..methods import METHODS
from ..runs.building import build_worlds
from ..runs.run import RunDirectory
from ..runs.teachers import require_teacher
from .job import Transfer

__all__ = ["SourceSide", "open_source", "source_companion", "source_home"]


@dataclass(frozen=True)
class SourceSide:
    """The source agent of a transfer.

    Attributes:
        run: where it was trained.
        bundle: its final checkpoint.
        match: which entries of its spaces are which of the target's; None where all are the same.
    """

    run: RunDirectory
    bundle: Bundle
    match: SpaceMatch | None

    @property
    def differs(self) -> bool:
        """Whether what is carried over reads or drives something else than the source agent."""
        match = self.match
        if match is None:
            return False
        moved = any(own != theirs for entries in match.maps.values() for own, theirs in entries.pairs)
        return moved or not match.source.same_as(match.target)

    def carried(self, policy: ActingPolicy) -> Bundle:
        """Return its checkpoint, its weights those it acts by, in the shapes of the fresh `policy`.

        Raises AgentsError as `match.carry`.
        """
        weights = acting_tensors(self.bundle.weights)
        return replace(self.bundle, weights=weights if self.match is None else self.match.carry(weights, policy))

    def identity(self) -> dict[str, Any]:
        """Return what a run carried over from it says of it."""
        mapped = {} if self.match is None else {"space_map": self.match.to_json()}
        return {"parent": self.bundle.digest, **mapped}


def open_source(job: Transfer, worlds: DomainVectorEnv) -> SourceSide | None:
    """Return the source agent that `job` carries over to the target's `worlds`; None where its method needs none.

    Raises:
        UserError: when the source run has not reached its end (half a source agent would pass for a whole one), its
            agent is no teacher where one is needed, spaces do not fit, or the method wants worlds of the source and
            what is carried over cannot act there.
    """
    method, run = job.row(), job.source
    if run is None or not method.needs_source:
        return None
    run.require_finished("it is carried over")
    bundle = run.final()
    if method.needs_teacher:
        require_teacher(run, job.config, job.method)
    source = SourceSide(run, bundle, match_spaces(bundle, worlds, job.config.transfer.space_map, str(run.path)))
    if method.needs_source_worlds and source.differs:
        raise _no_source_worlds(job, run)
    return source


def _no_source_worlds(job: Transfer, run: RunDirectory) -> UserError:
    """Return the error of a method that wants worlds in which what is carried over cannot act."""
    algorithm = job.config.agent.algorithm
    valid = [
        name
        for name, row in METHODS.items()
        if row.needs_source and not row.needs_source_worlds and algorithm in row.algorithms
    ]
    return UserError(
        f"method {job.method}: takes steps in worlds of the source, and transfer.space_map makes other spaces of those "
        f"of {run.path}: between spaces that differ the source cannot be measured; valid: {', '.join(valid)}"
    )


def source_home(job: Transfer, source: SourceSide | None) -> RunConfig:
    """Return the configuration whose environment, task, source domain and evaluation are those of the source of `job`.

    That of the source's run. Without a source, or where what is carried over cannot act there (`SourceSide.differs`),
    the target's own.

    Raises:
        UserError: when the source run's configuration cannot be read.
    """
    return job.config if source is None or source.differs else source.run.config()


def source_companion(
    home: RunConfig, settings: Mapping[str, Any], seed: int, num_threads: int, *, privileged: bool
) -> DomainVectorEnv:
    """Return worlds of `home`'s source domain, as many as its agent had, for methods that look at the source again.

    They show what a learner with these `settings` reads, `privileged` only if that is so, for a teacher.

    They are none that it was trained in: their seed is a branch of `seed`, that of the run that carries it over.
    """
    domain = home.source_domain(home.make_task())
    own = home.model_copy(update={"seed": seed})
    num_envs = home.agent.num_envs
    return build_worlds(
        own,
        domain,
        settings,
        num_envs=num_envs,
        role="source companion",
        num_threads=num_threads,
        privileged=privileged,
    )
