"""Wire bytes to rows, held against the official protobuf classes."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import psycopg
import pytest
from google.protobuf.internal.encoder import _VarintBytes  # type: ignore[attr-defined]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.database import rollup_totals, stored_spans
from tests.support.otlp import add_attributes, rich_request, simple_request, truth

from seamwatch.backend.receiver.config import ReceiverConfig
from seamwatch.backend.receiver.decode_traces import TimeRange, TraceDecoder
from seamwatch.backend.receiver.ingest_protocol import TooLargeError
from seamwatch.backend.receiver.wire import MalformedError
from seamwatch.backend.storage.group_transaction import StoreResult, WriterMode
from seamwatch.backend.storage.roles import conninfo_as
from seamwatch.backend.storage.row_kind import Batch
from seamwatch.backend.storage.sink import Sink

NOW_NS = time.time_ns() // 1000 * 1000
RANGE = TimeRange(NOW_NS - 86_400 * 10**9, NOW_NS + 86_400 * 10**9)


def decode(
    request: ExportTraceServiceRequest | bytes, *, config: ReceiverConfig | None = None
) -> Batch:
    body = request if isinstance(request, bytes) else request.SerializeToString()
    return TraceDecoder(config or ReceiverConfig()).decode(body, 1, RANGE)


@pytest.fixture(params=[WriterMode.COPY, WriterMode.STAGING])
def sink(database: str, request: pytest.FixtureRequest) -> Iterator[Sink]:
    made = Sink(
        conninfo_as(database, "seamwatch_writer", application_name="test"), mode=request.param
    )
    made.start()
    yield made
    made.stop()


def store(sink: Sink, batch: Batch) -> StoreResult:
    return sink.submit(batch).result(20)


def key(span: dict[str, object]) -> tuple[object, ...]:
    return span["trace_id"], span["span_id"], span["start_unix_ns"]


def test_every_field_of_a_rich_batch_is_found_again_in_the_database(
    database: str, sink: Sink
) -> None:
    request = rich_request(NOW_NS)

    store(sink, decode(request))

    assert stored_spans(database) == sorted(truth(request), key=key)


def test_random_batches_are_stored_as_the_official_classes_read_them(
    database: str, sink: Sink
) -> None:
    source = random.Random(20_261_124)
    requests = [random_request(source) for _ in range(40)]

    for request in requests:
        store(sink, decode(request))

    expected = sorted((span for request in requests for span in truth(request)), key=key)
    for found, wanted in zip(stored_spans(database), expected, strict=True):
        assert found == wanted


def random_request(source: random.Random) -> ExportTraceServiceRequest:
    """Spans with attributes of every kind and size around the decoder's fast paths."""
    request = ExportTraceServiceRequest()
    for _ in range(source.randrange(1, 3)):
        resource_spans = request.resource_spans.add()
        add_attributes(
            resource_spans.resource.attributes, {"service.name": f"s{source.randrange(3)}"}
        )
        for _ in range(source.randrange(1, 3)):
            scope_spans = resource_spans.scope_spans.add()
            scope_spans.scope.name = f"scope{source.randrange(2)}"
            for _ in range(source.randrange(1, 6)):
                start = NOW_NS - source.randrange(10**12)
                span = scope_spans.spans.add(
                    trace_id=source.randbytes(16),
                    span_id=source.randbytes(8),
                    parent_span_id=source.choice([b"", source.randbytes(8)]),
                    name=random_text(source),
                    kind=source.randrange(6),
                    start_time_unix_nano=start,
                    end_time_unix_nano=start + source.randrange(-10, 10**11),
                    flags=source.getrandbits(32),
                )
                add_attributes(
                    span.attributes,
                    {random_text(source): random_value(source) for _ in range(source.randrange(9))},
                )
    return request


def random_text(source: random.Random) -> str:
    length = source.choice([0, 1, 5, 20, 60, 119, 120, 121, 126, 127, 128, 129, 300])
    return "".join(source.choice('abc.-_\u00e9\u4e2d\U0001f600"\\\n\t\0') for _ in range(length))[
        :length
    ]


