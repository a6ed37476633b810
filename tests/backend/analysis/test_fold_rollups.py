"""The fold loop: parts become minutes and hours, and no sum is ever wrong."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
import pytest

from seamwatch.backend.analysis.fold_rollups import FoldRollups
from seamwatch.backend.storage.roles import conninfo_as
from seamwatch.backend.telemetry import MetricRegistry

_COLUMNS = (
    "tenant_id, minute, service_name, name, kind, is_entry, span_count, error_count,"
    " duration_sum_ns, histogram_bucket, histogram_count, slowest_duration_ns, slowest_trace_id,"
    " error_start_ns, error_trace_id"
)
Key = tuple[int, str, str, str, int, bool]


@dataclass
class _Sum:
    """What a row must hold, added up here and not in SQL."""

    spans: int = 0
    errors: int = 0
    duration_ns: int = 0
    histogram: Counter[int] = field(default_factory=Counter)
    slowest: tuple[int, bytes] = (-1, b"")
    error: tuple[int, bytes] | None = None


def _random_parts(seed: int, count: int) -> list[tuple[object, ...]]:
    """Parts with many ties: equal durations, equal error times, absent errors, empty histograms."""
    rng = random.Random(seed)
    parts: list[tuple[object, ...]] = []
    for _ in range(count):
        buckets = sorted(rng.sample(range(1009), rng.randrange(0, 6)))
        counts = [rng.randrange(1, 5) for _ in buckets]
        failed = rng.random() < 0.5
        parts.append(
            (
                rng.choice([1, 2, 3]),
                f"2026-03-29 {rng.choice([9, 10])}:{rng.choice([0, 1, 59]):02}:00+00",
                rng.choice(["shop", "Shop", "ship"]),
                rng.choice(["GET /", "POST /"]),
                rng.choice([1, 2]),
                rng.choice([True, False]),
                sum(counts),
                int(failed),
                rng.randrange(10**6),
                buckets,
                counts,
                rng.choice([5, 6, 7, 2**62]),
                rng.randbytes(1),
                rng.choice([1774778400000000001, 1774778400000000002]) if failed else None,
                rng.randbytes(1) if failed else None,
            )
        )
    return parts


def _insert(connection: psycopg.Connection, parts: list[tuple[object, ...]]) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY seamwatch.span_rollup_part ({_COLUMNS}) FROM STDIN") as copy,
    ):
        for part in parts:
            copy.write_row(part)


def _expected(parts: list[tuple[object, ...]], minute_length: int) -> dict[Key, _Sum]:
    """Sums by key; `minute_length` characters of the time tell minutes (16) or hours (13) apart."""
    sums: dict[Key, _Sum] = {}
    for part in parts:
        (tenant, minute, service, name, kind, entry, spans, errors, duration, *rest) = part
        buckets, counts, slowest, slowest_trace, error_start, error_trace = rest
        time = str(minute).replace(" 9:", " 09:")[:minute_length]
        row = sums.setdefault((tenant, time, service, name, kind, entry), _Sum())
        row.spans += spans
        row.errors += errors
        row.duration_ns += duration
        for bucket, count in zip(buckets, counts, strict=True):
            row.histogram[bucket] += count
        row.slowest = max(row.slowest, (slowest, slowest_trace))
        if error_start is not None:
            error = (error_start, error_trace)
            row.error = error if row.error is None else max(row.error, error)
    return sums


def _stored(connection: psycopg.Connection, relation: str, minute_length: int) -> dict[Key, _Sum]:
    connection.execute("SET timezone = 'UTC'")
    sums: dict[Key, _Sum] = {}
    for row in connection.execute(f"SELECT {_COLUMNS} FROM seamwatch.{relation}"):  # noqa: S608
        (tenant, minute, service, name, kind, entry, spans, errors, duration, *rest) = row
        buckets, counts, slowest, slowest_trace, error_start, error_trace = rest
        key = (tenant, minute.isoformat(" ")[:minute_length], service, name, kind, entry)
        assert key not in sums
        assert buckets == sorted(set(buckets))
        error = None if error_start is None else (int(error_start), bytes(error_trace))
        histogram = Counter(dict(zip(buckets, counts, strict=True)))
        slow = (slowest, bytes(slowest_trace))
        sums[key] = _Sum(spans, errors, int(duration), histogram, slow, error)
    return sums


@pytest.mark.parametrize("limit", [7, 20_000])
def test_minutes_and_hours_equal_the_sums_of_their_parts(
    database: str, analysis: psycopg.Connection, limit: int
) -> None:
    loop = FoldRollups(MetricRegistry(), parts_per_transaction=limit)
    parts = _random_parts(1, 300)
    with psycopg.connect(database, autocommit=True) as writer:
        for start in range(0, 300, 100):
            _insert(writer, parts[start : start + 100])
            loop.run(analysis)

    assert _stored(analysis, "span_rollup_minute", 16) == _expected(parts, 16)
    assert _stored(analysis, "span_rollup_hour", 13) == _expected(parts, 13)
    assert _stored(analysis, "span_rollup_part", 16) == {}


def test_the_order_of_parts_does_not_matter(database: str, analysis: psycopg.Connection) -> None:
    parts = _random_parts(2, 200)
    with psycopg.connect(database, autocommit=True) as writer:
        for part in reversed(parts):
            _insert(writer, [part])
    loop = FoldRollups(MetricRegistry(), parts_per_transaction=13)

    loop.run(analysis)

    assert _stored(analysis, "span_rollup_minute", 16) == _expected(parts, 16)


def test_a_reader_sees_growing_sums_at_every_moment_of_folds_and_ingest(database: str) -> None:
    stopping = threading.Event()
    written: list[int] = []
    conninfo = conninfo_as(database, "seamwatch_analysis", application_name="test fold")

    def write() -> None:
        total = 0
        with psycopg.connect(database, autocommit=True) as connection:
            for seed in range(60):
                parts = _random_parts(seed, 50)
                _insert(connection, parts)
                total += sum(part[6] for part in parts)
        written.append(total)

    def fold() -> None:
        loop = FoldRollups(MetricRegistry(), parts_per_transaction=37)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            while not stopping.is_set():
                loop.run(connection)
            loop.run(connection)

    # Two folds at once: correct and without a deadlock even where the advisory lock fails us.
    folds = [threading.Thread(target=fold) for _ in range(2)]
    writer = threading.Thread(target=write)
    for thread in (*folds, writer):
        thread.start()
    seen: list[int] = []
    with psycopg.connect(database, autocommit=True) as reader:
        while writer.is_alive():
            seen.append(_total(reader, "span_rollup"))
        stopping.set()
        for thread in folds:
            thread.join(30)
        after, hours = _total(reader, "span_rollup_minute"), _total(reader, "span_rollup_hour")

    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    assert [after, hours] == [written[0]] * 2


def test_error_groups_are_added_and_keep_their_latest_exemplar(
    database: str, analysis: psycopg.Connection
) -> None:
    insert = (
        "INSERT INTO seamwatch.error_rollup_part VALUES"
        " (1, '2026-03-29 10:00+00', 'shop', 'TimeoutError', %s, %s, %s, %s, %s, %s)"
    )
    loop = FoldRollups(MetricRegistry())
    with psycopg.connect(database, autocommit=True) as writer:
        writer.execute(insert, (7, "GET /", "took 3 s", 2, 100, b"\x01"))
        writer.execute(insert, (7, "PUT /", "took 4 s", 3, 101, b"\x02"))
        writer.execute(insert, (8, "GET /", "other", 1, 5, b"\x09"))
        loop.run(analysis)
        writer.execute(insert, (7, "GET /", "took 5 s", 4, 101, b"\x01"))
        loop.run(analysis)

    rows = analysis.execute(
        "SELECT fingerprint, span_name, message, error_count, last_start_ns::bigint, last_trace_id"
        " FROM seamwatch.error_rollup_minute ORDER BY fingerprint"
    ).fetchall()
    assert rows == [(7, "PUT /", "took 4 s", 9, 101, b"\x02"), (8, "GET /", "other", 1, 5, b"\x09")]


def test_the_heap_of_parts_is_cleaned_after_many(
    database: str,
    analysis: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[..., None],
) -> None:
    monkeypatch.setattr("seamwatch.backend.analysis.fold_rollups._VACUUM_AFTER_PARTS", 100)
    loop = FoldRollups(MetricRegistry())
    with psycopg.connect(database, autocommit=True) as writer:
        _insert(writer, _random_parts(3, 100))

        loop.run(analysis)

        eventually(
            lambda: (
                writer.execute(
                    "SELECT vacuum_count > 0 FROM pg_stat_user_tables WHERE relname = 'span_rollup_part'"
                ).fetchone()
                == (True,)
            )
        )
    assert analysis.execute("SELECT current_user").fetchone() == ("seamwatch_analysis",)


def _total(connection: psycopg.Connection, relation: str) -> int:
    row = connection.execute(
        f"SELECT coalesce(sum(span_count), 0)::bigint FROM seamwatch.{relation}"  # noqa: S608
    ).fetchone()
    return int(row[0]) if row else 0
