"""Fidelity: how accurately, and so how slowly, a world is integrated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import mujoco

from ..errors import EnvsError, number_hint, unknown_name

__all__ = ["MOST_SUBSTEPS", "NOMINAL", "Fidelity"]

MOST_SUBSTEPS = 10_000  # simulation steps in a control step: more is a mistyped sim_dt

INTEGRATORS = {
    "Euler": mujoco.mjtIntegrator.mjINT_EULER,
    "RK4": mujoco.mjtIntegrator.mjINT_RK4,
    "implicit": mujoco.mjtIntegrator.mjINT_IMPLICIT,
    "implicitfast": mujoco.mjtIntegrator.mjINT_IMPLICITFAST,
}
SOLVERS = {
    "PGS": mujoco.mjtSolver.mjSOL_PGS,
    "CG": mujoco.mjtSolver.mjSOL_CG,
    "Newton": mujoco.mjtSolver.mjSOL_NEWTON,
}
CONES = {"pyramidal": mujoco.mjtCone.mjCONE_PYRAMIDAL, "elliptic": mujoco.mjtCone.mjCONE_ELLIPTIC}
_NAMED = {"integrator": INTEGRATORS, "cone": CONES, "solver": SOLVERS}


@dataclass(frozen=True)
class _Bounds:
    """What a number among the options may be: in (0, most], or in [0, most] where `zero` means something."""

    most: float = 2**31 - 1  # what MuJoCo's integers hold
    integer: bool = True
    zero: bool = False

    def require(self, key: str, value: object) -> None:
        """Raise EnvsError unless `value` is None or such a number."""
        if value is None:
            return
        types = int if self.integer else int | float
        if isinstance(value, bool) or not isinstance(value, types) or not (value > 0 or (self.zero and value == 0)):
            kind = f"{'an integer' if self.integer else 'a number'} {'>=' if self.zero else '>'} 0"
            raise EnvsError(f"{key}: must be {kind}, got {value!r}{number_hint(value, whole=self.integer)}")
        if value > self.most:
            raise EnvsError(f"{key}: must be at most {self.most:g}, got {value!r}")

    def number(self, value: float) -> float:
        """Return the value as MuJoCo takes it."""
        return int(value) if self.integer else float(value)


_NUMBERS = {
    "sim_dt": _Bounds(1e3, integer=False),  # s
    "iterations": _Bounds(),
    "ls_iterations": _Bounds(),
    "tolerance": _Bounds(1.0, integer=False, zero=True),
    "impratio": _Bounds(1e6, integer=False),
    "noslip_iterations": _Bounds(zero=True),
}
_OPTION = {"sim_dt": "timestep"}  # MuJoCo's name, where it is another


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
        solver: constraint solver, PGS, CG or Newton.
        tolerance: improvement of the solver's cost, relative, at which it ends early; 0 never.
        impratio: resistance to slip over that to penetration; more than 1 slips less.
        noslip_iterations: most iterations of the solver that then removes slip.
    """

    integrator: str | None = None
    sim_dt: float | None = None
    iterations: int | None = None
    ls_iterations: int | None = None
    cone: str | None = None
    solver: str | None = None
    tolerance: float | None = None
    impratio: float | None = None
    noslip_iterations: int | None = None

    def __post_init__(self) -> None:
        for key, table in _NAMED.items():
            value = getattr(self, key)
            if value is not None and (not isinstance(value, str) or value not in table):
                raise unknown_name(f"fidelity.{key}", value, table)
        for key, bounds in _NUMBERS.items():
            bounds.require(f"fidelity.{key}", getattr(self, key))

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
        for key, table in _NAMED.items():
            if (name := getattr(self, key)) is not None:
                setattr(option, key, table[name])
        for key, bounds in _NUMBERS.items():
            if (value := getattr(self, key)) is not None:
                setattr(option, _OPTION.get(key, key), bounds.number(value))
        ratio = ctrl_dt / max(option.timestep, ctrl_dt / (2 * MOST_SUBSTEPS))
        substeps: int = round(ratio)
        if substeps > MOST_SUBSTEPS:
            raise EnvsError(
                f"fidelity.sim_dt: {option.timestep:g} s makes more than {MOST_SUBSTEPS:,} steps of a control step of "
                f"{ctrl_dt:g} s"
            )
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
