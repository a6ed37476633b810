"""Reading as one tenant: the transaction names it, and nothing of it stays on the connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from seamwatch.backend.storage import access as access_module
from seamwatch.backend.storage.access import TenantDatabase
from seamwatch.backend.storage.tenants import Tenant
from seamwatch.core import UnavailableError

Tenants = tuple[Tenant, Tenant]
InsertSpan = Callable[..., bytes]


async def _traces(database: TenantDatabase, tenant_id: int) -> list[bytes]:
    async with database.transaction(tenant_id, timeout_ms=5_000) as connection:
        cursor = await connection.execute("SELECT trace_id FROM seamwatch.span")
        return [bytes(row[0]) for row in await cursor.fetchall()]


def test_each_transaction_sees_the_rows_of_its_tenant(
    database: str, tenants: Tenants, insert_span: InsertSpan
) -> None:
    expected = [insert_span(tenant.tenant_id) for tenant in tenants]

    async def read() -> list[list[bytes]]:
        async with TenantDatabase(database, max_connections=2) as reader:
            return await asyncio.gather(
                *(_traces(reader, tenants[i % 2].tenant_id) for i in range(40))
            )

    assert asyncio.run(read()) == [[expected[i % 2]] for i in range(40)]


@pytest.mark.parametrize("tenant_id", [None, 0, -1, True, "1", "1, true); SELECT 1 --"])
def test_a_transaction_without_a_tenant_is_refused(database: str, tenant_id: object) -> None:
    async def read() -> None:
        async with TenantDatabase(database) as reader:
            async with reader.transaction(tenant_id, timeout_ms=1_000):
                raise AssertionError("got a transaction")

    with pytest.raises(ValueError, match="tenant_id"):
        asyncio.run(read())


def test_a_session_setting_of_one_transaction_is_unknown_to_the_next(
    database: str, tenants: Tenants
) -> None:
    async def read() -> list[str | None]:
        settings: list[str | None] = []
        async with TenantDatabase(database, max_connections=1) as reader:
            async with reader.transaction(tenants[0].tenant_id, timeout_ms=1_000) as connection:
                await connection.execute(
                    "SELECT set_config('seamwatch.tenant_id', '1', false),"
                    " set_config('application_name', 'leak', false)"
                )
                await connection.commit()
            async with reader.transaction(tenants[1].tenant_id, timeout_ms=1_000) as connection:
                for name in ("seamwatch.tenant_id", "application_name", "role"):
                    cursor = await connection.execute("SELECT current_setting(%s)", (name,))
                    settings.append((await cursor.fetchone() or (None,))[0])
        return settings

    assert asyncio.run(read()) == [str(tenants[1].tenant_id), "seamwatch api", "seamwatch_app"]


def test_a_transaction_cannot_write(database: str) -> None:
    async def write() -> None:
        async with TenantDatabase(database) as reader:
            async with reader.transaction(1, timeout_ms=1_000) as connection:
                await connection.execute("CREATE TEMP TABLE scratch ()")

    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        asyncio.run(write())


def test_a_statement_over_its_time_is_unavailable_and_the_connection_is_usable_again(
    database: str, tenants: Tenants, insert_span: InsertSpan
) -> None:
    trace_id = insert_span(tenants[0].tenant_id)

    async def read() -> list[bytes]:
        async with TenantDatabase(database, max_connections=1) as reader:
            with pytest.raises(UnavailableError, match="longer than 50 ms"):
                async with reader.transaction(1, timeout_ms=50) as connection:
                    await connection.execute("SELECT pg_sleep(5)")
            return await _traces(reader, tenants[0].tenant_id)

    assert asyncio.run(read()) == [trace_id]


def test_slow_statements_of_one_tenant_leave_connections_for_another(
    database: str, tenants: Tenants, insert_span: InsertSpan
) -> None:
    slow, quick = (tenant.tenant_id for tenant in tenants)
    expected = insert_span(quick)

    async def read() -> tuple[list[bytes], int]:
        async with TenantDatabase(database, max_connections=4) as reader:

            async def sleep() -> None:
                async with reader.transaction(slow, timeout_ms=60_000) as connection:
                    await connection.execute("SELECT pg_sleep(30)")

            sleepers = [asyncio.create_task(sleep()) for _ in range(20)]
            await asyncio.sleep(0)
            seen = await _traces(reader, quick)
            done = sum(task.done() for task in sleepers)
            for task in sleepers:
                task.cancel()
            await asyncio.gather(*sleepers, return_exceptions=True)
            assert len(await _traces(reader, slow)) == 0
        return seen, done

    assert asyncio.run(read()) == ([expected], 0)


def test_a_tenant_that_waits_for_its_own_slow_statements_is_told_to_come_back(
    database: str, tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_module, "_WAIT_FOR_CONNECTION_S", 0.05)
    tenant_id = tenants[0].tenant_id

    async def read() -> None:
        async with TenantDatabase(database, max_connections=2) as reader:
            async with reader.transaction(tenant_id, timeout_ms=1_000):
                with pytest.raises(UnavailableError, match="busy"):
                    await _traces(reader, tenant_id)
            assert await _traces(reader, tenant_id) == []

    asyncio.run(read())


def test_a_cancelled_task_cancels_its_statement_on_the_server(
    database: str, eventually: Callable[..., None]
) -> None:
    def running() -> int:
        row = watcher.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state = 'active' AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()"
        ).fetchone()
        return int(row[0]) if row else 0

    async def read() -> None:
        async with TenantDatabase(database, max_connections=1) as reader:
            task = asyncio.create_task(_sleep(reader))
            await asyncio.to_thread(eventually, lambda: running() == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(eventually, lambda: running() == 0, timeout_s=5.0)

    with psycopg.connect(database, autocommit=True) as watcher:
        asyncio.run(read())


async def _sleep(reader: TenantDatabase) -> None:
    async with reader.transaction(1, timeout_ms=60_000) as connection:
        await connection.execute("SELECT pg_sleep(60)")


def test_connections_that_the_server_closed_are_replaced(
    database: str, tenants: Tenants, insert_span: InsertSpan
) -> None:
    trace_id = insert_span(tenants[0].tenant_id)

    async def read() -> list[bytes]:
        async with TenantDatabase(database, max_connections=2) as reader:
            await asyncio.gather(*(_traces(reader, 1) for _ in range(2)))
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE application_name = 'seamwatch api' AND datname = current_database()"
                )
            return await _traces(reader, tenants[0].tenant_id)

    assert asyncio.run(read()) == [trace_id]


def test_an_absent_database_is_unavailable(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seamwatch.backend.storage.access._WAIT_FOR_CONNECTION_S", 0.2)

    async def read() -> None:
        nowhere = psycopg.conninfo.make_conninfo(database, host="/nowhere/at/all")
        async with TenantDatabase(nowhere) as reader:
            await _traces(reader, 1)

    with pytest.raises(UnavailableError) as raised:
        asyncio.run(read())
    assert raised.value.retry_after_s == 1.0


def test_a_database_that_is_back_after_an_outage_is_used_again(
    database: str,
    tenants: Tenants,
    insert_span: InsertSpan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    socket_dir = str(psycopg.conninfo.conninfo_to_dict(database)["host"])
    if not socket_dir.startswith("/"):
        pytest.skip("the server is not reached through a socket that a link could hide")
    monkeypatch.setattr("seamwatch.backend.storage.access._WAIT_FOR_CONNECTION_S", 0.2)
    trace_id = insert_span(tenants[0].tenant_id)
    link = tmp_path / "s"

    async def read() -> list[bytes]:
        async with TenantDatabase(
            psycopg.conninfo.make_conninfo(database, host=str(link))
        ) as reader:
            outage_until = time.monotonic() + 4.0  # longer than the pool tries
            while time.monotonic() < outage_until:
                with pytest.raises(UnavailableError):
                    await _traces(reader, 1)
            link.symlink_to(socket_dir)
            back_until = time.monotonic() + 5.0
            while True:
                try:
                    return await _traces(reader, tenants[0].tenant_id)
                except UnavailableError:
                    assert time.monotonic() < back_until

    assert asyncio.run(read()) == [trace_id]
