"""Makes, lists and revokes tokens; every change stands in the audit log of the same transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg

from seamwatch.backend.auth._database import audit_row, auth_transaction, statement
from seamwatch.backend.auth.roles import Role
from seamwatch.backend.auth.token_format import new_token
from seamwatch.core import RejectedError

__all__ = [
    "DEFAULT_TENANT",
    "NewToken",
    "TokenRecord",
    "create_token",
    "list_tokens",
    "revoke_token",
]

DEFAULT_TENANT = "default"

_MAX_LABEL_LENGTH = 200


@dataclass(frozen=True, kw_only=True)
class NewToken:
    """A token just made: the only moment its text is known. The repr leaves the text out."""

    token_id: str
    token: str = field(repr=False)
    tenant_name: str
    roles: frozenset[Role]
    expires_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class TokenRecord:
    """What is kept of a token; the secret cannot be had from it."""

    token_id: str
    tenant_name: str
    roles: tuple[str, ...]
    label: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


def create_token(
    conninfo: str,
    *,
    roles: Iterable[Role],
    tenant_name: str = DEFAULT_TENANT,
    expires_at: datetime | None = None,
    label: str = "",
    actor: str,
) -> NewToken:
    """Make a token bound to one tenant.

    Args:
        conninfo: The privileged login; the statements run as ``seamwatch_auth``.
        roles: At least one.
        tenant_name: An existing tenant.
        expires_at: With a time zone; None: it does not expire.
        label: What it is for, at most 200 characters.
        actor: Who does it, for the audit log (``cli:<os user>`` or a token id).

    Raises:
        ValueError: No role, an `expires_at` without time zone, or a label that is too long.
        RejectedError: The tenant does not exist.
        UnavailableError: The database cannot be reached.
    """
    with auth_transaction(conninfo) as connection:
        return create_token_in(
            connection,
            roles=roles,
            tenant_name=tenant_name,
            expires_at=expires_at,
            label=label,
            actor=actor,
        )


def create_token_in(
    connection: psycopg.Connection[Any],
    *,
    roles: Iterable[Role],
    tenant_name: str,
    expires_at: datetime | None,
    label: str,
    actor: str,
) -> NewToken:
    """`create_token` inside the caller's transaction."""
    granted = frozenset(roles)
    if not granted:
        raise ValueError("roles: expected at least one")
    if expires_at is not None and expires_at.tzinfo is None:
        raise ValueError(f"expires_at: expected a time zone, got {expires_at.isoformat()}")
    if len(label) > _MAX_LABEL_LENGTH or not (label.isprintable()):
        raise ValueError(f"label: expected at most {_MAX_LABEL_LENGTH} printable characters")
    tenant_id = tenant_id_of(connection, tenant_name)
    if tenant_id is None:
        raise RejectedError(
            f"tenant {tenant_name!r} does not exist: make it with `seamwatch tenant create {tenant_name}`"
        )
    token = new_token()
    connection.execute(
        statement("auth_token_insert"),
        {
            "token_id": token.token_id,
            "tenant_id": tenant_id,
            "secret_hash": token.secret_hash,
            "roles": sorted(granted),
            "label": label,
            "expires_at": expires_at,
        },
    )
    detail = {
        "roles": sorted(granted),
        "label": label,
        "expires_at": expires_at and expires_at.isoformat(),
    }
    connection.execute(
        statement("audit_insert"),
        audit_row(
            tenant_id=tenant_id,
            actor=actor,
            action="token.create",
            target=token.token_id,
            detail=detail,
        ),
    )
    return NewToken(
        token_id=token.token_id,
        token=token.text,
        tenant_name=tenant_name,
        roles=granted,
        expires_at=expires_at,
    )


def list_tokens(conninfo: str, *, tenant_name: str | None = None) -> list[TokenRecord]:
    """All tokens, oldest first; of one tenant where given. Revoked and expired ones are in it.

    Raises:
        UnavailableError: The database cannot be reached.
    """
    with auth_transaction(conninfo) as connection:
        rows = connection.execute(
            statement("auth_token_list"), {"tenant_name": tenant_name}
        ).fetchall()
    return [
        TokenRecord(
            token_id=row[0],
            tenant_name=row[1],
            roles=tuple(row[2]),
            label=row[3],
            created_at=row[4],
            expires_at=row[5],
            revoked_at=row[6],
            last_used_at=row[7],
        )
        for row in rows
    ]


def revoke_token(conninfo: str, token_id: str, *, actor: str) -> bool:
    """Refuse a token from now on, with its sessions and sign-in links; running caches follow within 2 s.

    Returns:
        Whether it was revoked now; false: it was revoked before.

    Raises:
        RejectedError: There is no such token.
        UnavailableError: The database cannot be reached.
    """
    with auth_transaction(conninfo) as connection:
        was_active = revoke_token_in(connection, token_id, actor=actor)
    if was_active is None:
        raise RejectedError(f"token {token_id!r} does not exist: see `seamwatch token list`")
    return was_active


def revoke_token_in(
    connection: psycopg.Connection[Any], token_id: str, *, actor: str
) -> bool | None:
    """`revoke_token` inside the caller's transaction; None: no such token."""
    row = connection.execute(statement("auth_token_revoke"), {"token_id": token_id}).fetchone()
    if row is None:
        return None
    tenant_id, was_active = int(row[0]), bool(row[1])
    if was_active:
        connection.execute(statement("auth_session_delete_of_token"), {"token_id": token_id})
        connection.execute(statement("auth_link_delete_of_token"), {"token_id": token_id})
        connection.execute(
            statement("audit_insert"),
            audit_row(tenant_id=tenant_id, actor=actor, action="token.revoke", target=token_id),
        )
    return was_active


def tenant_id_of(connection: psycopg.Connection[Any], tenant_name: str) -> int | None:
    """A tenant's id by its name."""
    row = connection.execute(statement("auth_tenant_find"), {"tenant_name": tenant_name}).fetchone()
    return None if row is None else int(row[0])
