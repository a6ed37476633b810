"""Damaged requests: whatever comes, the server answers or closes, and never says that it is at fault."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_http_server import FakeIngest, RunningServer, head, running

JSON = "application/json"


def a_request() -> tuple[bytes, bytes]:
    """The same few spans as protobuf and as JSON."""
    request = ExportTraceServiceRequest()
    scope_spans = request.resource_spans.add().scope_spans.add()
    spans = []
    for number in range(3):
        span = scope_spans.spans.add(name=f"GET /{number}", kind=2)
        span.trace_id, span.span_id = bytes([number + 1] * 16), bytes([number + 1] * 8)
        span.attributes.add(key="http.route").value.string_value = "/é"
        span.attributes.add(key="http.status").value.int_value = 200
        attributes = [
            {"key": "http.route", "value": {"stringValue": "/é"}},
            {"key": "http.status", "value": {"intValue": "200"}},
        ]
        spans.append(
            {
                "traceId": span.trace_id.hex(),
                "spanId": span.span_id.hex(),
                "name": span.name,
                "kind": 2,
                "attributes": attributes,
            }
        )
    content = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    return request.SerializeToString(), json.dumps(content, ensure_ascii=False).encode()


def damaged(body: bytes, rng: random.Random) -> bytes:
    """One to twenty bytes changed, removed or added."""
    mutant = bytearray(body)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        position = rng.randrange(len(mutant))
        match rng.randrange(4):
            case 0:
                mutant[position] = rng.randrange(256)
            case 1 if len(mutant) > 40:
                del mutant[position : position + rng.randrange(1, 9)]
            case 2:
                mutant[position:position] = rng.randbytes(rng.randrange(1, 9))
            case _:
                mutant[position] = rng.choice(b'"{}[]:,\\0u')
    return bytes(mutant)


def test_damaged_bodies_are_stored_or_400_and_the_connection_stays() -> None:
    rng = random.Random(20)
    protobuf, json_text = a_request()
    statuses: Counter[int] = Counter()

    with running(FakeIngest(is_cached=True)) as server, server.connect() as connection:
        for _ in range(700):
            body = damaged(json_text, rng)
            answers = [
                connection.post(body, content_type=JSON),
                connection.post(gzip.compress(body), content_type=JSON, content_encoding="gzip"),
                connection.post(damaged(gzip.compress(protobuf), rng), content_encoding="gzip"),
            ]
            assert answers[0].body == answers[1].body
            statuses.update(answer.status for answer in answers)

    assert set(statuses) == {200, 400}
    assert server.closed == []


def test_damaged_heads_are_refused_by_a_4xx_or_closed() -> None:
    rng = random.Random(21)
    protobuf, _ = a_request()
    whole = head(content_length=str(len(protobuf)), content_encoding="identity")
    statuses: Counter[int] = Counter()

    with running(FakeIngest()) as server:
        for _ in range(700):
            statuses[_answer_of(server, damaged(whole, rng) + protobuf)] += 1

        assert _answer_of(server, whole + protobuf) == 200
    assert set(statuses) <= {0, 200, 400, 401, 404, 405, 413, 415, 431}
    assert {200, 400, 401, 404} <= set(statuses)


def _answer_of(server: RunningServer, raw: bytes) -> int:
    """The status of the one answer; 0: closed, or more is awaited."""
    with server.connect() as connection:
        connection.sock.settimeout(0.02)
        connection.send(raw)
        try:
            return connection.read().status
        except TimeoutError:
            return 0
