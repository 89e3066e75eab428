"""What the configurations that come along claim of their environments."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from numpy.typing import NDArray

from envs import ENVS, Domain, DomainVectorEnv, make_vec
from sim2real.config.config import RunConfig, load_config
from sim2real.config.shipped import shipped_configs

CONTACTS = {"hopper", "walker2d", "half_cheetah", "ant", "humanoid", "humanoid_standup", "quadruped"}  # with friction


def config_of(env: str) -> RunConfig:
    """Return the configuration of an environment."""
    return load_config(shipped_configs()[env])


@contextmanager
def worlds_of(env: str, domain: Domain, num_envs: int) -> Iterator[DomainVectorEnv]:
    """Make worlds of a domain and close them in the end."""
    worlds = make_vec(env, num_envs=num_envs, domain=domain, seed=0, num_threads=1)
    try:
        worlds.reset()
        yield worlds
    finally:
        worlds.close()


@pytest.mark.parametrize("env", ENVS)
def test_a_tenth_of_the_sources_steps_is_spent_on_the_target(env: str) -> None:
    budget = config_of(env).budget
    times, most = (20, 8_000_000) if env == "quadruped" else (10, 3_072_000)
    assert budget.target_steps * times == budget.source_steps <= most


@pytest.mark.parametrize("env", ENVS)
def test_worlds_of_the_source_differ_and_every_target_is_another_world(env: str) -> None:
    config = config_of(env)
    domains = {name: config.target_domain(name, config.make_task()) for name in config.targets}
    assert len({str(domain.to_mapping()) for domain in domains.values()}) == len(domains) >= 3
    assert ("slippery" in domains) == (env in CONTACTS)
    with worlds_of(env, config.source_domain(config.make_task()), 4) as worlds:
        assert ("geom_friction" in worlds.parameters) == (env in CONTACTS)
        for name in ("body_mass", "actuator_strength"):
            assert len(np.unique(worlds.parameters[name])) == 4, name


def pushed(domain: Domain, num_envs: int) -> NDArray[np.float64]:
    """Return how far the cylinder gets in 0.5 s with the fork beside it turning into it, (num_envs,), m."""
    with worlds_of("pusher", domain, num_envs) as worlds:
        fork, cylinder = np.array([0.0, 0.6, 0.0, -0.446, 0.0, 0.0, 0.0]), np.array([-0.71, 0.35])  # at table height
        worlds.physics.qpos[:, :7], worlds.physics.qpos[:, 7:9], worlds.physics.qvel[:] = fork, cylinder, 0.0
        turn = np.zeros((num_envs, 7), np.float32)
        turn[:, 0] = -2.0
        for _ in range(10):
            worlds.step(turn)
        moved: NDArray[np.float64] = np.linalg.norm(worlds.physics.qpos[:, 7:9] - cylinder, axis=1)
        return moved


def test_the_pushers_source_makes_up_for_softer_contacts() -> None:
    config = config_of("pusher")
    accurate = pushed(Domain(), 1)[0]
    cheap = pushed(Domain.parse({"fidelity": "cheap"}, config.make_task().cheap), 1)[0]
    source = pushed(config.source_domain(config.make_task()), 32)
    assert accurate > 0.006
    assert cheap < 0.3 * accurate
    assert 0.7 * accurate < source.mean() < 1.1 * accurate
    assert source.min() > 0.5 * accurate
