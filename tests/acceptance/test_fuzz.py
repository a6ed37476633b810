"""20,000 damaged requests: no crash, no fault of ours, and every good span beside the damage is stored.

Each damaged body is a good one with bits flipped, bytes cut, added, moved or spliced, or a length changed: protobuf,
gzip and JSON, over gRPC and over keep-alive HTTP. SEAMWATCH_TEST_SEED chooses other ones.
"""

from __future__ import annotations

import collections
import gzip
import json
import os
import random
import threading
import time
from collections.abc import Iterator

import grpc
import psycopg
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from tests.support.attack import GrpcClient, HttpClient, length_delimited
from tests.support.backend_process import BackendProcess
from tests.support.otlp import rich_request, simple_request

SEED = int(os.environ.get("SEAMWATCH_TEST_SEED", "1"))
REQUESTS = int(os.environ.get("SEAMWATCH_TEST_MUTANTS", "20000"))
THREADS = 8
GOOD_EVERY = 50
IN_TIME_S = 60
NOW_NS = time.time_ns()
JSON = "application/json"


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    process = BackendProcess(tmp_path_factory.mktemp("fuzz") / "state")
    process.start()
    yield process
    process.close()


def mutant(body: bytes, other: bytes, source: random.Random) -> bytes:
    """One damaged copy."""
    kind = source.randrange(8)
    at = source.randrange(len(body))
    if kind == 0:  # bits
        made = bytearray(body)
        for _ in range(source.choice((1, 1, 2, 8, 64))):
            made[source.randrange(len(made))] ^= 1 << source.randrange(8)
        return bytes(made)
    if kind == 1:  # cut off
        return body[:at]
    if kind == 2:  # cut out
        return body[:at] + body[at + source.randrange(1, 40) :]
    if kind == 3:  # spliced with another body
        return body[:at] + other[source.randrange(len(other)) :]
    if kind == 4:  # a byte that may be a length or a tag becomes an extreme one
        return body[:at] + source.choice((b"\0", b"\x7f", b"\x80", b"\xff")) + body[at + 1 :]
    if kind == 5:  # a huge varint
        return body[:at] + b"\xff" * source.randrange(1, 12) + b"\x01" + body[at:]
    if kind == 6:  # a part twice
        return body[:at] + body[max(0, at - source.randrange(1, 200)) :]
    return body[:at] + source.randbytes(source.randrange(1, 30)) + body[at:]  # noise


def protobuf_bodies() -> list[bytes]:
    return [
        rich_request(NOW_NS).SerializeToString(),
        simple_request(count=5, start_ns=NOW_NS, failed=2, service="mutants").SerializeToString(),
    ]


def json_bodies() -> list[bytes]:
    value = {"kvlistValue": {"values": [{"key": "k", "value": {"arrayValue": {"values": [{}]}}}]}}
    attributes = [
        {"key": "a", "value": {"stringValue": "b\u00e9"}},
        {"key": "n", "value": {"intValue": "-9223372036854775808"}},
        {"key": "d", "value": {"doubleValue": 1.5e300}},
        {"key": "y", "value": {"bytesValue": "AP8="}},
        {"key": "m", "value": value},
    ]
    span = {
        "traceId": "5B8EFFF798038103D269B633813FC60C",
        "spanId": "EEE19B7EC3C1B174",
        "name": "json",
        "kind": 2,
        "startTimeUnixNano": str(NOW_NS),
        "endTimeUnixNano": str(NOW_NS + 1),
        "attributes": attributes,
        "events": [{"timeUnixNano": "1", "name": "e", "attributes": attributes}],
        "links": [{"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174"}],
        "status": {"code": 2, "message": "m"},
    }
    content = {
        "resourceSpans": [
            {"resource": {"attributes": attributes}, "scopeSpans": [{"spans": [span, span]}]}
        ]
    }
    return [json.dumps(content).encode(), json.dumps(content, ensure_ascii=False).encode()]


