"""Environments that do not keep their model are refused where a domain writes into it, when worlds are built."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.envs.mujoco.hopper_v5 import HopperEnv

from envs import EnvsError, make_vec


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


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    for name, env in (("Rebuilt-v0", Rebuilt), ("Randomised-v0", Randomised)):
        gymnasium.register(name, entry_point=env, max_episode_steps=50)
    yield
    for name in ("Rebuilt-v0", "Randomised-v0"):
        gymnasium.registry.pop(name)


def built(env: str, domain: dict[str, Any]) -> np.ndarray:
    worlds = make_vec(env, num_envs=1, domain=domain)
    obs, _ = worlds.reset(seed=0)
    worlds.close()
    return obs


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
