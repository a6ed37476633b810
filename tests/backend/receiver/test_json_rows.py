"""JSON and protobuf of the same spans end in the same rows; a bad span in JSON costs itself alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from seamwatch.backend.receiver.config import ReceiverConfig
from seamwatch.backend.receiver.decode_traces import TimeRange, TraceDecoder
from seamwatch.backend.receiver.ingest_protocol import Signal
from seamwatch.backend.receiver.json_encoding import json_to_protobuf

ALL_TIMES = TimeRange(0, 2**62)


def spans_as_json() -> list[dict[str, Any]]:
    return [
        {
            "traceId": f"{number + 1:032X}",
            "spanId": f"{number + 1:016x}",
            "name": f"GET /{number}",
            "kind": 2,
            "startTimeUnixNano": str(1_700_000_000_123_456_789 + number),
            "endTimeUnixNano": 1_700_000_001_000_000_000,
            "attributes": [
                {"key": "http.route", "value": {"stringValue": "/é"}},
                {"key": "ratio", "value": {"doubleValue": 0.25}},
            ],
            "events": [{"timeUnixNano": "1700000000500000001", "name": "retry"}],
            "links": [{"traceId": "FF" * 16, "spanId": "fF" * 8}],
            "status": {"code": 2, "message": "late"},
        }
        for number in range(5)
    ]


def as_protobuf() -> bytes:
    """The same spans, built by the official messages."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number in range(5):
        span = spans.add(name=f"GET /{number}", kind=2)
        span.trace_id, span.span_id = (number + 1).to_bytes(16), (number + 1).to_bytes(8)
        span.start_time_unix_nano = 1_700_000_000_123_456_789 + number
        span.end_time_unix_nano = 1_700_000_001_000_000_000
        span.attributes.add(key="http.route").value.string_value = "/é"
        span.attributes.add(key="ratio").value.double_value = 0.25
        span.events.add(time_unix_nano=1_700_000_000_500_000_001, name="retry")
        span.links.add(trace_id=b"\xff" * 16, span_id=b"\xff" * 8)
        span.status.code, span.status.message = 2, "late"
    serialized: bytes = request.SerializeToString()
    return serialized


def converted(spans: list[dict[str, Any]]) -> bytes:
    content = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    return json_to_protobuf(Signal.TRACES, json.dumps(content).encode())


def test_point_26_json_and_protobuf_give_identical_rows() -> None:
    decoder = TraceDecoder(ReceiverConfig())

    from_json = decoder.decode(converted(spans_as_json()), 1, ALL_TIMES)
    from_protobuf = decoder.decode(as_protobuf(), 1, ALL_TIMES)

    assert len(from_json.rows) == 5
    assert from_json.rows == from_protobuf.rows


@pytest.mark.parametrize(
    "wrong",
    [
        {"traceId": "5B8E"},
        {"traceId": "no hex"},
        {"traceId": None},
        {"spanId": "AAAA"},
        {"parentSpanId": "no hex"},
        {"parentSpanId": "EEE19B7EC3C1B17"},
    ],
)
def test_point_24_a_span_with_a_wrong_id_is_rejected_alone(wrong: dict[str, Any]) -> None:
    spans = spans_as_json()
    spans[2] |= wrong

    batch = TraceDecoder(ReceiverConfig()).decode(converted(spans), 1, ALL_TIMES)

    assert len(batch.rows) == 4
    assert sum(batch.rejected.values()) == 1
