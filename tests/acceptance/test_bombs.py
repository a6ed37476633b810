"""Small requests that ask for much, sent to the real server: refused soon, within bounded memory.

The budget of a refusal is 100 ms and 64 MiB over HTTP, 500 ms and 96 MiB over gRPC, where grpcio inflates before it
asks anyone. The best of three tries counts and twice the time is allowed. Where other processes take the cores, the processor time
of the server counts instead of the clock's.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import psycopg
import pytest
from tests.support.attack import GrpcClient, HttpClient, PeakMemory, length_delimited
from tests.support.backend_process import BackendProcess
from tests.support.otlp import simple_request

MIB = 1024 * 1024
TRIES = 3
SLOW_MACHINE = 2.0
HTTP_S, HTTP_MIB = 0.1, 64
GRPC_S, GRPC_MIB = 0.5, 96
WRONG_TOKEN_MIB = 32
REFUSED = "refused"
STORED = "stored without it"  # the bomb is one item, which costs that item
IDS = length_delimited(1, b"\1" * 16) + length_delimited(2, b"\2" * 8)


def envelope(spans: bytes) -> bytes:
    return length_delimited(1, length_delimited(2, spans))


def span(content: bytes) -> bytes:
    return length_delimited(2, IDS + content)


def attribute(value: bytes) -> bytes:
    return length_delimited(9, length_delimited(1, b"key") + length_delimited(2, value))


def nested_value(levels: int) -> bytes:
    value = b""
    for _ in range(levels):
        value = length_delimited(5, length_delimited(1, value))
    return value


def many_resources() -> bytes:
    """A thousand resources, each another, of 7,000 empty attributes."""
    return b"".join(
        length_delimited(
            1,
            length_delimited(1, length_delimited(1, length_delimited(1, b"%d" % index)) + b"\x0a\0" * 7_000)
            + length_delimited(2, span(b"")),
        )
        for index in range(1_000)
    )  # fmt: skip


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "5M empty spans": (lambda: envelope(b"\x12\0" * 5_000_000), REFUSED),
    "190,000 empty spans": (lambda: envelope(b"\x12\0" * 190_000), REFUSED),
    "60 MiB of zeros": (lambda: bytes(60 * MIB), REFUSED),
    "8M empty ResourceSpans": (lambda: b"\x0a\0" * 8_000_000, REFUSED),
    "8M empty ScopeSpans": (lambda: length_delimited(1, b"\x12\0" * 8_000_000), REFUSED),
    "a span of 8M empty attributes": (lambda: envelope(span(b"\x4a\0" * 8_000_000)), STORED),
    "a span of 8M empty events": (lambda: envelope(span(b"\x5a\0" * 8_000_000)), STORED),
    "a span of 8M empty links": (lambda: envelope(span(b"\x6a\0" * 8_000_000)), STORED),
    "1,000 spans of 8,000 empty events": (
        lambda: envelope(span(b"\x5a\0" * 8_000) * 1_000),
        REFUSED,
    ),
    "1,000 spans of 8,000 empty links": (
        lambda: envelope(span(b"\x6a\0" * 8_000) * 1_000),
        REFUSED,
    ),
    "8,000 spans of 1,000 empty attributes": (
        lambda: envelope(span(b"\x4a\0" * 1_000) * 8_000),
        REFUSED,
    ),
    "8,000 arrays of 1,000 empty values": (
        lambda: envelope(
            span(attribute(length_delimited(5, b"\x0a\0" * 1_000)) * 100) * 80
        ),
        REFUSED,
    ),
    "8,000 maps of 1,000 empty pairs": (
        lambda: envelope(
            span(attribute(length_delimited(6, b"\x0a\0" * 1_000)) * 100) * 80
        ),
        REFUSED,
    ),
    "an array of 8M empty values": (
        lambda: envelope(span(attribute(length_delimited(5, b"\x0a\0" * 8_000_000)))),
        STORED,
    ),
    "a value nested 20,000 deep": (lambda: envelope(span(attribute(nested_value(20_000)))), STORED),
    "1,000 resources of 7,000 empty attributes": (many_resources, REFUSED),
    "5M unknown fields": (lambda: b"\xf8\x01\0" * 5_000_000, REFUSED),
    "a span of 5M unknown fields": (
        lambda: envelope(span(b"\xf8\x01\0" * 5_000_000)),
        STORED,
    ),
    "varints without end": (lambda: b"\xff" * (16 * MIB), REFUSED),
    "a length of 2^63": (lambda: b"\x0a" + b"\xff" * 8 + b"\x7f", REFUSED),
}  # fmt: skip


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    process = BackendProcess(
        tmp_path_factory.mktemp("bombs") / "state", SEAMWATCH_AUTH_LOCKOUT_FAILURES="1000000"
    )
    process.start()
    warm = simple_request(start_ns=time.time_ns()).SerializeToString()
    with HttpClient(process.http_port) as http, GrpcClient(process.grpc) as grpc_client:
        assert http.post(gzip.compress(warm), content_encoding="gzip")[0] == 200
        assert grpc_client.export(warm).code is grpc.StatusCode.OK
    yield process
    process.close()


def best_of_three(
    attempt: Callable[[], object], pid: int, limit_s: float, limit_mib: float
) -> tuple[float, float]:
    """Seconds and MiB of the best try; stops at the first within both limits."""
    found = []
    for _ in range(TRIES):
        memory = PeakMemory(pid)
        start, cpu = time.perf_counter(), processor_s(pid)
        attempt()
        seconds = min(time.perf_counter() - start, processor_s(pid) - cpu)
        found.append((seconds, memory.growth_mib()))
        if found[-1][0] <= limit_s and found[-1][1] <= limit_mib:
            return found[-1]
    return min(seconds for seconds, _ in found), min(mib for _, mib in found)


def processor_s(pid: int) -> float:
    """Processor time that a process has used, by the kernel's clock for it."""
    return time.clock_gettime((~pid << 3) | 2)


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_over_http_is_refused_soon_and_within_64_mib(
    name: str, backend: BackendProcess
) -> None:
    make, expected = BOMBS[name]
    body = gzip.compress(make(), 6)

    def attempt() -> None:
        with HttpClient(backend.http_port) as client:
            status, answer, _ = client.post(body, content_encoding="gzip")
        if expected is STORED:
            assert (status, len(answer) > 0) == (200, True), answer  # partial_success is set
        else:
            assert status in (400, 413), (status, answer)

    seconds, mib = best_of_three(attempt, backend.pid, HTTP_S, HTTP_MIB)

    print(f"HTTP {name}: {len(body)} bytes, {seconds * 1000:.0f} ms, +{mib:.0f} MiB")
    assert seconds <= HTTP_S * SLOW_MACHINE
    assert mib <= HTTP_MIB


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_over_grpc_is_refused_soon_and_within_96_mib(
    name: str, backend: BackendProcess
) -> None:
    make, expected = BOMBS[name]
    body = make()
    with GrpcClient(backend.grpc) as client:
        client.export(b"")  # connected

        def attempt() -> None:
            answer = client.export(body, compression=grpc.Compression.Gzip)
            if expected is STORED:
                assert (answer.code, len(answer.message) > 0) == (grpc.StatusCode.OK, True)
            else:
                assert answer.code in (
                    grpc.StatusCode.RESOURCE_EXHAUSTED,
                    grpc.StatusCode.INVALID_ARGUMENT,
                ), answer

        seconds, mib = best_of_three(attempt, backend.pid, GRPC_S, GRPC_MIB)

    print(f"gRPC {name}: {seconds * 1000:.0f} ms, +{mib:.0f} MiB")
    assert seconds <= GRPC_S * SLOW_MACHINE
    assert mib <= GRPC_MIB


