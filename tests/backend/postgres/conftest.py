"""State folders that an unprivileged user can reach, and one embedded server for the whole run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seamwatch.backend.postgres import (
    PostgresConfig,
    RunningPostgres,
    open_postgres,
    remove_cluster,
)


def _scratch() -> Path:
    # pytest's own folders are 0700: run as root, the unprivileged server could not enter them.
    folder = Path(tempfile.mkdtemp(prefix="seamwatch-test-"))
    folder.chmod(0o711)
    return folder


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A short folder, removed afterwards, that every user may pass."""
    folder = _scratch()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def new_config(scratch: Path) -> Iterator[Callable[..., PostgresConfig]]:
    """Makes configurations whose clusters are removed afterwards; the state folder is `name`."""
    made: list[PostgresConfig] = []

    def make(name: str = "state", **settings: Path) -> PostgresConfig:
        config = PostgresConfig(state_dir=scratch / name, **settings)
        made.append(config)
        return config

    yield make
    for config in made:
        remove_cluster(config)


@pytest.fixture(scope="session")
def shared_config() -> Iterator[PostgresConfig]:
    """A cluster made once and stopped between tests that start it in their own way."""
    folder = _scratch()
    config = PostgresConfig(state_dir=folder / "state")
    open_postgres(config, progress=lambda line: None).stop()
    yield config
    remove_cluster(config)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def shared_server() -> Iterator[RunningPostgres]:
    """A server that tests only look at."""
    folder = _scratch()
    config = PostgresConfig(state_dir=folder / "state")
    with open_postgres(config, progress=lambda line: None) as server:
        yield server
    remove_cluster(config)
    shutil.rmtree(folder)
