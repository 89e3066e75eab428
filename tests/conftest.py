"""What all tests have in common: the key of the user who runs them is not touched."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what sim2real keeps for a user among the temporary files, also for child processes."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
