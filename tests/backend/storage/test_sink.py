"""Group commit: durable before answered, idempotent, one bad request never takes another down."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import psycopg
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.database import rollup_totals, stored_spans
from tests.support.otlp import simple_request

from seamwatch.backend.receiver.config import ReceiverConfig
from seamwatch.backend.receiver.decode_traces import TimeRange, TraceDecoder
from seamwatch.backend.storage.group_transaction import StoreResult, WriterMode
from seamwatch.backend.storage.roles import conninfo_as
from seamwatch.backend.storage.row_kind import Batch
from seamwatch.backend.storage.sink import Sink, SinkConfig, SinkObserver
from seamwatch.core import UnavailableError

NOW_NS = time.time_ns() // 60_000_000_000 * 60_000_000_000
RANGE = TimeRange(NOW_NS - 86_400 * 10**9, NOW_NS + 86_400 * 10**9)
DECODER = TraceDecoder(ReceiverConfig())


def batch_of(request: ExportTraceServiceRequest) -> Batch:
    return DECODER.decode(request.SerializeToString(), 1, RANGE)


def writer(database: str) -> str:
    return conninfo_as(database, "seamwatch_writer", application_name="test")


@pytest.fixture(params=[WriterMode.COPY, WriterMode.STAGING], ids=["copy", "staging"])
def mode(request: pytest.FixtureRequest) -> WriterMode:
    return WriterMode(request.param)


@pytest.fixture
def sink(database: str, mode: WriterMode) -> Iterator[Sink]:
    made = Sink(writer(database), mode=mode)
    made.start()
    yield made
    assert made.stop()


class Recorder(SinkObserver):
    """Keeps what the sink tells."""

    def __init__(self) -> None:
        self.groups: list[dict[str, object]] = []

    def committed(self, kind: str, **numbers: object) -> None:  # type: ignore[override]
        self.groups.append({"kind": kind, **numbers})


def test_a_batch_is_visible_to_others_when_its_future_ends(database: str, sink: Sink) -> None:
    sink.submit(batch_of(simple_request(count=3, start_ns=NOW_NS))).result(10)

    assert len(stored_spans(database)) == 3


def test_the_same_body_twice_is_one_copy_and_told_as_a_replay(database: str, sink: Sink) -> None:
    request = simple_request(count=3, start_ns=NOW_NS, failed=1)
    first = sink.submit(batch_of(request)).result(10)
    once = rollup_totals(database)

    again = sink.submit(batch_of(request)).result(10)

    assert (first.is_replay, again.is_replay) == (False, True)
    assert len(stored_spans(database)) == 3
    assert rollup_totals(database) == once


def test_the_same_body_at_the_same_moment_is_one_copy(database: str, sink: Sink) -> None:
    request = simple_request(count=50, start_ns=NOW_NS)

    futures = [sink.submit(batch_of(request)) for _ in range(20)]

    results = [future.result(10) for future in futures]
    assert sorted(result.is_replay for result in results) == [False] + [True] * 19
    assert len(stored_spans(database)) == 50


def resent(
    request: ExportTraceServiceRequest, source: random.Random
) -> list[ExportTraceServiceRequest]:
    """The same spans in another order and cut into other batches."""
    spans = list(request.resource_spans[0].scope_spans[0].spans)
    source.shuffle(spans)
    size = source.randrange(3, 40)
    batches = []
    for start in range(0, len(spans), size):
        made = ExportTraceServiceRequest()
        made.resource_spans.add().resource.CopyFrom(request.resource_spans[0].resource)
        scope_spans = made.resource_spans[0].scope_spans.add()
        scope_spans.scope.CopyFrom(request.resource_spans[0].scope_spans[0].scope)
        scope_spans.spans.extend(spans[start : start + size])
        batches.append(made)
    return batches


def test_spans_sent_three_times_in_other_batches_and_order_change_no_row_and_no_rollup(
    make_database: Callable[[str | None], str], database_template: str, mode: WriterMode
) -> None:
    source = random.Random(7)
    requests = [
        simple_request(
            count=60, start_ns=NOW_NS + minute * 60 * 10**9, name=name, failed=7, seed=seed
        )
        for seed, (minute, name) in enumerate((m, n) for m in range(3) for n in ("a", "b"))
    ]
    clean, noisy = make_database(database_template), make_database(database_template)
    for database, is_noisy in ((clean, False), (noisy, True)):
        sink = Sink(writer(database), mode=mode, config=SinkConfig(writers=3))
        sink.start()
        bodies = list(requests)
        if is_noisy:
            bodies += [
                again for request in requests for _ in range(2) for again in resent(request, source)
            ]
            source.shuffle(bodies)
        for future in [sink.submit(batch_of(body)) for body in bodies]:
            future.result(30)
        assert sink.stop()

    assert stored_spans(noisy) == stored_spans(clean)
    assert len(stored_spans(clean)) == 360
    assert rollup_totals(noisy) == rollup_totals(clean)


def test_concurrent_requests_share_a_transaction(database: str) -> None:
    recorder, gate = Recorder(), threading.Event()

    def connect(conninfo: str) -> psycopg.Connection:
        gate.wait(10)
        return psycopg.connect(conninfo, autocommit=True)

    sink = Sink(writer(database), config=SinkConfig(writers=1), observer=recorder, connect=connect)
    sink.start()
    futures = [
        sink.submit(batch_of(simple_request(start_ns=NOW_NS, seed=seed))) for seed in range(9)
    ]
    gate.set()

    for future in futures:
        future.result(10)

    assert [group["requests"] for group in recorder.groups] == [9]
    assert sink.stop()


def poisoned(request: ExportTraceServiceRequest) -> Batch:
    """A batch one of whose rows PostgreSQL refuses, as a fault of the decoder would make it."""
    batch = batch_of(request)
    batch.rows[1] = batch.rows[1].replace(b'{"http.request.method"', b'{ http.request.method"')
    return batch


def test_a_row_that_the_database_refuses_costs_that_row_alone(database: str, sink: Sink) -> None:
    good = [
        sink.submit(batch_of(simple_request(start_ns=NOW_NS, seed=seed)))
        for seed in range(100, 105)
    ]

    result = sink.submit(poisoned(simple_request(count=10, start_ns=NOW_NS))).result(10)

    assert result.rejected == {"refused_by_database": 1}
    assert [future.result(10) for future in good] == [StoreResult(False, 1)] * 5
    assert len(stored_spans(database)) == 14
    assert sum(row[6] for row in rollup_totals(database)[0]) == 14


def test_two_starts_of_one_span_are_two_rows(database: str, sink: Sink) -> None:
    first = simple_request(start_ns=NOW_NS, seed=3)
    second = simple_request(start_ns=NOW_NS + 1, seed=3)

    for request in (first, second):
        sink.submit(batch_of(request)).result(10)

    assert len(stored_spans(database)) == 2


def test_without_a_database_a_batch_is_refused_soon_and_stored_after_it_is_back(
    database: str,
) -> None:
    is_away = threading.Event()
    is_away.set()

    def connect(conninfo: str) -> psycopg.Connection:
        if is_away.is_set():
            raise psycopg.OperationalError("connection refused")
        return psycopg.connect(conninfo, autocommit=True)

    sink = Sink(writer(database), connect=connect)
    sink.start()
    batch = batch_of(simple_request(start_ns=NOW_NS))
    with pytest.raises(UnavailableError, match="cannot be reached"):
        sink.submit(batch).result(10)
    assert not sink.is_available

    is_away.clear()

    assert eventually(lambda: stored_once(sink, batch_of(simple_request(start_ns=NOW_NS))))
    assert sink.is_available
    assert sink.stop()


def stored_once(sink: Sink, batch: Batch) -> bool:
    future: Future[StoreResult] = sink.submit(batch)
    try:
        future.result(10)
    except UnavailableError:
        return False
    return True


def eventually(check: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    """Ask again until true or out of time."""
    give_up_at = time.monotonic() + timeout_s
    while time.monotonic() < give_up_at:
        if check():
            return True
    return False


def test_a_writer_whose_backend_is_terminated_comes_back_by_itself(
    database: str, sink: Sink
) -> None:
    sink.submit(batch_of(simple_request(start_ns=NOW_NS, seed=1))).result(10)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    assert eventually(lambda: stored_once(sink, batch_of(simple_request(start_ns=NOW_NS, seed=2))))
    assert len(stored_spans(database)) == 2


def test_stop_stores_what_waits_and_refuses_what_comes_later(database: str) -> None:
    sink = Sink(writer(database))
    sink.start()
    futures = [
        sink.submit(batch_of(simple_request(start_ns=NOW_NS, seed=seed))) for seed in range(50)
    ]

    assert sink.stop()

    assert all(future.done() and future.exception() is None for future in futures)
    assert len(stored_spans(database)) == 50
    with pytest.raises(UnavailableError, match="stopping"):
        sink.submit(batch_of(simple_request(start_ns=NOW_NS))).result(1)


def test_writers_commit_synchronously_whatever_the_server_is_set_to(database: str) -> None:
    seen: list[str] = []

    class Watching(Sink):
        def _open(self, conninfo: str) -> psycopg.Connection:
            connection = super()._open(
                conninfo + " options='-c role=seamwatch_writer -c synchronous_commit=off'"
            )
            row = connection.execute("SHOW synchronous_commit").fetchone()
            seen.append(str(row[0]) if row else "")
            return connection

    sink = Watching(database, config=SinkConfig(writers=1))
    sink.start()
    sink.submit(batch_of(simple_request(start_ns=NOW_NS))).result(10)

    assert seen == ["on"]
    assert sink.stop()


def test_a_batch_whose_sender_gave_up_is_not_stored_later(database: str) -> None:
    gate = threading.Event()

    def connect(conninfo: str) -> psycopg.Connection:
        gate.wait(10)
        return psycopg.connect(conninfo, autocommit=True)

    sink = Sink(writer(database), config=SinkConfig(writers=1), connect=connect)
    sink.start()
    given_up, kept = (
        sink.submit(batch_of(simple_request(start_ns=NOW_NS, seed=seed))) for seed in (1, 2)
    )

    assert given_up.cancel()
    gate.set()

    kept.result(10)
    assert len(stored_spans(database)) == 1
    assert sink.stop()