def random_value(source: random.Random) -> object:
    kind = source.randrange(9)
    if kind == 0:
        return source.choice([0, 1, -1, 127, 128, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)])
    if kind == 1:
        return source.random() * 10 ** source.randrange(-30, 30)
    if kind == 2:
        return source.random() < 0.5
    if kind == 3:
        return source.randbytes(source.randrange(40))
    if kind == 4:
        return [random_text(source), source.randrange(10)]
    if kind == 5:
        return {"k" + str(n): random_text(source) for n in range(source.randrange(4))}
    if kind == 6:
        return None
    return random_text(source)


def test_aggregates_of_the_decoder_equal_those_of_the_rows_read_back(database: str) -> None:
    request = rich_request(NOW_NS)
    writer = conninfo_as(database, "seamwatch_writer", application_name="test")
    straight, staged = Sink(writer), Sink(writer, mode=WriterMode.STAGING)
    for sink in (straight, staged):
        sink.start()
    store(straight, decode(request))
    summed_by_decoder = rollup_totals(database)
    with psycopg.connect(database) as connection:
        for table in ("span", "span_rollup_part", "error_rollup_part", "batch_digest"):
            connection.execute(
                psycopg.sql.SQL("TRUNCATE {}").format(psycopg.sql.Identifier("seamwatch", table))
            )

    store(staged, decode(request))

    assert rollup_totals(database) == summed_by_decoder
    assert sum(row[6] for row in summed_by_decoder[0]) == 3
    for sink in (straight, staged):
        sink.stop()


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("invalid_trace_id", {"trace_id": b"\1" * 15}),
        ("invalid_trace_id", {"trace_id": bytes(16)}),
        ("invalid_trace_id", {"trace_id": b""}),
        ("invalid_span_id", {"span_id": b"\1" * 9}),
        ("invalid_span_id", {"span_id": bytes(8)}),
        ("invalid_parent_span_id", {"parent_span_id": b"\1" * 7}),
        ("out_of_bounds", {"start_time_unix_nano": 2**64 - 1, "end_time_unix_nano": 0}),
        ("out_of_bounds", {"kind": 70_000}),
    ],
)
def test_one_bad_span_of_a_thousand_costs_one_span(reason: str, change: dict[str, object]) -> None:
    request = simple_request(count=1000, start_ns=NOW_NS)
    span = request.resource_spans[0].scope_spans[0].spans[500]
    for field, value in change.items():
        setattr(span, field, value)

    batch = decode(request)

    assert (len(batch.rows), batch.rejected) == (999, {reason: 1})
    assert batch.rejection_message


def test_one_name_that_is_not_utf8_costs_one_span() -> None:
    body = simple_request(count=1000, start_ns=NOW_NS, name="GET /orders").SerializeToString()
    broken = body.replace(b"GET /orders", b"GET /\xff\xfe\xfd\xfcrs", 1)

    batch = decode(broken)

    assert (len(batch.rows), batch.rejected) == (999, {"malformed": 1})


def test_one_attribute_that_is_not_utf8_costs_one_span() -> None:
    body = simple_request(count=10, start_ns=NOW_NS).SerializeToString()

    batch = decode(body.replace(b"http.request.method", b"http.request.meth\xff\xff", 1))

    assert (len(batch.rows), batch.rejected) == (9, {"malformed": 1})


def test_one_span_with_broken_wire_bytes_costs_one_span() -> None:
    request = simple_request(count=3, start_ns=NOW_NS)
    good = [span.SerializeToString() for span in request.resource_spans[0].scope_spans[0].spans]
    bad = b"\x0a\xff\xff\xff\xff\x0f\x01"  # a trace id that runs far past the end
    spans = b"".join(
        b"\x12" + _VarintBytes(len(wire)) + wire for wire in [good[0], bad, good[1], good[2]]
    )
    scope = b"\x12" + _VarintBytes(len(spans)) + spans
    body = b"\x0a" + _VarintBytes(len(scope)) + scope

    batch = decode(body)

    assert (len(batch.rows), batch.rejected) == (3, {"malformed": 1})


def test_a_broken_envelope_is_refused_whole() -> None:
    with pytest.raises(MalformedError, match="malformed protobuf"):
        decode(b"\x0a\xff\xff\xff\xff\x0f")


