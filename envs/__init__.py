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

from .domain.domain import Domain
from .environments import ENVS, Environment, environment, make, make_vec, register_all
from .errors import EnvsError, bound, is_number, number_hint, unknown_name
from .physics.fidelity import Fidelity
from .physics.fields.parameters import PARAMETERS
from .physics.logs import route_messages
from .physics.physics import available_cores
from .shifts import SHIFTS, Shift
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

route_messages()
register_all()
