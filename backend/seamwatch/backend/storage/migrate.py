"""Brings a database to the schema of this release: numbered SQL files, applied once, in order."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

import psycopg

from seamwatch.backend.storage import queries
from seamwatch.backend.storage.roles import create_roles
from seamwatch.core import SeamwatchError

__all__ = [
    "Migration",
    "MigrationError",
    "Phase",
    "create_roles",
    "migrate",
    "migrations",
    "pending",
    "schema_sql",
]

Phase = Literal["pre", "post", "all"]

_FILE_NAME = re.compile(r"(?P<number>\d{4})_(?P<phase>pre|post)_[a-z0-9_]+\.sql")
_LOCK_KEY = 0x5EA3_0001  # one migration at a time in a database
_LOCK_TIMEOUT_MS = 5_000  # a migration that waits for a lock makes ingest wait behind it


class MigrationError(SeamwatchError):
    """The database and the migrations of this release do not fit together."""


@dataclass(frozen=True)
class Migration:
    """One file of ``sql/migrations``.

    Attributes:
        name: The file's name without ``.sql``.
        phase: ``pre`` runs before the new code starts, ``post`` after the old code is gone.
        sql: Its statements, run in one transaction as `seamwatch_owner`.
        checksum: SHA-256 of the file.
    """

    name: str
    phase: str
    sql: str
    checksum: bytes


@cache
def migrations() -> tuple[Migration, ...]:
    """Every migration of this release, in order."""
    found: dict[str, Migration] = {}
    folder = resources.files("seamwatch.backend.storage") / "sql" / "migrations"
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if not entry.name.endswith(".sql"):
            continue
        match = _FILE_NAME.fullmatch(entry.name)
        if match is None:
            raise MigrationError(f"{entry.name}: expected NNNN_pre_what.sql or NNNN_post_what.sql")
        if match["number"] in found:
            raise MigrationError(
                f"{entry.name}: the number is taken by {found[match['number']].name}"
            )
        content = entry.read_bytes()
        found[match["number"]] = Migration(
            name=entry.name.removesuffix(".sql"),
            phase=match["phase"],
            sql=content.decode("utf-8"),
            checksum=hashlib.sha256(content).digest(),
        )
    return tuple(found.values())


def schema_sql() -> str:
    """The whole schema in one file; the migrations yield the same catalogue."""
    return (resources.files("seamwatch.backend.storage") / "sql" / "schema.sql").read_text("utf-8")


def pending(conninfo: str) -> list[str]:
    """Names of the migrations that the database still lacks; empty where it is up to date.

    Raises:
        MigrationError: An applied file was changed, or the database is newer than this release.
    """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        return [migration.name for migration in _pending(connection)]


def migrate(
    conninfo: str, *, progress: Callable[[str], None] = lambda line: None, phase: Phase = "all"
) -> list[str]:
    """Apply the pending migrations, each in its own transaction; safe from several processes.

    Args:
        conninfo: A login that may act as `seamwatch_owner` (see `create_roles`).
        progress: Gets one line per migration.
        phase: ``pre`` and ``post`` apply only their own files (rolling upgrade), ``all`` both.

    Returns:
        The names applied now.

    Raises:
        MigrationError: An applied file was changed, the database is newer than this release, or
            a file of the phase comes after a pending one of the other phase.
    """
    applied: list[str] = []
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SET ROLE seamwatch_owner")
        with _locked(connection, progress):
            for migration in _of_phase(_pending(connection), phase):
                progress(f"migrate: {migration.name}")
                _apply(connection, migration)
                applied.append(migration.name)
    return applied


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    """One migration and its row in schema_migration, in one transaction."""
    with connection.transaction():
        connection.execute(
            "SELECT set_config('lock_timeout', %s, true)", (f"{_LOCK_TIMEOUT_MS}ms",)
        )
        connection.execute(migration.sql.encode())
        connection.execute(
            "INSERT INTO seamwatch.schema_migration (name, checksum) VALUES (%s, %s)",
            (migration.name, migration.checksum),
        )


def _pending(connection: psycopg.Connection) -> list[Migration]:
    """What is to be applied, after the check that what is applied is known and unchanged."""
    known = {migration.name: migration for migration in migrations()}
    applied = _applied(connection)
    newer = sorted(set(applied) - set(known))
    if newer:
        raise MigrationError(
            f"the database is newer than this release: it has {', '.join(newer)}; "
            "start the newer release, or restore a backup from before the upgrade"
        )
    changed = sorted(name for name, checksum in applied.items() if known[name].checksum != checksum)
    if changed:
        raise MigrationError(
            f"applied migrations differ from the files of this release: {', '.join(changed)}; "
            "install an unmodified release, or make the change a migration of its own"
        )
    return [migration for migration in migrations() if migration.name not in applied]


def _applied(connection: psycopg.Connection) -> dict[str, bytes]:
    """Checksums of the applied migrations by name; empty on a new database."""
    row = connection.execute("SELECT to_regclass('seamwatch.schema_migration') IS NULL").fetchone()
    if row is None or row[0]:
        return {}
    rows = connection.execute("SELECT name, checksum FROM seamwatch.schema_migration")
    return {name: bytes(checksum) for name, checksum in rows}


def _of_phase(waiting: list[Migration], phase: Phase) -> list[Migration]:
    """The pending files of one phase; none may overtake a pending file of the other."""
    if phase == "all":
        return waiting
    chosen = [migration for migration in waiting if migration.phase == phase]
    if chosen:
        before = waiting[: waiting.index(chosen[-1])]
        overtaken = [migration.name for migration in before if migration.phase != phase]
        if overtaken:
            raise MigrationError(
                f"{overtaken[0]} must be applied before {chosen[-1].name}: run `seamwatch migrate` "
                "for all phases while no Seamwatch runs"
            )
    return chosen


@contextmanager
def _locked(connection: psycopg.Connection, progress: Callable[[str], None]) -> Iterator[None]:
    """Hold the advisory lock of migrations; a second process waits here, then finds nothing to do."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK_KEY,)).fetchone()
    if row is None or not row[0]:
        # Usually another migration; it may also be a login that has no business with it.
        holders = connection.execute(queries.load("migration_lock_holder"), {"key": _LOCK_KEY})
        sessions = ", ".join(f"pid {pid} of login {login}" for pid, login in holders.fetchall())
        progress(f"migrate: waiting for the lock of migrations, held by {sessions or 'a session'}")
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK_KEY,))
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK_KEY,))
