"""Learner: what all learners share: worlds, seeds, the plan they carry out, and their whole state as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar, NoReturn

import torch
from gymnasium.vector import VectorEnv
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from ..errors import AgentsError, PlanError
from ..networks.rules import require_bounded_actions
from ..networks.torch_seeding import seeded
from ..plan.budget import exact_steps_error
from ..plan.carry_over import carry_over, raise_exploration
from ..plan.phase import Phase
from ..plan.phase_runner import PhaseRunner
from ..plan.plan import TransferPlan
from ..plan.regularisers import ActivePenalties, Origin, Penalties
from ..plan.requirements import require_possible
from ..plan.surgery import Surgery, operate
from ..policy import parts
from ..policy.actor import PolicyActor
from ..policy.policy_average import acting_tensors
from ..rollouts.transition import Transition
from ..rollouts.vec_adapter import VectorAdapter
from .adaptation import AdaptationLog, adapt
from .seeds import Seeds
from .training_state import get_training_state, set_training_state

__all__ = ["Learner", "TrainingState"]

Tensors = dict[str, torch.Tensor]
TrainingState = tuple[Mapping[str, torch.Tensor], Mapping[str, Any]]  # what `get_training_state` returns


class Learner(BaseAlgorithm):
    """A stable-baselines3 algorithm over many worlds that carries out transfer plans; PPO and SAC are two.

    All randomness comes from `seed`, none from a global generator. Until `apply_plan` is called, the plan is
    `pretrain_plan()`: everything trains.

    Attributes:
        seeds: branches of the one seed.
        generator: of noise, permutations and batches; on the CPU whatever the device: the same numbers everywhere.
        iteration: rollouts collected.
        phases: where the learner stands in its plan.
        source_env: worlds of the source, for plans that want something of them; None for others.
        source_tensors: what the plan began from, by checkpoint names; None for a plan without a source.
        origin: the source as it acts and what it has seen; None without one.
        penalties: what the plan's regularisers have come to.
        adaptation: what came of the plan's adaptation; None without one.
    """

    takes_penalties: ClassVar[bool] = False  # whether its updates follow `active_penalties()`
    takes_source_data: ClassVar[bool] = False  # whether it learns from the source's transitions too
    takes_average: ClassVar[bool] = False  # whether an average of its policies can act
    settings: Any  # of the kind of learner, with an `encoder`: EncoderSettings
    policy: Any
    env: VecEnv
    phases: PhaseRunner
    seeds: Seeds
    generator: torch.Generator
    iteration: int
    source_env: VecEnv | None
    source_tensors: Mapping[str, torch.Tensor] | None
    origin: Origin | None
    penalties: Penalties
    adaptation: AdaptationLog | None

    def begin(self) -> None:
        """Set what there is before any policy; to be called before stable-baselines3's constructor."""
        self.generator = torch.Generator()
        self.iteration = 0
        self.source_env, self.source_tensors = None, None
        self.adaptation = None
        self.origin = None
        self.penalties = Penalties()

    def _wrap_env(  # type: ignore[override] # a static method above, which knows no settings
        self, env: Any, verbose: int = 0, monitor_wrapper: bool = True
    ) -> VecEnv:
        if isinstance(env, VectorEnv):
            env = VectorAdapter(env, layout=self.settings.layout())
        wrapped = BaseAlgorithm._wrap_env(env, verbose, monitor_wrapper)
        require_bounded_actions(type(self).__name__, wrapped.action_space)
        return wrapped

    def seed_everything(self) -> None:
        """Seed the learner's generator, and the worlds unless they were made with a seed of their own."""
        self.set_random_seed(self.seed)
        if not isinstance(self.env, VectorAdapter):
            self.env.seed(self.seed)

    def set_random_seed(self, seed: int | None = None) -> None:
        """Seed the learner's own generator (noise, permutations); no global generator is touched."""
        self.seeds = Seeds.of(seed)
        self.generator.manual_seed(self.seeds.noise)

    def seeded_torch(self) -> AbstractContextManager[None]:
        """Seed for an update torch's global generators, which a Dropout in somebody's module draws from.

        They begin at a number of the seed and the steps taken, so that a run that is continued draws the same.
        """
        return seeded(self.seeds.of_update(self.num_timesteps), self.device)

    # what a kind of learner says of itself

    def make_fresh_policy(self) -> Any:
        """Return a policy with the initial weights of this seed, on the learner's device."""
        raise NotImplementedError

    def adopt(self, policy: Any) -> None:
        """Make `policy` the one that acts and learns."""
        self.policy = policy

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Everything that moves weights."""
        raise NotImplementedError

    def renew_optimizer(self) -> None:
        """Replace the optimizers by fresh ones over what trains now; called whenever that changes."""
        raise NotImplementedError

    def get_own_state(self) -> tuple[Tensors, dict[str, Any]]:
        """Return what only this kind of learner has: tensors, and JSON."""
        raise NotImplementedError

    def set_own_state(self, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
        """Continue from what `get_own_state` returned."""
        raise NotImplementedError

    @property
    def plan(self) -> TransferPlan:
        """The plan that is carried out."""
        return self.phases.plan

    @property
    def phase(self) -> Phase | None:
        """The phase that runs, None once all are over."""
        return self.phases.phase

    def apply_plan(
        self,
        plan: TransferPlan,
        source_tensors: Mapping[str, torch.Tensor] | None = None,
        source_env: VectorEnv[Any, Any, Any] | VecEnv | None = None,
    ) -> list[str]:
        """Begin `plan` with a fresh policy: load what it keeps or freezes from `source_tensors`.

        `source_env` are worlds of the source, for plans that ask for them. Returns the names of the loaded tensors.
        Raises PlanError if the plan does not fit, or wants of the source what is not given; PartsError if the source
        does not fit. Nothing has changed then.
        """
        companion = None if source_env is None else self._wrap_env(source_env)
        source_tensors = None if source_tensors is None else acting_tensors(source_tensors)
        require_possible(plan, self, source_tensors, companion)
        policy = self.make_fresh_policy()
        loaded = carry_over(policy, plan, source_tensors)
        if plan.surgery is not None:
            operate(policy, plan.surgery, self.seeds.weights)
        if plan.average is not None:
            policy.begin_average()
        if plan.exploration is not None and loaded:
            raise_exploration(policy, plan, done=0.0)
        adaptation = adapt(policy, companion, plan.adaptation, self.seeds.adapting) if plan.adaptation else None
        phases = PhaseRunner(policy, plan, self.n_envs)
        self.adopt(policy)
        self.phases, self.adaptation = phases, adaptation
        self.source_tensors, self.source_env = source_tensors, companion
        self.origin = None
        if source_tensors is not None:
            self.origin = Origin(source_tensors, self.make_fresh_policy, companion, self.seeds.measuring)
        self.penalties = Penalties(self.origin)
        self.renew_optimizer()
        self.plan_begun()
        return loaded

    def plan_begun(self) -> None:
        """Set what this kind of learner needs at the beginning of a plan; the policy and the phases are there."""

    def operate(self, surgery: Surgery) -> None:
        """Change the policy as `surgery` did, so that the weights of a policy it has changed can be loaded.

        Raises PlanError as `surgery.operate`. A plan that wants a surgery brings it about itself.
        """
        operate(self.policy, surgery, self.seeds.weights)
        self.adopt(self.policy)
        self.phases = PhaseRunner(self.policy, self.plan, self.n_envs)
        self.renew_optimizer()

    @property
    def rate_now(self) -> float:
        """The learning rate of this moment, before any scale of a part."""
        return float(self.lr_schedule(self._current_progress_remaining))

    def make_actor(self, num_envs: int) -> PolicyActor:
        """Return what acts in `num_envs` worlds that are not the learner's own: the mean action, with its history."""
        return PolicyActor(self.policy, num_envs)

    def active_penalties(self) -> ActivePenalties:
        """Return what keeps the phase that runs near the source; what must be measured there for it is, once."""
        if self.phase is None or not self.phase.regularisers:
            return ActivePenalties()
        known = self.source_tensors or {}
        kept = {
            name: tensor
            for name, tensor in parts.references(self.policy).items()
            if tensor.requires_grad and name in known and self.plan.action(name) == "keep"
        }
        return self.penalties.of(self.phase.name, self.phase.regularisers, kept)

    def keep_exploring(self) -> None:
        """Lift the exploration to the plan's floor of this moment, where it trains."""
        if self.plan.exploration is not None and self.source_tensors is not None:
            raise_exploration(self.policy, self.plan, 1.0 - self._current_progress_remaining, self.phases.trains)

    def note_step(self, transition: Transition) -> None:
        """Count a step of all worlds and keep what it leaves: the next observations, ended episodes."""
        self.num_timesteps += self.n_envs
        self._last_obs, self._last_episode_starts = transition.obs, transition.done
        if self.ep_info_buffer is not None:
            self.ep_info_buffer.extend(transition.episodes)

    def check_budget(self, steps: int) -> None:
        """Raise AgentsError or PlanError if exactly `steps` more steps cannot be taken."""
        if problem := exact_steps_error(steps, self.n_envs):
            raise AgentsError(problem)
        if steps and self.phases.finished:
            reason = "all its phases are over" if self.plan.phases else "it has no phases (zero-shot)"
            raise PlanError(f"the plan trains nothing: {reason}; apply another plan before learn()")

    def get_training_state(self) -> tuple[Tensors, dict[str, Any]]:
        """Return everything besides the weights that is needed to continue byte for byte: tensors, and JSON.

        Call it between updates: after `learn`, or in a callback's `on_rollout_start`. CheckpointError if the
        environment cannot hand its state over.
        """
        return get_training_state(self)

    def set_training_state(self, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
        """Continue from what `get_training_state` returned: plan, phase, worlds, optimizer, generators.

        The weights of that moment must have been loaded (`parts.load`); CheckpointError if they are others.
        """
        set_training_state(self, tensors, state)

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: stable-baselines3's files are pickled. Use `save_bundle`."""
        name = type(self).__name__
        raise AgentsError(f"{name}.save would pickle: use save_bundle(path, weights=parts.tensors(agent.policy), ...)")

    @classmethod
    def load(cls, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: stable-baselines3's files are pickled. Use `load_bundle`."""
        raise AgentsError(
            f"{cls.__name__}.load would unpickle: use load_bundle(path) and "
            "parts.load(agent.policy, acting_tensors(bundle.weights))"
        )
