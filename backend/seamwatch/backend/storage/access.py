"""Reading as one tenant: a transaction that names it, and forgets it when it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from seamwatch.backend.storage.roles import conninfo_as
from seamwatch.core import UnavailableError

__all__ = ["TenantDatabase"]

_MAX_TIMEOUT_MS = 600_000
_WAIT_FOR_CONNECTION_S = 5.0
_RETRY_AFTER_S = 1.0
# The pool doubles its pauses up to this time, and starts afresh with the next request: with its
# default of five minutes a database that is back would wait two minutes to be noticed.
_GIVE_UP_CONNECTING_S = 2.0

_logger = logging.getLogger(__name__)

# One round trip. Transaction-local (`true`): a session-level setting would be seen by whoever gets
# the connection next.
_BEGIN = sql.SQL(
    "BEGIN TRANSACTION READ ONLY;"
    " SELECT set_config('seamwatch.tenant_id', {tenant_id}, true),"
    " set_config('statement_timeout', {timeout_ms}, true)"
)


class TenantDatabase:
    """A pool of connections as `seamwatch_app` that are only given out inside a tenant's transaction.

    Safe from all tasks of one event loop; `open` and `close` belong to that loop.

    Args:
        conninfo: The privileged login; the pool acts as `seamwatch_app` from the first statement.
        max_connections: More transactions than this wait, at most five seconds. One tenant gets half of them,
            so that the slow searches of one leave connections for the others.
    """

    def __init__(self, conninfo: str, *, max_connections: int = 8) -> None:
        self._max_connections = max_connections
        self._shares: dict[int, _Share] = {}  # of tenants that read or wait now
        self._pool: AsyncConnectionPool[AsyncConnection[TupleRow]] = AsyncConnectionPool(
            conninfo_as(conninfo, "seamwatch_app", application_name="seamwatch api"),
            kwargs={"autocommit": True},
            min_size=1,
            max_size=max_connections,
            open=False,
            timeout=_WAIT_FOR_CONNECTION_S,
            reconnect_timeout=_GIVE_UP_CONNECTING_S,
            reset=_forget_settings,
            name="seamwatch api",
        )

    async def open(self) -> None:
        """Start the pool; it connects in the background, also after the database was away."""
        await self._pool.open()

    async def close(self) -> None:
        """Close every connection; transactions under way end with an error."""
        await self._pool.close(timeout=2.0)

    async def __aenter__(self) -> TenantDatabase:
        await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    @asynccontextmanager
    async def transaction(
        self, tenant_id: int, *, timeout_ms: int
    ) -> AsyncIterator[AsyncConnection[TupleRow]]:
        """A read-only transaction that sees one tenant's rows.

        A cancelled task cancels its statement on the server too.

        Args:
            tenant_id: The tenant of the caller's credential.
            timeout_ms: Longest time of one statement, 1 to 600,000.

        Raises:
            ValueError: There is no tenant (None, 0, negative), or the time is out of range.
            UnavailableError: The database is away, busy, or a statement took longer.
        """
        _require(tenant_id, timeout_ms)
        async with self._share_of(tenant_id):
            async with self._connected(tenant_id, timeout_ms) as connection:
                yield connection

    @asynccontextmanager
    async def _share_of(self, tenant_id: int) -> AsyncIterator[None]:
        """One of the connections that the tenant may hold at a time."""
        share = self._shares.get(tenant_id)
        if share is None:
            share = self._shares[tenant_id] = _Share(max(1, self._max_connections // 2))
        share.users += 1
        try:
            try:
                async with asyncio.timeout(_WAIT_FOR_CONNECTION_S):
                    await share.connections.acquire()
            except TimeoutError as error:
                raise UnavailableError(
                    "the database is busy with earlier requests of this tenant",
                    retry_after_s=_RETRY_AFTER_S,
                ) from error
            try:
                yield
            finally:
                share.connections.release()
        finally:
            share.users -= 1
            if share.users == 0:
                del self._shares[tenant_id]

    @asynccontextmanager
    async def _connected(
        self, tenant_id: int, timeout_ms: int
    ) -> AsyncIterator[AsyncConnection[TupleRow]]:
        """The transaction itself, its errors translated."""
        connection = await self._begin(tenant_id, timeout_ms)
        try:
            yield connection
        except psycopg.errors.QueryCanceled as error:
            raise UnavailableError(
                f"the query took longer than {timeout_ms} ms; ask for a shorter time range"
            ) from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise _away(error) from error
        finally:
            await self._end(connection)

    async def _begin(self, tenant_id: int, timeout_ms: int) -> AsyncConnection[TupleRow]:
        """A connection inside its transaction; ones that a restart of the database broke are replaced."""
        statement = _BEGIN.format(
            tenant_id=sql.Literal(str(tenant_id)), timeout_ms=sql.Literal(f"{timeout_ms}ms")
        )
        for attempt in range(self._max_connections + 1):
            try:
                connection = await self._pool.getconn()
            except PoolTimeout as error:
                raise _away(error) from error
            try:
                await connection.execute(statement)
            except psycopg.OperationalError as error:
                await self._end(connection)
                if attempt == self._max_connections or not connection.closed:
                    raise _away(error) from error
            except BaseException:
                await self._end(connection)
                raise
            else:
                return connection
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _end(self, connection: AsyncConnection[Any]) -> None:
        """Nothing is written here: every transaction is rolled back, whatever state it is in."""
        try:
            if not connection.closed:
                await connection.rollback()
        except psycopg.Error:
            _logger.debug("a connection was lost while it was given back", exc_info=True)
            await connection.close()
        finally:
            await self._pool.putconn(connection)


class _Share:
    """What one tenant may hold of the pool, and how many of its transactions hold or want some."""

    def __init__(self, connections: int) -> None:
        self.connections = asyncio.Semaphore(connections)
        self.users = 0


def _require(tenant_id: int, timeout_ms: int) -> None:
    if type(tenant_id) is not int or tenant_id <= 0:
        raise ValueError(f"tenant_id: expected a tenant's number, got {tenant_id!r}")
    if type(timeout_ms) is not int or not 1 <= timeout_ms <= _MAX_TIMEOUT_MS:
        raise ValueError(f"timeout_ms: expected 1 to {_MAX_TIMEOUT_MS}, got {timeout_ms!r}")


def _away(error: Exception) -> UnavailableError:
    return UnavailableError(
        f"the database cannot be reached now: {str(error).strip() or type(error).__name__}",
        retry_after_s=_RETRY_AFTER_S,
    )


async def _forget_settings(connection: AsyncConnection[Any]) -> None:
    """Undo session-level SET before the connection is given to another; keeps prepared statements."""
    await connection.execute("RESET ALL")
