"""One-time links that sign a browser in without pasting a token."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from seamwatch.backend.auth._database import audit_row, auth_transaction, clock_now, statement
from seamwatch.backend.auth.config import MAX_LINK_S
from seamwatch.core import Clock, RejectedError, SystemClock

__all__ = ["SignInLink", "create_sign_in_link", "secret_digest"]


@dataclass(frozen=True, kw_only=True)
class SignInLink:
    """A link just made; `code` goes into the URL and works once. The repr leaves it out."""

    code: str = field(repr=False)
    expires_at: datetime


def create_sign_in_link(
    conninfo: str,
    token_id: str,
    *,
    actor: str,
    ttl_s: float = MAX_LINK_S,
    clock: Clock | None = None,
) -> SignInLink:
    """Make a link that signs in once as the token `token_id`.

    Args:
        conninfo: The privileged login; the statements run as ``seamwatch_auth``.
        token_id: The token the session will stand for.
        actor: Who does it, for the audit log.
        ttl_s: Seconds until the link ends, at most 600.
        clock: Replaced in tests.

    Raises:
        ValueError: `ttl_s` is not in (0, 600].
        RejectedError: The token does not exist, was revoked or has expired.
        UnavailableError: The database cannot be reached.
    """
    if not 0 < ttl_s <= MAX_LINK_S:
        raise ValueError(f"ttl_s: expected more than 0 and at most {MAX_LINK_S:g}, got {ttl_s}")
    now = clock_now(clock or SystemClock())
    code = secrets.token_urlsafe(32)
    expires_at = now + timedelta(seconds=ttl_s)
    with auth_transaction(conninfo) as connection:
        row = connection.execute(
            statement("auth_link_insert"),
            {
                "link_hash": secret_digest(code),
                "token_id": token_id,
                "now": now,
                "expires_at": expires_at,
            },
        ).fetchone()
        if row is None:
            raise RejectedError(f"token {token_id!r} is not active: see `seamwatch token list`")
        connection.execute(
            statement("audit_insert"),
            audit_row(tenant_id=row[0], actor=actor, action="sign_in_link.create", target=token_id),
        )
    return SignInLink(code=code, expires_at=expires_at)


def secret_digest(secret: str) -> bytes:
    """SHA-256 of a random secret, as stored; any text has one."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
