"""Fidelity: how accurately, and so how slowly, a world is integrated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import UnionType
from typing import Any

import mujoco

from .errors import EnvsError, number_hint, unknown_name

__all__ = ["NOMINAL", "Fidelity"]

INTEGRATORS = {
    "Euler": mujoco.mjtIntegrator.mjINT_EULER,
    "RK4": mujoco.mjtIntegrator.mjINT_RK4,
    "implicit": mujoco.mjtIntegrator.mjINT_IMPLICIT,
    "implicitfast": mujoco.mjtIntegrator.mjINT_IMPLICITFAST,
}
_LARGEST_DT, _LARGEST_INT = 1e3, 2**31 - 1  # s; what MuJoCo's integers hold
CONES = {"pyramidal": mujoco.mjtCone.mjCONE_PYRAMIDAL, "elliptic": mujoco.mjtCone.mjCONE_ELLIPTIC}


@dataclass(frozen=True)
class Fidelity:
    """Choices of MuJoCo's `option` element; None keeps what the model file says.

    The control period ctrl_dt belongs to the task and stays: a larger `sim_dt` means fewer substeps.

    Attributes:
        integrator: Euler, RK4, implicit or implicitfast.
        sim_dt: simulation timestep, s; must divide ctrl_dt.
        iterations: most iterations of the constraint solver.
        ls_iterations: most iterations of its line search.
        cone: friction cone, pyramidal or elliptic.
    """

    integrator: str | None = None
    sim_dt: float | None = None
    iterations: int | None = None
    ls_iterations: int | None = None
    cone: str | None = None

    def __post_init__(self) -> None:
        for key, table in (("integrator", INTEGRATORS), ("cone", CONES)):
            value = getattr(self, key)
            if value is not None and (not isinstance(value, str) or value not in table):
                raise unknown_name(f"fidelity.{key}", value, table)
        self._require_positive("sim_dt", "a number", int | float, _LARGEST_DT)
        self._require_positive("iterations", "an integer", int, _LARGEST_INT)
        self._require_positive("ls_iterations", "an integer", int, _LARGEST_INT)

    def _require_positive(self, key: str, kind: str, types: UnionType | type[int], most: float) -> None:
        """Raise EnvsError unless the field `key` is None or a `kind` in (0, most]."""
        value = getattr(self, key)
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, types) or not value > 0:
            raise EnvsError(f"fidelity.{key}: must be {kind} > 0, got {value!r}{number_hint(value)}")
        if value > most:
            raise EnvsError(f"fidelity.{key}: must be at most {most:g}, got {value!r}")

    @staticmethod
    def parse(value: str | Mapping[str, Any], cheap: Fidelity) -> Fidelity:
        """Read `nominal`, `cheap` (the task's own cheap fidelity) or a mapping of this class's fields.

        Raises:
            EnvsError: for another name, an unknown key or an impossible value.
        """
        if not isinstance(value, str | Mapping):
            raise EnvsError(f"fidelity: expected nominal, cheap or a mapping, got {value!r}")
        if isinstance(value, str):
            named = {"nominal": NOMINAL, "cheap": cheap}
            if value not in named:
                raise unknown_name("fidelity", value, [*named, "or a mapping"])
            return named[value]
        known = {f.name for f in fields(Fidelity)}
        for key in value:
            if key not in known:
                raise unknown_name("key in fidelity", key, known)
        return replace(NOMINAL, **value)

    def apply(self, spec: mujoco.MjSpec, ctrl_dt: float) -> int:
        """Write the choices into `spec.option` and return the number of substeps in `ctrl_dt` (s).

        Raises:
            EnvsError: when sim_dt does not divide ctrl_dt.
        """
        option = spec.option
        if self.integrator is not None:
            option.integrator = INTEGRATORS[self.integrator]
        if self.cone is not None:
            option.cone = CONES[self.cone]
        if self.iterations is not None:
            option.iterations = int(self.iterations)
        if self.ls_iterations is not None:
            option.ls_iterations = int(self.ls_iterations)
        if self.sim_dt is not None:
            option.timestep = self.sim_dt
        substeps: int = round(ctrl_dt / option.timestep)
        if substeps < 1 or abs(substeps * option.timestep - ctrl_dt) > 1e-9:
            valid = ", ".join(f"{ctrl_dt / k:g}" for k in (1, 2, 4, 5, 8))
            raise EnvsError(
                f"fidelity.sim_dt: {option.timestep:g} s does not divide ctrl_dt = {ctrl_dt:g} s; valid e.g. {valid}"
            )
        return substeps

    def describe(self) -> str:
        """Return e.g. `integrator=implicitfast, sim_dt=0.004`, or `nominal`."""
        chosen = [f"{f.name}={getattr(self, f.name)}" for f in fields(self) if getattr(self, f.name) is not None]
        return ", ".join(chosen) or "nominal"


NOMINAL = Fidelity()
