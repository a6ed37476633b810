"""A real PostgreSQL server for the whole run, and a fresh migrated database per test."""

from __future__ import annotations

import datetime
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from seamwatch.backend.storage.migrate import create_roles, migrate
from seamwatch.backend.storage.partitions import ensure_partitions

TEMPLATE_RETENTION_DAYS = 2  # partitions of the template: fewer files to copy per test


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Conninfo of a privileged login: SEAMWATCH_TEST_DATABASE_URL, else an embedded server."""
    given = os.environ.get("SEAMWATCH_TEST_DATABASE_URL")
    if given:
        yield given
        return
    from seamwatch.backend.postgres import PostgresConfig, open_postgres, remove_cluster

    state_dir = tmp_path_factory.mktemp("postgres") / "state"
    config = PostgresConfig(database_url=None, state_dir=Path(state_dir))
    with open_postgres(config, progress=lambda line: None) as server:
        yield server.conninfo
    remove_cluster(config)  # as root its files are outside pytest's folder


@pytest.fixture(scope="session")
def make_database(postgres_server: str) -> Iterator[Callable[[str | None], str]]:
    """Creates databases that are dropped at the end of the run; the argument is a template's conninfo."""
    made: list[str] = []

    def create(template: str | None = None) -> str:
        name = f"seamwatch_test_{secrets.token_hex(6)}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(_database_name(template))
        )
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(statement)
        made.append(name)
        return make_conninfo(postgres_server, dbname=name)

    yield create
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        for name in made:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )


@pytest.fixture(scope="session")
def database_template(make_database: Callable[[str | None], str]) -> str:
    """A migrated database with partitions from two days ago to the day after tomorrow; left unchanged."""
    conninfo = make_database(None)
    create_roles(conninfo)
    migrate(conninfo)
    today = datetime.datetime.now(datetime.UTC).date()
    ensure_partitions(conninfo, today=today, retention_days=TEMPLATE_RETENTION_DAYS)
    return conninfo


@pytest.fixture
def empty_database(
    make_database: Callable[[str | None], str], postgres_server: str
) -> Iterator[str]:
    """Conninfo of a new database without Seamwatch's schema."""
    conninfo = make_database(None)
    yield conninfo
    _drop(postgres_server, conninfo)


@pytest.fixture
def database(
    make_database: Callable[[str | None], str], database_template: str, postgres_server: str
) -> Iterator[str]:
    """Conninfo of a fresh migrated database: tenant `default`, partitions around today, no rows."""
    conninfo = make_database(database_template)
    yield conninfo
    _drop(postgres_server, conninfo)


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Asks a condition every 10 ms until it is true; fails after `timeout_s`."""

    def wait(condition: Callable[[], object], *, timeout_s: float = 15.0, what: str = "") -> None:
        give_up_at = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < give_up_at, what or f"not within {timeout_s} s"
            time.sleep(0.01)

    return wait


def _drop(server: str, conninfo: str) -> None:
    """Give the space back at once; connections that a failed test left open do not matter."""
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement.format(sql.Identifier(_database_name(conninfo))))


def _database_name(conninfo: str | None) -> str:
    """The database of a conninfo; the pristine template where there is none."""
    if conninfo is None:
        return "template0"
    return str(psycopg.conninfo.conninfo_to_dict(conninfo)["dbname"])
