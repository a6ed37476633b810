"""The database roles: their SQL, and connection strings that act as one of them."""

from __future__ import annotations

from functools import cache
from importlib import resources

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

__all__ = [
    "ROLES",
    "conninfo_as",
    "create_roles",
    "reserve_advisory_locks",
    "roles_sql",
    "writer_bypasses_rls",
]

ROLES = (
    "seamwatch_owner",
    "seamwatch_writer",
    "seamwatch_app",
    "seamwatch_analysis",
    "seamwatch_auth",
    "seamwatch_reader",
)

_ATTEMPTS = 5  # roles belong to the server: another database's first start may touch the same rows


@cache
def roles_sql() -> str:
    """The SQL that makes the roles; safe to run again (what ``migrate --print-roles`` prints)."""
    return _sql("roles")


def create_roles(conninfo: str) -> None:
    """Make the roles and let the login of `conninfo` act as each of them; safe to run again.

    Args:
        conninfo: A superuser, or a login with CREATEROLE that owns the database.

    Raises:
        psycopg.errors.InsufficientPrivilege: The login may not make roles, and they are not there.
    """
    for attempt in range(_ATTEMPTS):
        try:
            with psycopg.connect(conninfo, autocommit=True) as connection:
                connection.execute(roles_sql().encode())
            return
        except (psycopg.errors.InternalError_, psycopg.errors.UniqueViolation):
            if attempt == _ATTEMPTS - 1:
                raise


def reserve_advisory_locks(conninfo: str) -> None:
    """Let nobody but Seamwatch's roles take advisory locks in the database; safe to run again.

    For a database that is Seamwatch's alone: another application in it may need them.

    Args:
        conninfo: A superuser; the roles are there.
    """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(_sql("advisory_locks").encode())


def writer_bypasses_rls(conninfo: str) -> bool:
    """Whether `seamwatch_writer` may COPY into relations under row level security.

    Where false (managed servers refuse BYPASSRLS), the sink writes through its staging mode.
    """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        row = connection.execute(
            "SELECT r.rolbypassrls OR r.rolsuper FROM pg_roles r WHERE r.rolname = 'seamwatch_writer'"
        ).fetchone()
    return bool(row and row[0])


def conninfo_as(conninfo: str, role: str, *, application_name: str) -> str:
    """The same server and login, acting as `role` from the first statement.

    The role is a start-up option, so that RESET ROLE and DISCARD ALL come back to it and not to
    the privileged login.

    Args:
        conninfo: libpq connection string or URL of the privileged login.
        role: One of `ROLES`.
        application_name: Shown in pg_stat_activity.

    Raises:
        ValueError: `role` is none of ours.
    """
    if role not in ROLES:
        raise ValueError(f"role: expected one of {', '.join(ROLES)}, got {role!r}")
    given = str(conninfo_to_dict(conninfo).get("options") or "")
    options = f"{given} -c role={role}".strip()
    return make_conninfo(conninfo, options=options, application_name=application_name)


def _sql(name: str) -> str:
    return (resources.files("seamwatch.backend.storage") / "sql" / f"{name}.sql").read_text("utf-8")
