"""How this package reaches the database: always as `seamwatch_auth`, only through named statements."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from seamwatch.backend.auth.access import Access
from seamwatch.backend.auth.roles import Role
from seamwatch.backend.storage import queries
from seamwatch.backend.storage.roles import conninfo_as
from seamwatch.core import Clock, UnavailableError

CONNECT_TIMEOUT_S = 2
STATEMENT_TIMEOUT_MS = 2000


def auth_conninfo(conninfo: str) -> str:
    """The same server as `seamwatch_auth`, giving up soon where it does not answer."""
    bounded = make_conninfo(
        conninfo,
        connect_timeout=CONNECT_TIMEOUT_S,
        tcp_user_timeout=5000,
        options=_options(conninfo),
    )
    return conninfo_as(bounded, "seamwatch_auth", application_name="seamwatch-auth")


def statement(name: str) -> LiteralString:
    """A named statement."""
    return queries.load(name)


def audit_row(
    *, tenant_id: int, actor: str, action: str, target: str, detail: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Parameters of the statement ``audit_insert``."""
    return {
        "tenant_id": tenant_id,
        "actor": actor,
        "action": action,
        "target": target,
        "detail": json.dumps(dict(detail or {})),
    }


@contextmanager
def auth_transaction(conninfo: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """One connection, one transaction: committed at the end, rolled back on an error.

    Raises:
        UnavailableError: The database cannot be reached, or went away.
    """
    try:
        with psycopg.connect(auth_conninfo(conninfo)) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise UnavailableError(
            f"the database does not answer: {first_line(error)}", retry_after_s=1.0
        ) from error


def first_line(error: BaseException) -> str:
    """The first line of a driver's message; libpq never writes passwords into it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _options(conninfo: str) -> str:
    given = str(conninfo_to_dict(conninfo).get("options") or "")
    bounds = f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={STATEMENT_TIMEOUT_MS}"
    # East of Greenwich the last hours of the year 9999, a common "never", lie beyond what Python can hold.
    return f"{given} {bounds} -c timezone=UTC".strip()


def access_from_row(
    token_id: str,
    roles: Iterable[str],
    tenant_id: int,
    tenant_name: str,
    expires_at: datetime | None,
) -> Access:
    """An access from a row; a role that this version does not know grants nothing."""
    known = {role.value for role in Role}
    return Access(
        token_id=token_id,
        tenant_id=tenant_id,
        tenant_name=tenant_name,
        roles=frozenset(Role(role) for role in roles if role in known),
        expires_at=expires_at,
    )


def clock_now(clock: Clock) -> datetime:
    """The clock's wall time as the database keeps it, to the microsecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=clock.time_ns() // 1000)
