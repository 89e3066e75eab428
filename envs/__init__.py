"""The worlds: MuJoCo tasks whose physics, actuators and sensors are drawn from a domain, many at once.

    from envs import Domain, make_vec

    domain = Domain.parse({"parameters": {"body_mass": {"scale": {"uniform": [0.7, 1.3]}}}})
    env = make_vec("hopper", num_envs=256, domain=domain, seed=0)

Importing this package or `sim2real` registers the environments with Gymnasium, single and vectorised:
`gymnasium.make("sim2real/Hopper-v0")`, `gymnasium.make_vec("sim2real/Hopper-v0", num_envs=8)`. A process that has
imported neither names it: `gymnasium.make("sim2real:sim2real/Hopper-v0")`. Gymnasium's vector wrappers of observations
ask for `autoreset_mode="NextStep"`, stable-baselines3 for `agents.VectorAdapter(env)`. A domain that is given as a
mapping keeps `env.spec.to_json()` possible.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .table import register_all

if TYPE_CHECKING:  # imported when they are first used, see `__getattr__`: most of it takes MuJoCo
    from .domain.domain import Domain
    from .environments import environment, make, make_vec
    from .errors import EnvsError, bound, is_number, number_hint, unknown_name
    from .physics.fidelity import Fidelity
    from .physics.fields.parameters import PARAMETERS
    from .physics.physics import available_cores
    from .shifts import SHIFTS, Shift
    from .table import ENVS, Environment
    from .tasks.groups import Group, observation_groups, observe, privileged_names
    from .tasks.task import Task
    from .user_tasks import import_from
    from .vector.task_check import check_task
    from .vector.vector_env import DomainVectorEnv
    from .vector.wired_worlds import check_domain

__all__ = [
    "ENVS",
    "PARAMETERS",
    "SHIFTS",
    "Domain",
    "DomainVectorEnv",
    "Environment",
    "EnvsError",
    "Fidelity",
    "Group",
    "Shift",
    "Task",
    "available_cores",
    "bound",
    "check_domain",
    "check_task",
    "environment",
    "import_from",
    "is_number",
    "make",
    "make_vec",
    "number_hint",
    "observation_groups",
    "observe",
    "privileged_names",
    "unknown_name",
]

_NAMES = {  # module -> what it gives
    "domain.domain": "Domain",
    "environments": "environment make make_vec",
    "errors": "EnvsError bound is_number number_hint unknown_name",
    "physics.fidelity": "Fidelity",
    "physics.fields.parameters": "PARAMETERS",
    "physics.physics": "available_cores",
    "shifts": "SHIFTS Shift",
    "table": "ENVS Environment",
    "tasks.groups": "Group observation_groups observe privileged_names",
    "tasks.task": "Task",
    "user_tasks": "import_from",
    "vector.task_check": "check_task",
    "vector.vector_env": "DomainVectorEnv",
    "vector.wired_worlds": "check_domain",
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


register_all()
