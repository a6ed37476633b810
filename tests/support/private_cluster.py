"""A PostgreSQL server of a test's own, where it may change what the whole server shares: its roles."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from seamwatch.backend.postgres import PostgresConfig, open_postgres, remove_cluster

__all__ = [
    "create_login",
    "login_without_rights",
    "private_cluster",
    "run_printed_roles",
    "seamwatch",
]


@contextlib.contextmanager
def private_cluster(bin_dir: Path | None = None) -> Iterator[str]:
    """Conninfo of the superuser of a new server; `bin_dir`: whose programs run it (None: the package's)."""
    folder = Path(tempfile.mkdtemp(prefix="seamwatch-test-"))
    folder.chmod(0o711)  # run as root, the unprivileged server has to enter it
    config = PostgresConfig(database_url=None, state_dir=folder / "state", postgres_bin_dir=bin_dir)
    try:
        with open_postgres(config, progress=lambda line: None) as server:
            yield server.conninfo
        remove_cluster(config)
    finally:
        shutil.rmtree(folder)


def create_login(superuser: str, name: str, *options: str, owns: str | None = None) -> str:
    """Make a login, with `owns` a database of that name of its own; its conninfo."""
    password = secrets.token_hex(8)
    role = sql.Identifier(name)
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} {}").format(
                role, sql.Literal(password), sql.SQL(" ").join(map(sql.SQL, options))
            )
        )
        if owns is not None:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
                    sql.Identifier(owns), role
                )
            )
    return make_conninfo(superuser, user=name, password=password, dbname=owns or "postgres")


def seamwatch(conninfo: str, state_dir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command against a given database, as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "seamwatch.backend.cli", *words],
        env={"SEAMWATCH_DATABASE_URL": conninfo, "SEAMWATCH_STATE_DIR": str(state_dir)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def login_without_rights(
    superuser: str, state_dir: Path, *, name: str, database: str
) -> tuple[str, str]:
    """A login that owns one database and migrated it, and the administrator who made its roles before.

    The administrator is what managed servers give: CREATEROLE, no superuser, no BYPASSRLS.
    """
    own = create_login(superuser, name, owns=database)
    administrator = create_login(superuser, "administrator", "CREATEROLE")
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(sql.SQL("GRANT {} TO administrator").format(sql.Identifier(name)))
    target = make_conninfo(administrator, dbname=database)
    run_printed_roles(target, state_dir, login=name)
    migrated = seamwatch(own, state_dir, "migrate", "--json")
    assert migrated.returncode == 0, migrated.stderr
    assert len(json.loads(migrated.stdout)["applied"]) >= 7
    return own, target


def run_printed_roles(administrator: str, state_dir: Path, *, login: str) -> None:
    """Run what `migrate --print-roles` prints for another login."""
    printed = seamwatch(administrator, state_dir, "migrate", "--print-roles")
    assert printed.returncode == 0, printed.stderr
    with psycopg.connect(administrator, autocommit=True) as connection:
        connection.execute("SELECT set_config('seamwatch.login', %s, false)", (login,))
        connection.execute(printed.stdout.encode())
