"""Environments that do not keep their model are refused where a domain writes into it, when worlds are built."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.envs.mujoco.hopper_v5 import HopperEnv

from envs import DomainVectorEnv, EnvsError, make_vec


class Rebuilt(HopperEnv):
    """Compiles its model anew at every reset, as environments with random worlds do."""

    def reset(self, **options: Any) -> Any:
        self.model = mujoco.MjModel.from_xml_path(self.fullpath)
        self.data = mujoco.MjData(self.model)
        return super().reset(**options)


class Randomised(HopperEnv):
    """Draws the friction of its geoms itself at every reset."""

    def reset_model(self) -> Any:
        self.model.geom_friction[:, 0] = self.np_random.uniform(0.5, 1.0)
        return super().reset_model()


class Anew(HopperEnv):
    """Compiles its model anew in one step, as late as `after` says."""

    after, steps = 3, 0

    def step(self, action: Any) -> Any:
        self.steps += 1
        if self.steps == self.after:
            self.model = mujoco.MjModel.from_xml_path(self.fullpath)
            self.data, old = mujoco.MjData(self.model), self.data
            self.data.qpos[:], self.data.qvel[:] = old.qpos, old.qvel
        return super().step(action)


class AnewLate(Anew):
    after = 60


class SetsMass(HopperEnv):
    """Sets its masses in every step from the number `first` on."""

    first, steps = 0, 0

    def step(self, action: Any) -> Any:
        self.steps += 1
        if self.steps > self.first:
            self.model.body_mass[1:] = 3.0
        return super().step(action)


class SetsMassLate(SetsMass):
    first = 60


class StepsAnother(HopperEnv):
    """Steps another simulation than the one it shows."""

    def step(self, action: Any) -> Any:
        shown, self.data = self.data, mujoco.MjData(self.model)
        self.data.qpos[:], self.data.qvel[:] = shown.qpos, shown.qvel
        returned = super().step(action)
        shown.qpos[:], shown.qvel[:] = self.data.qpos, self.data.qvel
        self.data = shown
        return returned


ENVS = (Rebuilt, Randomised, Anew, AnewLate, SetsMass, SetsMassLate, StepsAnother)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    for env in ENVS:
        gymnasium.register(f"{env.__name__}-v0", entry_point=env, max_episode_steps=50)
    yield
    for env in ENVS:
        gymnasium.registry.pop(f"{env.__name__}-v0")


def built(env: str, domain: dict[str, Any]) -> np.ndarray:
    worlds = make_vec(env, num_envs=1, domain=domain)
    obs, _ = worlds.reset(seed=0)
    worlds.close()
    return obs


def run_on(worlds: DomainVectorEnv, num_steps: int) -> None:
    for _ in range(num_steps):
        worlds.step(np.zeros(worlds.action_space.shape or (), np.float32))


@pytest.mark.parametrize(
    ("env", "domain", "words"),
    [
        ("Rebuilt-v0", {"parameters": {"gravity": {"scale": 0.5}}}, "gravity would act on nothing, .* MjModel anew"),
        ("Rebuilt-v0", {"parameters": {"control_jitter": {"set": 0.1}}}, "control_jitter would act on nothing"),
        ("Rebuilt-v0", {"fidelity": "cheap"}, "fidelity would act on nothing"),
        (
            "Randomised-v0",
            {"parameters": {"gravity": {"scale": 0.5}, "geom_friction": {"scale": 0.5}}},
            "gym:Randomised-v0: geom_friction would act on nothing, as the environment sets geom_friction itself",
        ),
        ("Anew-v0", {"parameters": {"gravity": {"scale": 0.5}}}, "gravity would act on nothing, .* MjModel anew"),
        ("SetsMass-v0", {"parameters": {"body_mass": {"scale": 0.5}}}, "environment sets body_mass itself"),
        ("StepsAnother-v0", {"parameters": {"body_mass": {"scale": 0.5}}}, "body_mass would .* `data.time` stands"),
    ],
)
def test_a_domain_whose_numbers_a_reset_throws_away_is_refused(env: str, domain: dict[str, Any], words: str) -> None:
    with pytest.raises(EnvsError, match=words):
        built(f"gym:{env}", domain)


@pytest.mark.parametrize(
    ("env", "domain"),
    [
        ("Rebuilt-v0", {}),
        ("Rebuilt-v0", {"parameters": {"observation_noise": {"set": 0.1}, "action_delay": {"set": 1}}}),
        ("Randomised-v0", {"parameters": {"gravity": {"scale": 0.5}}}),
        ("Hopper-v5", {"fidelity": "cheap", "parameters": {"geom_friction": {"scale": 0.5}}}),
    ],
)
def test_what_such_an_environment_leaves_alone_is_taken(env: str, domain: dict[str, Any]) -> None:
    assert np.isfinite(built(f"gym:{env}", domain)).all()


@pytest.mark.parametrize(
    ("env", "words"), [("AnewLate", "has made its MjModel anew"), ("SetsMassLate", "sets body_mass")]
)
def test_what_an_environment_does_to_its_model_later_is_an_error_then(env: str, words: str) -> None:
    worlds = make_vec(f"gym:{env}-v0", num_envs=2, domain={"parameters": {"body_mass": {"scale": 1.5}}})
    worlds.reset(seed=0)
    with pytest.raises(EnvsError, match=f"gym:{env}-v0: {words}"):
        run_on(worlds, 140)
