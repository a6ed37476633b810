"""Rows and logins for the tests of storage."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from seamwatch.backend.storage.roles import conninfo_as
from seamwatch.backend.storage.tenants import (
    Tenant,
    create_tenant,
    grant_sql,
    revoke_sql,
)

_INSERT_SPAN = """
    INSERT INTO seamwatch.span (tenant_id, trace_id, span_id, start_time, start_ns, duration_ns, service_name,
           name, name_key, kind, status_code, flags, resource_id, scope_id, attributes)
    VALUES (%s, %s, %s, %s, 0, 1000, %s, %s, 1, 2, 0, 0, 1, 1, '{}')
"""


@pytest.fixture
def insert_span(database: str) -> Iterator[Callable[..., bytes]]:
    """Inserts one span as the writer and returns its trace id."""
    conninfo = conninfo_as(database, "seamwatch_writer", application_name="test writer")
    with psycopg.connect(conninfo, autocommit=True) as connection:

        def insert(
            tenant_id: int,
            *,
            start: datetime.datetime | None = None,
            service_name: str = "shop",
            name: str = "GET /",
        ) -> bytes:
            trace_id = secrets.token_bytes(16)
            start = start or datetime.datetime.now(datetime.UTC)
            connection.execute(
                _INSERT_SPAN,
                (tenant_id, trace_id, secrets.token_bytes(8), start, service_name, name),
            )
            return trace_id

        yield insert


@pytest.fixture
def tenants(database: str) -> tuple[Tenant, Tenant]:
    """Two tenants with names that no other test of this server uses."""
    first, second = (
        create_tenant(database, f"t{secrets.token_hex(6)}", actor="test") for _ in range(2)
    )
    return first, second


@pytest.fixture
def as_tenant(database: str, tenants: tuple[Tenant, Tenant]) -> Iterator[psycopg.Connection]:
    """A session of the first tenant's own SQL login."""
    login = grant_sql(database, tenants[0].name, actor="test")
    conninfo = make_conninfo(database, user=login.login, password=login.password)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        yield connection
    revoke_sql(database, tenants[0].name, actor="test")


@pytest.fixture
def storage_sql() -> Path:
    """The folder of the SQL files."""
    import seamwatch.backend.storage as storage

    return Path(storage.__path__[0]) / "sql"
