"""Group commit under faults: what one request or one writer meets stays there."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.database import rollup_totals, stored_spans
from tests.support.otlp import simple_request

from seamwatch.backend.receiver.config import ReceiverConfig
from seamwatch.backend.receiver.decode_traces import TimeRange, TraceDecoder
from seamwatch.backend.storage.copy_format import HEADER, TRAILER
from seamwatch.backend.storage.group_transaction import GroupTransaction, StoreResult, WriterMode
from seamwatch.backend.storage.name_limit import NameLimit
from seamwatch.backend.storage.roles import conninfo_as
from seamwatch.backend.storage.row_kind import Batch, DictionaryRow
from seamwatch.backend.storage.sink import Sink, SinkConfig, SinkObserver
from seamwatch.core import UnavailableError

NOW_NS = time.time_ns() // 60_000_000_000 * 60_000_000_000
DAY_NS = 86_400 * 10**9
RANGE = TimeRange(NOW_NS - DAY_NS, NOW_NS + DAY_NS)
DECODER = TraceDecoder(ReceiverConfig())


def batch_of(request: ExportTraceServiceRequest, time_range: TimeRange = RANGE) -> Batch:
    return DECODER.decode(request.SerializeToString(), 1, time_range)


def writer(database: str) -> str:
    return conninfo_as(database, "seamwatch_writer", application_name="test")


def open_as_writer(conninfo: str) -> psycopg.Connection:
    return psycopg.connect(conninfo, autocommit=True)


class Gate:
    """Holds writers back from connecting, so that what is submitted meanwhile is one group."""

    def __init__(self) -> None:
        self._open = threading.Event()

    def connect(self, conninfo: str) -> psycopg.Connection:
        assert self._open.wait(10)
        return open_as_writer(conninfo)

    def open(self) -> None:
        self._open.set()


def stored_together(
    database: str, batches: list[Batch], observer: SinkObserver | None = None
) -> list[Future[StoreResult]]:
    """Submit batches so that one writer takes them as one group; their ended futures."""
    gate = Gate()
    sink = Sink(
        writer(database), config=SinkConfig(writers=1), connect=gate.connect, observer=observer
    )
    sink.start()
    futures = [sink.submit(batch) for batch in batches]
    gate.open()
    for future in futures:
        future.exception(20)
    assert sink.stop()
    return futures


def test_a_schema_url_with_nul_is_stored_and_takes_no_other_request_down(database: str) -> None:
    odd, plain = (simple_request(start_ns=NOW_NS, seed=seed) for seed in (1, 2))
    odd.resource_spans[0].schema_url = "https://example.org/\0"
    odd.resource_spans[0].scope_spans[0].schema_url = "\0"

    futures = stored_together(database, [batch_of(odd), batch_of(plain)])

    assert [future.exception() for future in futures] == [None, None]
    assert len(stored_spans(database)) == 2


def test_a_dictionary_row_that_the_driver_refuses_costs_its_request_alone(database: str) -> None:
    bad, good = (
        batch_of(simple_request(start_ns=NOW_NS, seed=seed, service=service))
        for seed, service in ((1, "shop"), (2, "stock"))
    )
    (row_id,) = bad.resources
    bad.resources = {row_id: DictionaryRow(row_id, "shop\0", "", "{}", 0, None)}

    refused, stored = stored_together(database, [bad, good])

    assert refused.result().rejected == {"refused_by_database": 1}
    assert stored.exception() is None


def test_a_bad_row_outside_the_partitions_costs_that_row_alone(database: str) -> None:
    batch = batch_of(simple_request(count=3, start_ns=NOW_NS), TimeRange(0, 1))
    batch.out_of_range_rows[1] = batch.out_of_range_rows[1].replace(
        b'{"http.request.method"', b'{ http.request.method"'
    )

    (future,) = stored_together(database, [batch])

    assert future.result().rejected == {"refused_by_database": 1}
    with psycopg.connect(database) as connection:
        assert connection.execute(
            "SELECT count(*) FROM seamwatch.span_out_of_range"
        ).fetchone() == (2,)


def test_a_span_whose_partition_is_gone_holds_up_its_own_request_alone(database: str) -> None:
    gone = batch_of(
        simple_request(start_ns=NOW_NS - 200 * DAY_NS, seed=1), TimeRange(0, NOW_NS + DAY_NS)
    )
    good = batch_of(simple_request(start_ns=NOW_NS, seed=2))

    futures = stored_together(database, [gone, good])

    assert isinstance(futures[0].exception(), UnavailableError)
    assert futures[1].exception() is None


def test_a_missing_partition_wakes_the_loop_that_makes_it(database: str) -> None:
    gone = batch_of(simple_request(start_ns=NOW_NS - 200 * DAY_NS), TimeRange(0, NOW_NS + DAY_NS))
    with psycopg.connect(database, autocommit=True) as listener:
        listener.execute("LISTEN seamwatch_retention")

        stored_together(database, [gone])

        assert [notice.channel for notice in listener.notifies(timeout=5, stop_after=1)] == [
            "seamwatch_retention"
        ]


def test_a_request_is_stored_at_once_while_the_other_writer_cannot_connect(database: str) -> None:
    connected = threading.Lock()

    def connect(conninfo: str) -> psycopg.Connection:
        if not connected.acquire(blocking=False):
            raise psycopg.OperationalError("too many connections")
        return open_as_writer(conninfo)

    sink = Sink(writer(database), config=SinkConfig(writers=2), connect=connect)
    sink.start()

    for seed in range(40):
        future = sink.submit(batch_of(simple_request(start_ns=NOW_NS, seed=seed)))
        future.result(3)

    assert len(stored_spans(database)) == 40
    assert sink.stop()


class FaultyObserver(SinkObserver):
    """Fails when it is told of the first group."""

    def __init__(self) -> None:
        self.is_faulty = True

    def committed(self, kind: str, **numbers: Any) -> None:
        if self.is_faulty:
            self.is_faulty = False
            raise ZeroDivisionError


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_the_observer_ends_no_writer_and_unsays_no_commit(database: str) -> None:
    sink = Sink(writer(database), config=SinkConfig(writers=1), observer=FaultyObserver())
    sink.start()

    results = [
        sink.submit(batch_of(simple_request(start_ns=NOW_NS, seed=seed))).result(5)
        for seed in (1, 2)
    ]

    assert [result.is_replay for result in results] == [False, False]
    assert sink.stop()


def test_our_own_fault_while_looking_for_bad_rows_ends_no_writer(database: str) -> None:
    bad = batch_of(simple_request(count=2, start_ns=NOW_NS, seed=1))
    bad.rows[0] = bad.rows[0].replace(b'{"http.request.method"', b'{ http.request.method"')
    bad.scopes = {1: "no row"}  # type: ignore[dict-item]
    sink = Sink(writer(database), config=SinkConfig(writers=1))
    sink.start()

    assert isinstance(sink.submit(bad).exception(5), UnavailableError)

    assert sink.submit(batch_of(simple_request(start_ns=NOW_NS, seed=2))).result(5).rows == 1
    assert sink.stop()


def test_a_writer_that_ends_a_deadlock_stores_its_group_after_the_other_is_through(
    database: str,
) -> None:
    batch = batch_of(simple_request(count=2, start_ns=NOW_NS))
    copied = "COPY seamwatch.span ({}) FROM STDIN (FORMAT BINARY)".format(
        ", ".join(batch.kind.target.columns)
    )
    with open_as_writer(writer(database)) as writing, psycopg.connect(database) as other:
        other.execute("SET deadlock_timeout = '20s'")  # the sink's own is 1 s: it is the victim

        def insert(row: bytes) -> None:
            with other.cursor().copy(copied.encode()) as copy:
                copy.write(HEADER + row + TRAILER)

        insert(batch.rows[1])
        transaction = GroupTransaction(writing, WriterMode.COPY, 10, NameLimit())
        with ThreadPoolExecutor() as executor:
            storing = executor.submit(transaction.store, [batch])
            while not other.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
                pass
            insert(batch.rows[0])
            other.commit()

            committed = storing.result(20)

    assert (committed.rows, committed.duplicates) == (0, 2)
    assert rollup_totals(database) == ([], [])


def test_stopping_while_one_writer_cannot_connect_stores_what_waits_for_the_other(
    database: str,
) -> None:
    connected, release, reached = threading.Lock(), threading.Event(), threading.Event()

    def connect(conninfo: str) -> psycopg.Connection:
        if not connected.acquire(blocking=False):
            raise psycopg.OperationalError("too many connections")
        return open_as_writer(conninfo)

    class Slow(SinkObserver):
        def committed(self, kind: str, **numbers: Any) -> None:
            reached.set()
            release.wait(5)

    sink = Sink(writer(database), config=SinkConfig(writers=2), connect=connect, observer=Slow())
    sink.start()
    sink.submit(batch_of(simple_request(start_ns=NOW_NS, seed=1)))
    assert reached.wait(10)
    waiting = sink.submit(batch_of(simple_request(start_ns=NOW_NS, seed=2)))
    stopping = threading.Thread(target=sink.stop)
    stopping.start()
    threading.Timer(1.5, release.set).start()

    assert waiting.exception(10) is None
    stopping.join()


@pytest.mark.parametrize("mode", list(WriterMode), ids=["copy", "staging"])
def test_a_span_with_another_start_is_counted_as_conflicting_when_it_is_first_stored(
    database: str, mode: WriterMode
) -> None:
    counted: list[int] = []

    class Counting(SinkObserver):
        def committed(self, kind: str, *, conflicting: int, **numbers: Any) -> None:
            counted.append(conflicting)

    first = simple_request(count=3, start_ns=NOW_NS, seed=3)
    second = simple_request(count=3, start_ns=NOW_NS + 5, seed=3)
    # One span that is there already brings a COPY to the staged path.
    second.resource_spans[0].scope_spans[0].spans.append(
        first.resource_spans[0].scope_spans[0].spans[0]
    )
    sink = Sink(writer(database), mode=mode, config=SinkConfig(writers=1), observer=Counting())
    sink.start()

    for request in (first, second, second):
        request.resource_spans[0].schema_url += "x"  # another body
        sink.submit(batch_of(request)).result(10)

    assert counted == [0, 3, 0]
    assert len(stored_spans(database)) == 6
    assert sink.stop()
