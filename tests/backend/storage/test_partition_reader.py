"""A long reader of an expired partition holds up neither ingest nor, once it ends, retention."""

from __future__ import annotations

import datetime
import os
import secrets
import threading
import time
from collections.abc import Callable

import psycopg

from seamwatch.backend.storage.partitions import drop_expired, ensure_partitions
from seamwatch.backend.storage.roles import conninfo_as

HOLD_S = 30.0 if os.environ.get("CI") or os.environ.get("SEAMWATCH_LONG") == "1" else 5.0
P99_S = 0.25
ROWS_PER_COPY = 200


class _Ingest(threading.Thread):
    """Copies spans of today into the parent, one transaction after the other, and times each."""

    def __init__(self, conninfo: str) -> None:
        super().__init__(name="ingest")
        self._conninfo = conninfo_as(conninfo, "seamwatch_writer", application_name="test ingest")
        self.stopping = threading.Event()
        self.times_s: list[float] = []

    def run(self) -> None:
        with psycopg.connect(self._conninfo) as connection:
            while not self.stopping.is_set():
                started = time.perf_counter()
                self._copy(connection)
                connection.commit()
                self.times_s.append(time.perf_counter() - started)

    def _copy(self, connection: psycopg.Connection) -> None:
        now = datetime.datetime.now(datetime.UTC)
        with (
            connection.cursor() as cursor,
            cursor.copy(
                "COPY seamwatch.span (tenant_id, trace_id, span_id, start_time, start_ns, duration_ns,"
                " service_name, name, name_key, kind, status_code, flags, resource_id, scope_id,"
                " attributes) FROM STDIN"
            ) as copy,
        ):
            for _ in range(ROWS_PER_COPY):
                ids = (secrets.token_bytes(16), secrets.token_bytes(8))
                copy.write_row((1, *ids, now, 0, 1, "shop", "GET /", 1, 2, 0, 0, 1, 1, "{}"))


def test_ingest_stays_fast_while_a_reader_holds_an_expired_partition_that_is_then_dropped(
    database: str, eventually: Callable[..., None]
) -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    ensure_partitions(database, today=today, retention_days=4)
    expired = today - datetime.timedelta(days=4)
    ingest = _Ingest(database)
    dropping = threading.Thread(
        target=drop_expired,
        args=(database,),
        kwargs={"today": today, "retention_days": 2, "patience_s": HOLD_S + 60.0},
    )

    with psycopg.connect(database) as reader, psycopg.connect(database, autocommit=True) as watcher:
        reader.execute(
            "SELECT count(*) FROM seamwatch.span WHERE start_time < %s",
            (expired + datetime.timedelta(days=1),),
        )
        ingest.start()
        dropping.start()
        held_until = time.monotonic() + HOLD_S
        eventually(lambda: time.monotonic() >= held_until, timeout_s=HOLD_S + 5.0)
        still_there = _exists(watcher, expired)
        reader.rollback()
        ended = time.monotonic()
        dropping.join(60)
        dropped_after_s = time.monotonic() - ended
        ingest.stopping.set()
        ingest.join(10)
        there_after = _exists(watcher, expired)

    times_s = sorted(ingest.times_s)
    assert still_there, "the partition went away under its reader"
    assert not there_after, "the partition outlived its reader"
    assert dropped_after_s < 30.0
    assert len(times_s) > 50
    assert times_s[int(0.99 * (len(times_s) - 1))] <= P99_S


def _exists(connection: psycopg.Connection, day: datetime.date) -> bool:
    row = connection.execute(
        "SELECT to_regclass(%s) IS NOT NULL", (f"seamwatch.span_p{day:%Y%m%d}",)
    ).fetchone()
    return bool(row and row[0])
