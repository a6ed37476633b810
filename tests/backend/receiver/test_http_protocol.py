"""The limits on connections, over real sockets; deadlines are small so that tests need not wait."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from otlp_http_server import Connection, FakeIngest, RunningServer, head, running, until

from seamwatch.backend.receiver.http_protocol import ConnectionLimits

LIMITS = ConnectionLimits(
    header_s=0.3, idle_s=0.3, max_header_bytes=8192, max_connections=20, linger_s=0.3
)
MIB = 1024 * 1024


@pytest.fixture
def ingest() -> FakeIngest:
    return FakeIngest()


@pytest.fixture
def server(ingest: FakeIngest) -> Iterator[RunningServer]:
    with running(ingest, limits=LIMITS) as started:
        yield started


@pytest.fixture
def connection(server: RunningServer) -> Iterator[Connection]:
    with server.connect() as connected:
        yield connected


def resident_mib() -> float:
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def test_a_connection_that_sends_nothing_is_closed_without_an_answer(
    server: RunningServer, connection: Connection
) -> None:
    assert connection.is_closed()
    assert server.closed == ["slow_header"]


@pytest.mark.parametrize("sent", [b"P", b"POST /v1/traces HTTP/1.1\r\nhost: x\r\nauthoriz"])
def test_point_23_unfinished_headers_are_408_and_closed(
    server: RunningServer, connection: Connection, sent: bytes
) -> None:
    start = time.monotonic()
    connection.send(sent)

    answer = connection.read()

    assert answer.status == 408
    assert time.monotonic() - start < 2
    assert connection.is_closed()
    assert server.closed == ["slow_header"]


def test_point_23_headers_that_drip_are_closed_all_the_same(server: RunningServer) -> None:
    start = time.monotonic()
    with server.connect() as connection:
        connection.sock.settimeout(0.02)
        connection.send(b"POST /v1/traces HTTP/1.1\r\n")
        received = b""
        while not received and time.monotonic() - start < 5:
            connection.send(b"a: b\r\n")
            try:
                received = connection.sock.recv(100)
            except TimeoutError:
                continue

    assert received.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - start < 2


def test_headers_of_a_second_request_have_the_same_deadline(
    server: RunningServer, connection: Connection
) -> None:
    assert connection.post(b"").status == 200
    connection.send(b"POST /v1")

    assert connection.read().status == 408
    assert server.closed == ["slow_header"]


def test_headers_begun_while_an_answer_is_awaited_have_the_same_deadline(
    server: RunningServer, connection: Connection, ingest: FakeIngest
) -> None:
    ingest.hold_store = threading.Event()
    connection.send(head(content_length="0") + b"POST /v1")
    ingest.hold_store.set()

    assert connection.read().status == 200
    assert connection.read().status == 408


def test_an_idle_connection_is_closed_after_its_time(
    server: RunningServer, connection: Connection
) -> None:
    assert connection.post(b"").status == 200

    assert connection.is_closed()
    assert server.closed == ["idle"]


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /v1/traces HTTP/1.1\r\n" + b"name: value\r\n" * 1000,
        b"POST /v1/traces HTTP/1.1\r\nname: " + b"v" * 10_000,
        b"POST /v1/traces HTTP/1.1\r\nname: " + b"v" * 10_000 + b"\r\n\r\n",
        b"POST /" + b"a" * 10_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /" + b"a" * 10_000,
        head(transfer_encoding="chunked") + b"0\r\n" + b"name: value\r\n" * 1000 + b"\r\n",
        head(transfer_encoding="chunked") + b"1;" + b"x" * 100_000,
    ],
    ids=["many", "endless", "one", "target", "endless target", "trailers", "chunk extension"],
)
def test_headers_above_their_size_are_431_and_closed(
    server: RunningServer, connection: Connection, ingest: FakeIngest, sent: bytes
) -> None:
    connection.send(sent)

    assert connection.read().status == 431
    assert connection.is_closed()
    assert server.closed[0] == "large_header"
    assert ingest.stored == []


@pytest.mark.parametrize(
    "sent",
    [
        b"\0\1\2\3\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\nbad name: x\r\n\r\n",
        head(content_length="5", transfer_encoding="chunked") + b"0\r\n\r\n",
        head(content_length="-5"),
        head(transfer_encoding="chunked") + b"zz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=["noise", "header name", "length and chunked", "negative", "chunk size", "http2"],
)
def test_what_is_no_http_is_400_and_closed(
    server: RunningServer, connection: Connection, ingest: FakeIngest, sent: bytes
) -> None:
    connection.send(sent)

    assert connection.read().status == 400
    assert connection.is_closed()
    assert server.closed == ["malformed"]
    assert ingest.stored == []


def test_noise_behind_a_request_is_never_taken_for_its_answer(
    server: RunningServer, connection: Connection, ingest: FakeIngest
) -> None:
    ingest.hold_store = threading.Event()
    connection.send(head(content_length="0") + b"\0\0\0\0\r\n\r\n")

    answer = connection.read()
    ingest.hold_store.set()

    assert answer.status == 0


def test_too_many_pipelined_requests_close_the_connection(
    server: RunningServer, connection: Connection, ingest: FakeIngest
) -> None:
    ingest.hold_store = threading.Event()
    connection.send(head(content_length="0") * 100)

    assert connection.is_closed()
    assert "pipelined" in server.closed
    ingest.hold_store.set()


def test_connections_above_their_number_are_closed_and_the_others_stay(
    server: RunningServer, connection: Connection
) -> None:
    assert connection.post(b"").status == 200
    with ExitStack() as stack:
        others = [stack.enter_context(server.connect()) for _ in range(30)]
        until(lambda: server.closed.count("connections") >= 11)
        assert connection.post(b"").status in (0, 200)
        assert len(others) == 30
    until(lambda: _answers(server))


def _answers(server: RunningServer) -> bool:
    with server.connect() as connection:
        return connection.post(b"").status == 200


def test_an_unread_body_is_not_buffered_while_it_waits_for_a_reader(
    server: RunningServer, connection: Connection, ingest: FakeIngest
) -> None:
    ingest.hold_readers = threading.Event()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    connection.sock.settimeout(0.5)
    before = resident_mib()
    body = bytes(15 * MIB)
    connection.send(head(content_length=str(len(body))))
    until(lambda: ingest.waiting_readers == 1)

    sent = _send_until_blocked(connection, body)
    grown = resident_mib() - before
    ingest.hold_readers.set()
    connection.sock.settimeout(10)
    connection.send(body[sent:])

    assert sent < 15 * MIB
    assert grown < 17  # of which 15 are the body of this very process
    assert connection.read().status == 200
    assert ingest.stored[0][1] == body


def _send_until_blocked(connection: Connection, body: bytes) -> int:
    sent = 0
    try:
        while sent < len(body):
            sent += connection.sock.send(body[sent : sent + 65536])
    except TimeoutError:
        pass
    return sent


def test_point_16_two_hundred_senders_of_60_mib_with_a_wrong_token_cost_little_memory(
    ingest: FakeIngest,
) -> None:
    piece = memoryview(bytes(65536))
    wanted = head(authorization="Bearer wrong", content_length=str(60 * MIB))

    with running(ingest) as server, ExitStack() as stack:
        before = highest = resident_mib()
        sockets = [stack.enter_context(server.connect()).sock for _ in range(200)]
        sent = dict.fromkeys(sockets, 0)
        for sock in sockets:
            sock.sendall(wanted)
            sock.setblocking(False)
        while sockets:
            sockets = [sock for sock in sockets if _push(sock, piece, sent)]
            highest = max(highest, resident_mib())

    assert server.answers == [401] * 200
    assert max(sent.values()) < 16 * MIB  # mostly what two sockets' buffers hold
    assert highest - before < 32


def _push(sock: socket.socket, piece: memoryview, sent: dict[socket.socket, int]) -> bool:
    """Send what the socket takes; whether it is still open."""
    try:
        sent[sock] += sock.send(piece)
    except BlockingIOError:
        pass
    except OSError:
        return False
    return True


def test_a_broken_body_is_answered_once_and_nothing_is_stored(
    server: RunningServer, connection: Connection, ingest: FakeIngest
) -> None:
    connection.send(head(transfer_encoding="chunked") + b"3\r\nabc\r\n")
    connection.send(b"no chunk\r\n")

    assert connection.read().status == 400
    assert connection.read().status == 0
    until(lambda: server.answers == [499])
    assert ingest.stored == []


def test_point_3_four_gzip_bombs_at_once_cost_little_memory(ingest: FakeIngest) -> None:
    bomb = gzip.compress(bytes(64 * MIB))

    with running(ingest) as server, ExitStack() as stack:
        before = resident_mib()
        connections = [stack.enter_context(server.connect()) for _ in range(4)]
        start = time.monotonic()
        for connection in connections:
            connection.send(head(content_length=str(len(bomb)), content_encoding="gzip") + bomb)
        statuses = [connection.read().status for connection in connections]
        duration_s = time.monotonic() - start
        grown = resident_mib() - before

    assert statuses == [413] * 4
    assert duration_s < 2
    assert grown < 96
