"""Browser sessions: rows on the server, a random cookie in the browser."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from seamwatch.backend.auth._database import (
    access_from_row,
    audit_row,
    auth_conninfo,
    clock_now,
    first_line,
    statement,
)
from seamwatch.backend.auth.access import Access
from seamwatch.backend.auth.config import AuthConfig
from seamwatch.backend.auth.csrf import csrf_token
from seamwatch.backend.auth.errors import LockedOutError, UnauthenticatedError
from seamwatch.backend.auth.lockout import LockOut
from seamwatch.backend.auth.roles import BROWSER_ROLES
from seamwatch.backend.auth.sign_in_links import secret_digest
from seamwatch.core import Clock, SystemClock, UnavailableError

__all__ = ["Session", "SessionStore"]

_TOUCH_EVERY = timedelta(seconds=60)  # idle time is known to the minute; no write per page
_WAIT_FOR_CONNECTION_S = 3.0
_MAX_CONNECTIONS = 4
_SIGN_INS_PER_MINUTE = 30  # of one token: each leaves a session, and an audit entry for ever


@dataclass(frozen=True, kw_only=True)
class Session:
    """A signed-in browser. `cookie` is the credential: the repr leaves it out."""

    cookie: str = field(repr=False)
    access: Access
    expires_at: datetime

    @property
    def csrf_token(self) -> str:
        """What the forms of this session carry."""
        return csrf_token(self.cookie)


class SessionStore:
    """Begins, finds and ends sessions. Safe from all tasks of the event loop that opened it.

    A session ends 30 minutes after its last request, 12 hours after it began, with its token (expiry or
    revocation, at once) and at sign-out. Only the SHA-256 of its cookie is stored.

    Every method raises UnavailableError where the database cannot be reached.
    """

    def __init__(
        self, conninfo: str, *, config: AuthConfig | None = None, clock: Clock | None = None
    ) -> None:
        self._config = config or AuthConfig()
        self._clock = clock or SystemClock()
        self._sign_ins = LockOut(failures=_SIGN_INS_PER_MINUTE, window_s=60.0, clock=self._clock)
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] = AsyncConnectionPool(
            auth_conninfo(conninfo),
            min_size=1,
            max_size=_MAX_CONNECTIONS,
            max_waiting=64,
            timeout=_WAIT_FOR_CONNECTION_S,
            open=False,
            name="seamwatch-sessions",
        )

    async def __aenter__(self) -> SessionStore:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Start the pool; it keeps trying where the database is not there yet."""
        await self._pool.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close(timeout=2.0)

    async def begin(
        self, access: Access, *, previous_cookie: str | None = None, how: str = "token"
    ) -> Session:
        """Sign in: a new session for a credential that was just accepted.

        The cookie is always a new one and a session that the browser had before ends, so that a cookie planted
        before the sign-in is worth nothing after it.

        Args:
            access: From `Authenticator.authenticate` or `redeem_link`.
            previous_cookie: The cookie the request came with.
            how: ``token`` or ``link``, for the audit log.

        Raises:
            ForbiddenError: The token has no role that is of use in a browser.
            LockedOutError: The token has begun too many sessions within the minute.
        """
        access.require(*BROWSER_ROLES)
        retry_after_s = self._sign_ins.retry_after_s(access.token_id)
        if retry_after_s is not None:
            raise LockedOutError(retry_after_s)
        self._sign_ins.record_failure(access.token_id)
        now = clock_now(self._clock)
        expires_at = now + timedelta(seconds=self._config.session_absolute_s)
        if access.expires_at is not None:
            expires_at = min(expires_at, access.expires_at)
        cookie = secrets.token_urlsafe(32)
        async with self._transaction() as connection:
            await connection.execute(
                statement("auth_session_sweep"), {"now": now, "idle_since": self._idle_since(now)}
            )
            if previous_cookie is not None:
                await connection.execute(
                    statement("auth_session_delete"),
                    {"session_hash": secret_digest(previous_cookie)},
                )
            await connection.execute(
                statement("auth_session_insert"),
                {
                    "session_hash": secret_digest(cookie),
                    "token_id": access.token_id,
                    "tenant_id": access.tenant_id,
                    "now": now,
                    "expires_at": expires_at,
                },
            )
            await self._audit(
                connection, access.tenant_id, access.token_id, "sign_in", {"how": how}
            )
        return Session(cookie=cookie, access=access, expires_at=expires_at)

    async def find(self, cookie: str) -> Session | None:
        """The session of a cookie; None where it is unknown or over, or its token not active."""
        now = clock_now(self._clock)
        session_hash = secret_digest(cookie)
        async with self._transaction() as connection:
            cursor = await connection.execute(
                statement("auth_session_find"),
                {"session_hash": session_hash, "now": now, "idle_since": self._idle_since(now)},
            )
            row = await cursor.fetchone()
            if row is None:
                return None
            token_id, roles, tenant_id, tenant_name, token_expires_at, expires_at, last_seen_at = (
                row
            )
            if now - last_seen_at >= _TOUCH_EVERY:
                await connection.execute(
                    statement("auth_session_touch"), {"session_hash": session_hash, "now": now}
                )
        access = access_from_row(token_id, roles, tenant_id, tenant_name, token_expires_at)
        return Session(cookie=cookie, access=access, expires_at=expires_at)

    async def end(self, cookie: str) -> bool:
        """Sign out; false where there was no such session."""
        async with self._transaction() as connection:
            cursor = await connection.execute(
                statement("auth_session_delete"), {"session_hash": secret_digest(cookie)}
            )
            row = await cursor.fetchone()
            if row is None:
                return False
            await self._audit(connection, row[1], row[0], "sign_out", {})
        return True

    async def redeem_link(self, code: str) -> Access:
        """Use a one-time link up; of several requests at once only one gets the access.

        Raises:
            UnauthenticatedError: The link is unknown, used, over, or its token is not active.
        """
        now = clock_now(self._clock)
        async with self._transaction() as connection:
            cursor = await connection.execute(
                statement("auth_link_redeem"), {"link_hash": secret_digest(code), "now": now}
            )
            row = await cursor.fetchone()
        if row is None or row[5] <= now:
            raise UnauthenticatedError(
                "this sign-in link was used before, or is over: make another"
            )
        return access_from_row(*row[:5])

    def _idle_since(self, now: datetime) -> datetime:
        return now - timedelta(seconds=self._config.session_idle_s)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, PoolTimeout, PoolClosed, TooManyRequests) as error:
            raise UnavailableError(
                f"the sessions cannot be read: {first_line(error)}", retry_after_s=1.0
            ) from error

    @staticmethod
    async def _audit(
        connection: psycopg.AsyncConnection[Any],
        tenant_id: int,
        token_id: str,
        action: str,
        detail: dict[str, str],
    ) -> None:
        await connection.execute(
            statement("audit_insert"),
            audit_row(
                tenant_id=tenant_id, actor=token_id, action=action, target=token_id, detail=detail
            ),
        )
