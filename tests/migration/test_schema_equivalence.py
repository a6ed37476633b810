"""The migrations yield schema.sql: the same catalogue, whichever way a database was made."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from seamwatch.backend.storage.migrate import create_roles, migrate, schema_sql

# Each gives rows that do not depend on object ids or on the order of statements.
_CATALOGUE = {
    "columns": """
        SELECT c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               a.attidentity, a.attgenerated, a.attstorage, coll.collname,
               pg_get_expr(d.adbin, d.adrelid)
          FROM pg_attribute a
          JOIN pg_class c ON c.oid = a.attrelid
          LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
          LEFT JOIN pg_collation coll ON coll.oid = a.attcollation
         WHERE c.relnamespace = 'seamwatch'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
    """,
    "relations": """
        SELECT c.relname, c.relkind, c.relpersistence, pg_get_userbyid(c.relowner), c.reloptions,
               c.relrowsecurity, c.relforcerowsecurity, pg_get_partkeydef(c.oid),
               pg_get_expr(c.relpartbound, c.oid)
          FROM pg_class c WHERE c.relnamespace = 'seamwatch'::regnamespace
    """,
    "views": """
        SELECT c.relname, pg_get_viewdef(c.oid)
          FROM pg_class c WHERE c.relnamespace = 'seamwatch'::regnamespace AND c.relkind = 'v'
    """,
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'seamwatch'",
    "constraints": """
        SELECT conrelid::regclass::text, conname, contype, convalidated, pg_get_constraintdef(oid)
          FROM pg_constraint WHERE connamespace = 'seamwatch'::regnamespace
    """,
    "policies": """
        SELECT tablename, policyname, permissive, roles, cmd, qual, with_check
          FROM pg_policies WHERE schemaname = 'seamwatch'
    """,
    "grants": """
        SELECT c.relname, pg_get_userbyid(g.grantor), CASE WHEN g.grantee = 0 THEN 'PUBLIC'
               ELSE pg_get_userbyid(g.grantee) END, g.privilege_type, g.is_grantable
          FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) g
         WHERE c.relnamespace = 'seamwatch'::regnamespace
    """,
    "functions": """
        SELECT p.proname, pg_get_functiondef(p.oid), pg_get_userbyid(p.proowner), p.proacl::text
          FROM pg_proc p WHERE p.pronamespace = 'seamwatch'::regnamespace
    """,
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, tgenabled, pg_get_triggerdef(t.oid)
          FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
         WHERE c.relnamespace = 'seamwatch'::regnamespace AND NOT tgisinternal
    """,
    "schema": """
        SELECT nspname, pg_get_userbyid(nspowner), nspacl::text
          FROM pg_namespace WHERE nspname = 'seamwatch'
    """,
    "sequences": """
        SELECT sequencename, data_type::text, start_value, increment_by, sequenceowner
          FROM pg_sequences WHERE schemaname = 'seamwatch'
    """,
    "tenants": "SELECT tenant_id, name FROM seamwatch.tenant",
}


@pytest.fixture(scope="module")
def from_schema(make_database: Callable[[str | None], str]) -> str:
    """A database made by schema.sql alone."""
    conninfo = make_database(None)
    create_roles(conninfo)
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET LOCAL ROLE seamwatch_owner")
        connection.execute(schema_sql().encode())
    return conninfo


@pytest.fixture(scope="module")
def from_migrations(make_database: Callable[[str | None], str]) -> str:
    """A database made by the migrations alone, without partitions."""
    conninfo = make_database(None)
    create_roles(conninfo)
    migrate(conninfo)
    return conninfo


@pytest.mark.parametrize("part", sorted(_CATALOGUE))
def test_migrations_and_schema_file_give_the_same(
    part: str, from_schema: str, from_migrations: str
) -> None:
    by_file, by_migrations = (
        _rows(conninfo, _CATALOGUE[part]) for conninfo in (from_schema, from_migrations)
    )

    assert by_file, "the query finds nothing: it proves nothing"
    assert by_migrations == by_file


def test_pg_dump_writes_both_databases_alike(from_schema: str, from_migrations: str) -> None:
    binary = _pg_dump(from_schema)
    if binary is None:
        pytest.skip("no pg_dump as new as the server")

    by_file, by_migrations = (_dump(binary, c) for c in (from_schema, from_migrations))

    assert "CREATE TABLE seamwatch.span " in by_file
    assert by_migrations == by_file


def _rows(conninfo: str, query: str) -> list[str]:
    with psycopg.connect(conninfo) as connection:
        return sorted(repr(row) for row in connection.execute(query.encode()))


def _pg_dump(conninfo: str) -> str | None:
    """A pg_dump that is not older than the server: of the path, or beside an embedded server."""
    with psycopg.connect(conninfo) as connection:
        server = connection.info.server_version // 10_000
        beside = connection.execute(
            "SELECT setting FROM pg_config() WHERE name = 'BINDIR'"
        ).fetchone()
    folders = [str(beside[0])] if beside else []
    candidates = [shutil.which("pg_dump"), *(str(Path(folder) / "pg_dump") for folder in folders)]
    for candidate in candidates:
        if candidate and Path(candidate).exists():
            text = subprocess.run(
                [candidate, "--version"], capture_output=True, text=True, check=True
            ).stdout
            version = re.search(r"(\d+)", text)
            if version and int(version[1]) >= server:
                return candidate
    return None


def _dump(binary: str, conninfo: str) -> str:
    parameters = {key: str(value) for key, value in conninfo_to_dict(conninfo).items()}
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    environ = {**os.environ, **{names[k]: v for k, v in parameters.items() if k in names}}
    text = subprocess.run(
        [binary, "--schema-only", "--schema=seamwatch", parameters["dbname"]],
        capture_output=True,
        text=True,
        check=True,
        env=environ,
    ).stdout
    # Since August 2025 each dump carries a random key for psql's restricted mode.
    lines = [
        line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))
    ]
    return "\n".join(lines)
