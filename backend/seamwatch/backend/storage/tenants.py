"""Tenants, and their own SQL logins that see no row but their tenant's."""

from __future__ import annotations

import datetime
import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from seamwatch.backend.storage.queries import load
from seamwatch.core import SeamwatchError

__all__ = [
    "SqlLogin",
    "Tenant",
    "TenantError",
    "create_tenant",
    "grant_sql",
    "list_tenants",
    "login_name",
    "revoke_sql",
    "tenant_by_name",
]

_LOGIN_PREFIX = "seamwatch_t_"
_MAX_NAME_BYTES = 63  # PostgreSQL cuts longer names in silence, which could make two logins one
_CONNECTION_LIMIT = 10
_PASSWORD_BYTES = 24

# Defaults for the login's comfort and ours: it may change them, the rows it sees it cannot.
_LOGIN_SETTINGS = {
    "search_path": "seamwatch",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "60s",  # a forgotten transaction holds up retention
    "default_transaction_read_only": "on",
}


class TenantError(SeamwatchError):
    """A tenant cannot be made, found or granted; says what to do."""


@dataclass(frozen=True)
class Tenant:
    """One tenant.

    Attributes:
        tenant_id: Its number in every relation.
        name: Its name in the command line and the audit trail.
        created_at: When it was made, UTC.
        login: Its SQL login; None where it has none.
    """

    tenant_id: int
    name: str
    created_at: datetime.datetime
    login: str | None = None


@dataclass(frozen=True)
class SqlLogin:
    """A tenant's SQL login, with the password that is shown once.

    Attributes:
        tenant: The tenant whose rows it sees.
        login: The role's name.
        password: Stored nowhere but as the server's SCRAM verifier.
    """

    tenant: Tenant
    login: str
    password: str = field(repr=False)


def create_tenant(conninfo: str, name: str, *, actor: str) -> Tenant:
    """Make a tenant, with an audit entry.

    Args:
        conninfo: A login that may act as `seamwatch_owner`.
        name: Lower-case letters, digits, ``-`` and ``_``, at most 63, beginning with one of the first two.
        actor: Who does it, for the audit trail.

    Raises:
        TenantError: The name is taken or not of that form.
    """
    with _as_owner(conninfo) as connection:
        try:
            row = connection.execute(load("tenant_create"), {"name": name}).fetchone()
        except psycopg.errors.CheckViolation as error:
            raise TenantError(
                f"tenant name {name!r}: expected lower-case letters, digits, - and _, at most 63, "
                "beginning with a letter or digit"
            ) from error
        if row is None:
            raise TenantError(f"tenant {name}: there is one of this name already")
        tenant = Tenant(*row)
        _audit(connection, tenant.tenant_id, actor, "tenant.create", name)
    return tenant


def list_tenants(conninfo: str) -> list[Tenant]:
    """Every tenant, oldest first."""
    with _as_owner(conninfo) as connection:
        rows = connection.execute(load("tenant_list"), {"name": None}).fetchall()
    return [Tenant(*row) for row in rows]


def tenant_by_name(conninfo: str, name: str) -> Tenant:
    """The tenant of this name.

    Raises:
        TenantError: There is none.
    """
    with _as_owner(conninfo) as connection:
        return _find(connection, name)


def login_name(tenant_name: str) -> str:
    """The SQL login of a tenant: ``seamwatch_t_<name>``, long names shortened by a digest."""
    whole = _LOGIN_PREFIX + tenant_name
    if len(whole.encode()) <= _MAX_NAME_BYTES:
        return whole
    digest = hashlib.sha256(tenant_name.encode()).hexdigest()[:12]
    return f"{whole[: _MAX_NAME_BYTES - 13]}_{digest}"


def grant_sql(conninfo: str, name: str, *, actor: str) -> SqlLogin:
    """Make the tenant's SQL login, or give the one it has a new password.

    Args:
        conninfo: A superuser or a login with CREATEROLE, member of the roles.
        name: The tenant.
        actor: Who does it, for the audit trail.

    Raises:
        TenantError: There is no such tenant, or the server has a foreign role of that name.
    """
    login = login_name(name)
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    with _as_owner(conninfo) as connection:
        tenant = _find(connection, name)
        connection.execute("RESET ROLE")  # roles are made by the login itself
        if tenant.login is None:
            _create_login(connection, login)
        verifier = connection.pgconn.encrypt_password(
            password.encode(), login.encode(), b"scram-sha-256"
        ).decode()
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                sql.Identifier(login), sql.Literal(verifier)
            )
        )
        connection.execute("SET LOCAL ROLE seamwatch_owner")
        if tenant.login is None:
            connection.execute(
                load("tenant_login_bind"), {"login": login, "tenant_id": tenant.tenant_id}
            )
        _audit(connection, tenant.tenant_id, actor, "tenant.grant_sql", login)
    return SqlLogin(tenant=tenant, login=login, password=password)


def revoke_sql(conninfo: str, name: str, *, actor: str) -> bool:
    """Drop the tenant's SQL login and end its sessions; false where it has none.

    Raises:
        TenantError: There is no such tenant.
    """
    with _as_owner(conninfo) as connection:
        tenant = _find(connection, name)
        if tenant.login is None:
            return False
        connection.execute(load("tenant_login_release"), {"login": tenant.login})
        _audit(connection, tenant.tenant_id, actor, "tenant.revoke_sql", tenant.login)
        connection.execute("RESET ROLE")
        role = sql.Identifier(tenant.login)
        connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(role))
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s",
            (tenant.login,),
        )
        connection.execute(
            sql.SQL("REVOKE ALL ON DATABASE {} FROM {}").format(
                sql.Identifier(connection.info.dbname), role
            )
        )
        connection.execute(sql.SQL("DROP ROLE {}").format(role))
    return True


def _create_login(connection: psycopg.Connection, login: str) -> None:
    """The role, its group, and its defaults; without a password yet."""
    taken = connection.execute("SELECT to_regrole(%s) IS NOT NULL", (login,)).fetchone()
    if taken and taken[0]:
        raise TenantError(
            f"the server has a role {login} that is not of this database's tenant; if no other "
            f"database needs it: DROP ROLE {login}"
        )
    role = sql.Identifier(login)
    connection.execute(
        sql.SQL(
            "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT {}"
            " IN ROLE seamwatch_reader"
        ).format(role, sql.Literal(_CONNECTION_LIMIT))
    )
    connection.execute(
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
            sql.Identifier(connection.info.dbname), role
        )
    )
    for setting, value in _LOGIN_SETTINGS.items():
        connection.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(
                role, sql.Identifier(setting), sql.Literal(value)
            )
        )


def _find(connection: psycopg.Connection, name: str) -> Tenant:
    row = connection.execute(load("tenant_list"), {"name": name}).fetchone()
    if row is None:
        raise TenantError(f"tenant {name}: not found; `seamwatch tenant list` shows what there is")
    return Tenant(*row)


def _audit(
    connection: psycopg.Connection, tenant_id: int, actor: str, action: str, target: str
) -> None:
    entry = {"tenant_id": tenant_id, "actor": actor, "action": action, "target": target}
    connection.execute(load("audit_insert"), {**entry, "detail": json.dumps({})})


@contextmanager
def _as_owner(conninfo: str) -> Iterator[psycopg.Connection]:
    """One transaction as the owner; RESET ROLE inside comes back to the privileged login."""
    with psycopg.connect(conninfo, application_name="seamwatch tenants") as connection:
        connection.execute("SET LOCAL ROLE seamwatch_owner")
        yield connection
