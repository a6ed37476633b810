"""Searches run inside the span indexes, whatever they ask."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from seamwatch.backend.api.readers.candidates import CandidateScan
from seamwatch.backend.api.readers.trace_search import TraceSearch
from seamwatch.backend.storage import queries
from seamwatch.backend.storage.roles import conninfo_as


@pytest.fixture
def crowded(store: Any, span_row: Any) -> Any:
    """Rows in every partition: an empty one is read whole, there is nothing cheaper."""
    store.execute(
        "INSERT INTO seamwatch.span SELECT 1, decode(md5(t::text), 'hex'),"
        " substring(decode(md5('s' || t), 'hex') FOR 8), NULL, %s - make_interval(secs => t * 18), 0, t,"
        " 'service-' || t %% 5, 'GET', 0, 2, t %% 3, NULL, NULL, 0, 1, 1, '{}', NULL, NULL, NULL"
        " FROM generate_series(1, 20000) AS t",
        (store.now + timedelta(days=2.2),),
    )
    store.execute("ANALYZE seamwatch.span")
    return store


class _Recorder:
    """Stands for a connection: keeps what is executed, answers with the rows it is given."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.executed: list[tuple[str, dict[str, Any]]] = []

    async def execute(self, query: str, values: dict[str, Any], **_: Any) -> Any:
        self.executed.append((query, values))
        rows = self._connection.execute(query.encode(), values).fetchall()

        class _Cursor:
            async def fetchall(self) -> list[Any]:
                return rows

        return _Cursor()


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({}, "start_time_duration_ns"),
        ({"min_duration_ms": 1}, "start_time_duration_ns"),
        ({"status": "error"}, "start_time_idx"),
        ({"status": "error", "min_duration_ms": 1}, "start_time_idx"),
        ({"service": "service-1"}, "service_name_start_time"),
        ({"service": "service-1", "operation": "GET", "status": "ok"}, "service_name_start_time"),
        ({"operation": "GET"}, "service_name_start_time"),
        ({"attributes": {"k": "1"}}, "service_name_start_time"),
    ],
)
def test_step_reads_one_index_and_no_table(
    crowded: Any, loop: Any, filters: dict[str, Any], index: str
) -> None:
    search = TraceSearch(start=crowded.now - timedelta(days=1), end=crowded.now, **filters)
    app = conninfo_as(crowded.conninfo, "seamwatch_app", application_name="test")
    with psycopg.connect(app) as connection:
        connection.execute("SELECT set_config('seamwatch.tenant_id', '1', true)")
        recorder: Any = _Recorder(connection)

        async def two_steps() -> None:
            scan = CandidateScan(recorder, search, None)
            await scan.step()
            await scan.step()

        loop.run(two_steps())
        plans = [
            [row[0] for row in connection.execute(b"EXPLAIN " + query.encode(), values)]
            for query, values in recorder.executed
        ]

    for plan in plans:
        text = "\n".join(plan)
        assert "Seq Scan" not in text, text
        used = set(re.findall(r"Index (?:Only )?Scan (?:Backward )?using (\S+)", text))
        assert used, text
    assert any(index in name for name in used), used


def test_trace_and_summaries_read_the_primary_key_only(crowded: Any, loop: Any) -> None:
    search = TraceSearch(start=crowded.now - timedelta(days=1), end=crowded.now)
    app = conninfo_as(crowded.conninfo, "seamwatch_app", application_name="test")
    with psycopg.connect(app) as connection:
        connection.execute("SELECT set_config('seamwatch.tenant_id', '1', true)")
        for name, values in (
            ("trace_spans", {"trace_id": b"x" * 16, "max_spans": 100, "max_bytes": 10**6}),
            (
                "trace_summaries",
                {**search.sql_filters(), "trace_ids": [b"x" * 16], "max_spans": 100},
            ),
        ):
            query = b"EXPLAIN " + queries.load(name).encode()
            text = "\n".join(row[0] for row in connection.execute(query, values))
            assert "Seq Scan" not in text, text
            assert "pkey" in text


def test_empty_month_takes_few_steps(store: Any, loop: Any, tenant_database: Any) -> None:
    search = TraceSearch(start=store.now - timedelta(days=400), end=store.now)

    async def steps() -> int:
        async with tenant_database.transaction(1, timeout_ms=5000) as connection:
            scan = CandidateScan(connection, search, None)
            count = 0
            while not scan.is_exhausted:
                await scan.step()
                count += 1
            return count

    assert loop.run(steps()) <= 40
