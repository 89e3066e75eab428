"""Transfer: what is to be carried where, and how."""

from __future__ import annotations

from dataclasses import dataclass

from envs import unknown_name

from ..config.config import RunConfig
from ..errors import UserError
from ..methods import METHODS, Method
from ..runs.run import RunDirectory

__all__ = ["Transfer"]


@dataclass(frozen=True)
class Transfer:
    """What is carried where, and how.

    Attributes:
        config: the configuration; its seed is this run's.
        source: the run of the source agent; None for a method that needs none.
        target: name of the target domain.
        method: name of the method.
    """

    config: RunConfig
    source: RunDirectory | None
    target: str
    method: str

    def row(self) -> Method:
        """Return the method's row in METHODS.

        Raises:
            EnvsError: for a name that is not there.
            UserError: when the method needs a source and there is none, or another learner than the configured one.
        """
        if self.method not in METHODS:
            raise unknown_name("method", self.method, METHODS)
        method = METHODS[self.method]
        method.require_algorithm(self.method, self.config.agent.algorithm)
        if method.needs_source and self.source is None:
            raise UserError(f"method {self.method}: needs a source run")
        return method
