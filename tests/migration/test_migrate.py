"""Migrations: applied once, in order, and only to a database they fit."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest

from seamwatch.backend.storage import migrate as migrate_module
from seamwatch.backend.storage.migrate import (
    Migration,
    MigrationError,
    create_roles,
    migrate,
    migrations,
    pending,
)

NAMES = [migration.name for migration in migrations()]


def _use(monkeypatch: pytest.MonkeyPatch, *files: Migration) -> None:
    monkeypatch.setattr(migrate_module, "migrations", lambda: files)


def _file(name: str, sql: str, checksum: bytes = b"1") -> Migration:
    return Migration(name=name, phase=name.split("_")[1], sql=sql, checksum=checksum)


def test_every_migration_is_pending_on_an_empty_database_and_none_after(
    empty_database: str,
) -> None:
    create_roles(empty_database)
    lines: list[str] = []

    before = pending(empty_database)
    applied = migrate(empty_database, progress=lines.append)

    assert before == applied == NAMES
    assert lines == [f"migrate: {name}" for name in NAMES]
    assert pending(empty_database) == []
    assert migrate(empty_database) == []


def test_two_processes_migrate_one_database_without_applying_a_file_twice(
    empty_database: str,
) -> None:
    create_roles(empty_database)
    applied: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: applied.append(migrate(empty_database))) for _ in range(4)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(applied) == [[], [], [], NAMES]


def test_a_changed_file_is_refused_by_name(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(
            "UPDATE seamwatch.schema_migration SET checksum = '\\x00' WHERE name = %s", (NAMES[1],)
        )

    with pytest.raises(MigrationError, match=f"differ.*{NAMES[1]}"):
        migrate(database)


def test_a_database_newer_than_the_code_is_refused_by_name(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO seamwatch.schema_migration (name, checksum) VALUES ('9999_pre_next', '\\x00')"
        )

    with pytest.raises(MigrationError, match="newer than this release: it has 9999_pre_next"):
        pending(database)


def test_a_file_that_fails_leaves_nothing_of_itself_behind(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = _file("0900_pre_broken", "CREATE TABLE seamwatch.half (); SELECT 1 / 0")
    _use(monkeypatch, *migrations(), broken)

    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(database)

    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT to_regclass('seamwatch.half')").fetchone()
    assert row == (None,)
    assert pending(database) == ["0900_pre_broken"]


def test_a_phase_applies_only_its_own_files(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = _file("0900_pre_add", "CREATE TABLE seamwatch.added ()")
    behind = _file("0901_post_remove", "DROP TABLE seamwatch.added")
    _use(monkeypatch, *migrations(), ahead, behind)

    assert migrate(database, phase="pre") == ["0900_pre_add"]
    assert migrate(database, phase="pre") == []
    assert migrate(database, phase="post") == ["0901_post_remove"]


def test_a_file_does_not_overtake_a_pending_one_of_the_other_phase(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = _file("0900_post_remove", "SELECT 1")
    ahead = _file("0901_pre_add", "SELECT 1")
    _use(monkeypatch, *migrations(), behind, ahead)

    with pytest.raises(
        MigrationError, match="0900_post_remove must be applied before 0901_pre_add"
    ):
        migrate(database, phase="pre")


def test_objects_belong_to_the_owner_role(database: str) -> None:
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class"
            " WHERE relnamespace = 'seamwatch'::regnamespace"
        ).fetchall()

    assert rows == [("seamwatch_owner",)]


def test_who_waits_for_another_session_is_told_whose(
    database: str, eventually: Callable[..., None]
) -> None:
    lines: list[str] = []
    waiting = threading.Thread(target=lambda: migrate(database, progress=lines.append))
    with psycopg.connect(database, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (migrate_module._LOCK_KEY,))
        waiting.start()
        eventually(lambda: lines, what="the wait is told")
        pid = holder.info.backend_pid
        login = holder.info.user

    waiting.join(30)

    assert lines == [
        f"migrate: waiting for the lock of migrations, held by pid {pid} of login {login}"
    ]
