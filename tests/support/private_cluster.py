"""A PostgreSQL server of a test's own, where it may change what the whole server shares: its roles."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from seamwatch.backend.postgres import PostgresConfig, open_postgres, remove_cluster

__all__ = ["create_login", "private_cluster"]


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
