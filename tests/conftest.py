"""What all tests have in common: tiers of thoroughness, and the key of the user who runs them is not touched."""

from __future__ import annotations

import os

import pytest

from envs import ENVS

REPRESENTATIVE = {"inverted_pendulum", "reacher", "hopper", "cartpole_swingup"}
"""Tasks that stand for all in `make test`: hinges and slides, contacts, a goal, a task that Gymnasium has not."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as thorough what a test of worlds says of each of the other tasks."""
    others = set(ENVS) - REPRESENTATIVE
    for item in items:
        values = getattr(getattr(item, "callspec", None), "params", {}).values()
        if "envs" in item.path.parent.parts and others & {value for value in values if isinstance(value, str)}:
            item.add_marker(pytest.mark.thorough)


@pytest.fixture(scope="session", autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what sim2real keeps for a user among the temporary files, also for child processes."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