class Attacker(threading.Thread):
    """Sends damaged requests one after the other, and now and then a good one, which must be stored."""

    def __init__(self, index: int, count: int, backend: BackendProcess) -> None:
        super().__init__(daemon=True)
        self._index, self._count, self._backend = index, count, backend
        self._source = random.Random(SEED * 1000 + index)
        self.answers: collections.Counter[object] = collections.Counter()
        self.wrong: list[str] = []
        self.good = 0

    def run(self) -> None:
        is_grpc = self._index % 2 == 0
        with GrpcClient(self._backend.grpc) as client, HttpClient(self._backend.http_port) as http:
            protobuf, texts = protobuf_bodies(), json_bodies()
            for number in range(self._count):
                body, other = self._source.sample(protobuf, 2)
                if is_grpc:
                    self._grpc(client, mutant(body, other, self._source))
                elif number % 3 == 0:
                    self._http(http, mutant(body, other, self._source))
                elif number % 3 == 1:
                    text, other = self._source.sample(texts, 2)
                    self._http(http, mutant(text, other, self._source), content_type=JSON)
                else:
                    packed, other = gzip.compress(body, 1), gzip.compress(other, 1)
                    damaged = mutant(packed, other, self._source)
                    self._http(http, damaged, content_encoding="gzip")
                if number % GOOD_EVERY == 0:
                    self._send_good(client if is_grpc else http, number)

    def _send_good(self, client: GrpcClient | HttpClient, number: int) -> None:
        """A good span beside a broken one in the same request."""
        seed = (SEED * 100 + self._index) * 100_000 + number
        good = simple_request(start_ns=NOW_NS, service="good", seed=seed)
        broken = length_delimited(1, length_delimited(2, length_delimited(2, b"\x0a\x50cut off")))
        body = good.SerializeToString() + broken
        if isinstance(client, GrpcClient):
            found = client.export(body)
            answer, is_ok = found.message, found.code is grpc.StatusCode.OK
        else:
            status, answer, _ = client.post(body)
            is_ok = status == 200
        if (
            not is_ok
            or ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans != 1
        ):
            self.wrong.append(f"good request {number}: {is_ok} {answer!r}")
        self.good += 1

    def _grpc(self, client: GrpcClient, body: bytes) -> None:
        answer = client.export(body, timeout_s=30)
        self.answers[answer.code.name] += 1
        if answer.code not in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT):
            self.wrong.append(f"{answer.code.name} {answer.details} for {body.hex()[:20_000]}")

    def _http(self, client: HttpClient, body: bytes, **headers: str) -> None:
        status, content, _ = client.post(body, **headers)  # type: ignore[arg-type]
        self.answers[status] += 1
        if status not in (200, 400, 413):
            self.wrong.append(f"{status} {content!r} for {headers} {body.hex()[:20_000]}")


def test_damaged_requests_crash_nothing_and_cost_nothing_beside_themselves(
    backend: BackendProcess,
) -> None:
    begin = time.monotonic()
    attackers = [Attacker(index, REQUESTS // THREADS, backend) for index in range(THREADS)]
    for attacker in attackers:
        attacker.start()
    for attacker in attackers:
        attacker.join(240)
    took_s = time.monotonic() - begin

    answers = sum((attacker.answers for attacker in attackers), collections.Counter())
    print(f"{sum(answers.values())} requests in {took_s:.0f} s: {dict(answers)}")
    assert [wrong for attacker in attackers for wrong in attacker.wrong][:3] == []
    assert sum(answers.values()) == REQUESTS // THREADS * THREADS
    assert {"OK", "INVALID_ARGUMENT", 200, 400} <= set(answers)
    assert backend.process is not None
    assert backend.process.poll() is None
    with psycopg.connect(backend.conninfo()) as connection:
        found = connection.execute(
            "SELECT count(*) FROM seamwatch.span WHERE service_name = 'good'"
        ).fetchone()
    assert found == (sum(attacker.good for attacker in attackers),)
    for complaint in ("failed unexpectedly", "cannot be stored", "Traceback", "refuses rows"):
        assert complaint not in backend.log()
    assert took_s <= 2 * IN_TIME_S