JSON_BOMBS = {
    "15M opening brackets": b'{"x":' + b"[" * 15_000_000,
    "15M opening braces in a value": b'{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":'
    + b'{"arrayValue":{"values":[' * 600_000,
    "5M empty spans": b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b"{}," * 5_000_000 + b"{}]}]}]}",
    "a number of 15M digits": b'{"resourceSpans":' + b"1" * 15_000_000 + b"}",
    "1M spans of one attribute": b'{"resourceSpans":[{"scopeSpans":[{"spans":['
    + b'{"attributes":[]},' * 800_000
    + b"{}]}]}]}",
}  # fmt: skip


@pytest.mark.parametrize("name", JSON_BOMBS)
def test_a_json_bomb_is_refused_soon_and_within_64_mib(name: str, backend: BackendProcess) -> None:
    body = gzip.compress(JSON_BOMBS[name], 6)

    def attempt() -> None:
        with HttpClient(backend.http_port) as client:
            status, answer, _ = client.post(
                body, content_type="application/json", content_encoding="gzip"
            )
        assert status in (400, 413)
        assert json.loads(answer)["message"]

    seconds, mib = best_of_three(attempt, backend.pid, HTTP_S, HTTP_MIB)

    print(f"JSON {name}: {len(body)} bytes, {seconds * 1000:.0f} ms, +{mib:.0f} MiB")
    assert seconds <= HTTP_S * SLOW_MACHINE
    assert mib <= HTTP_MIB