def test_an_empty_request_and_empty_lists_are_no_rows() -> None:
    empty = ExportTraceServiceRequest()
    empty.resource_spans.add().scope_spans.add()

    assert decode(b"").rows == decode(empty).rows == []


def test_unknown_fields_are_ignored() -> None:
    body = simple_request(count=2, start_ns=NOW_NS).SerializeToString() + b"\xfa\x3e\x03abc"

    assert len(decode(body).rows) == 2


def test_more_spans_than_the_limit_are_refused_before_one_is_built() -> None:
    bomb = b"".join([b"\x12\x00"] * 5_000_000)
    scope = b"\x12" + _VarintBytes(len(bomb)) + bomb
    body = b"\x0a" + _VarintBytes(len(scope)) + scope
    decoder = TraceDecoder(ReceiverConfig())
    begin = time.perf_counter()

    with pytest.raises(TooLargeError, match="65536"):
        decoder.decode(body, 1, RANGE)

    assert time.perf_counter() - begin < 1.0


@pytest.mark.parametrize("number", [0x4A, 0x5A, 0x6A], ids=["attributes", "events", "links"])
def test_a_span_of_millions_of_empty_parts_costs_one_span(number: int) -> None:
    request = simple_request(count=2, start_ns=NOW_NS)
    bomb = (
        request.resource_spans[0].scope_spans[0].spans[0].SerializeToString()
        + bytes([number, 0]) * 2_000_000
    )
    good = request.resource_spans[0].scope_spans[0].spans[1].SerializeToString()
    spans = b"".join(b"\x12" + _VarintBytes(len(wire)) + wire for wire in [bomb, good])
    scope = b"\x12" + _VarintBytes(len(spans)) + spans

    batch = decode(b"\x0a" + _VarintBytes(len(scope)) + scope)

    assert (len(batch.rows), batch.rejected) == (1, {"too_many_values": 1})


def test_an_attribute_that_is_a_bomb_of_values_costs_one_span() -> None:
    request = simple_request(count=2, start_ns=NOW_NS)
    value = request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="bomb").value
    value.array_value.values.extend([type(value)()] * 200_000)

    batch = decode(request)

    assert (len(batch.rows), batch.rejected) == (1, {"malformed": 1})


def test_an_attribute_nested_too_deep_costs_one_span() -> None:
    request = simple_request(count=2, start_ns=NOW_NS)
    value = request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="deep").value
    for _ in range(40):
        value = value.array_value.values.add()
    value.int_value = 1

    batch = decode(request)

    assert (len(batch.rows), batch.rejected) == (1, {"malformed": 1})


def test_more_attributes_than_the_limit_cost_one_span() -> None:
    request = simple_request(count=2, start_ns=NOW_NS)
    add_attributes(
        request.resource_spans[0].scope_spans[0].spans[0].attributes,
        {f"k{n}": n for n in range(1023)},
    )

    batch = decode(request)

    assert (len(batch.rows), batch.rejected) == (1, {"too_many_attributes": 1})


@pytest.mark.parametrize("start_ns", [0, 1, 10**18, 2**63, 2**64 - 10**9])
def test_a_span_outside_the_partitions_goes_to_the_twin_unchanged(
    database: str, sink: Sink, start_ns: int
) -> None:
    request = simple_request(count=1, start_ns=start_ns)

    store(sink, decode(request))

    with psycopg.connect(database) as connection:
        found = connection.execute(
            "SELECT extract(epoch FROM start_time) * 1000000000 + start_ns, duration_ns FROM seamwatch.span_out_of_range"
        ).fetchall()
    assert found == [(start_ns, 5_000_000)]


def test_a_full_twin_rejects_what_is_outside_the_partitions_and_keeps_the_rest(
    database: str,
) -> None:
    sink = Sink(
        conninfo_as(database, "seamwatch_writer", application_name="test"), max_out_of_range=2
    )
    sink.start()
    request = simple_request(count=3, start_ns=10**18)
    request.MergeFrom(simple_request(count=1, start_ns=NOW_NS, seed=2))

    result = store(sink, decode(request))

    assert result.rejected == {"out_of_range_full": 3}
    assert len(stored_spans(database)) == 1
    sink.stop()