def test_attributes_that_never_repeat_leave_no_memory_behind(backend: BackendProcess) -> None:
    def distinct(start: int) -> bytes:
        spans = b"".join(
            span(length_delimited(5, b"name %d" % number + b"n" * 3_000)) for number in range(start, start + 2_000)
        )  # fmt: skip
        resource = length_delimited(
            1,
            length_delimited(1, b"k") + length_delimited(2, length_delimited(1, b"%d" % start + b"r" * 900_000)),
        )  # fmt: skip
        return length_delimited(1, length_delimited(1, resource) + length_delimited(2, spans))

    def send(count: int, offset: int) -> None:
        with HttpClient(backend.http_port) as client:
            for number in range(count):
                body = distinct((offset + number) * 2_000)
                assert client.post(gzip.compress(body, 1), content_encoding="gzip")[0] == 200

    send(8, 0)
    before_mib = backend.rss_bytes() / MIB
    send(24, 8)

    assert backend.rss_bytes() / MIB - before_mib <= 64  # 165 MiB of names and resources came


FLOOD = Path(__file__).parent.parent / "support" / "flood.py"


@pytest.mark.parametrize("transport", ["http", "grpc"])
def test_200_clients_of_60_mib_with_a_wrong_token_cost_32_mib_at_most(
    transport: str, backend: BackendProcess
) -> None:
    memory = PeakMemory(backend.pid)
    target = str(backend.http_port) if transport == "http" else backend.grpc

    run = subprocess.run(
        [sys.executable, str(FLOOD), transport, target, "200", "60"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert run.returncode == 0, run.stderr[-2000:]
    answers = json.loads(run.stdout)
    growth_mib = memory.growth_mib()
    print(f"{transport}: {answers}, +{growth_mib:.0f} MiB")
    assert set(answers) == {"401" if transport == "http" else "UNAUTHENTICATED"}
    assert sum(answers.values()) == 200
    assert growth_mib <= WRONG_TOKEN_MIB


def test_half_open_http_connections_are_closed_and_do_not_hold_a_reader(
    backend: BackendProcess,
) -> None:
    head = (
        b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
    )
    half_open = []
    for sent in [b"", head] * 20:
        sock = socket.create_connection(("127.0.0.1", backend.http_port), timeout=30)
        sock.sendall(sent)
        half_open.append(sock)

    with HttpClient(backend.http_port) as client:
        assert client.post(b"")[0] == 200
    with ThreadPoolExecutor(len(half_open)) as pool:
        ends = list(pool.map(read_to_end, half_open))

    assert all(end == b"" or end.startswith(b"HTTP/1.1 408") for end in ends)


def read_to_end(sock: socket.socket) -> bytes:
    """All until the server closes; fails when it does not within the socket's time-out."""
    with sock:
        received = b""
        while chunk := sock.recv(4096):
            received += chunk
        return received


def test_a_reset_in_the_middle_of_a_body_leaves_nothing_in_flight(backend: BackendProcess) -> None:
    for _ in range(50):
        sock = socket.create_connection(("127.0.0.1", backend.http_port), timeout=30)
        sock.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
            b"Content-Length: 1000000\r\n\r\n" + bytes(10_000)
        )
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    with HttpClient(backend.http_port) as client:
        assert client.post(b"")[0] == 200


def test_after_all_bombs_the_server_is_the_same_process_and_stores(backend: BackendProcess) -> None:
    request = simple_request(start_ns=time.time_ns(), service="after-the-bombs", seed=99)
    with GrpcClient(backend.grpc) as client:
        assert client.export(request.SerializeToString()).code is grpc.StatusCode.OK

    assert backend.process is not None
    assert backend.process.poll() is None
    with psycopg.connect(backend.conninfo()) as connection:
        found = connection.execute(
            "SELECT count(*) FROM seamwatch.span WHERE service_name = 'after-the-bombs'"
        ).fetchone()
    assert found == (1,)
    assert "failed unexpectedly" not in backend.log()
