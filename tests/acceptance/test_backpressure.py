"""A database that hangs, dies or is not there yet costs no record: senders are told when to come back, memory stays."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import psycopg
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.attack import GrpcAnswer, GrpcClient, HttpClient, PeakMemory, retry_delays_s
from tests.support.backend_process import BackendProcess
from tests.support.database import rollup_totals
from tests.support.database_gate import DatabaseGate
from tests.support.otlp import simple_request
from tests.support.polling import wait_for
from tests.support.senders import EXPORT

from seamwatch.backend.auth import Role
from seamwatch.backend.auth.tokens import create_token
from seamwatch.backend.storage.tenants import create_tenant

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
OK = grpc.StatusCode.OK
NOW_NS = time.time_ns()
HAMMER_S = 10.0
GROWTH_MIB = 64


def body_of(seed: int, count: int = 1) -> bytes:
    return simple_request(
        count=count, start_ns=NOW_NS, service="pressed", seed=seed
    ).SerializeToString()


def stored(conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(
            "SELECT count(*) FROM seamwatch.span WHERE service_name = 'pressed'"
        ).fetchone()
    return int(row[0]) if row else 0


def children(pid: int) -> list[int]:
    """All processes below one."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            fields = stat.read_text().rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


@contextlib.contextmanager
def hung(backend: BackendProcess) -> Iterator[None]:
    """Every process of the embedded database stands still."""
    pids = children(backend.pid)
    assert len(pids) > 3
    try:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def answers(backend: BackendProcess) -> bool:
    """Whether both receivers accept connections."""
    try:
        for port in (backend.http_port, int(backend.grpc.rpartition(":")[2])):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    process = BackendProcess(
        tmp_path_factory.mktemp("pressure") / "state", SEAMWATCH_RECEIVER_COMMIT_TIMEOUT_S="3"
    )
    process.start()
    yield process
    process.close()


def assert_told_to_come_back(backend: BackendProcess, body: bytes) -> None:
    """Both transports refuse, each with a delay of 1 to 5 s where its senders look for it."""
    with GrpcClient(backend.grpc) as client, HttpClient(backend.http_port) as http:
        answer = client.export(body, timeout_s=30)
        status, content, headers = http.post(body)
    assert answer.code is UNAVAILABLE, answer
    first, second = retry_delays_s(answer.trailers)
    assert first == second
    assert 1 <= first <= 6
    assert (status, len(content) > 0) == (503, True)
    assert 1 <= int(headers["retry-after"]) <= 6


class Hammer(threading.Thread):
    """Sends a megabyte at a time with little patience, each body again until it is acknowledged."""

    def __init__(self, backend: BackendProcess, index: int, until: float) -> None:
        super().__init__(daemon=True)
        self._backend, self._index, self._until = backend, index, until
        self.pending: list[bytes] = []
        self.answers: set[object] = set()

    def run(self) -> None:
        for number in itertools.count():
            if time.monotonic() > self._until:
                return
            body = body_of(self._index * 1_000 + number + 1, count=9_000)
            self.pending.append(body)
            if self._index % 2:
                with GrpcClient(self._backend.grpc) as client:
                    self.answers.add(client.export(body, timeout_s=1.0).code)
            else:
                with HttpClient(self._backend.http_port, timeout_s=1.0) as http:
                    try:
                        self.answers.add(http.post(body)[0])
                    except TimeoutError:
                        self.answers.add("gave up")


def test_eight_senders_hammering_a_hung_database_cost_64_mib_at_most_and_it_resumes_alone(
    backend: BackendProcess,
) -> None:
    with GrpcClient(backend.grpc) as client:
        for seed in range(16):
            assert client.export(body_of(900_000 + seed, count=9_000)) == GrpcAnswer(OK)
    before = stored(backend.conninfo())
    memory = PeakMemory(backend.pid)

    with hung(backend):
        hammers = [Hammer(backend, index, time.monotonic() + HAMMER_S) for index in range(8)]
        for hammer in hammers:
            hammer.start()
        for hammer in hammers:
            hammer.join(60)
        assert_told_to_come_back(backend, body_of(1_000_000))

    growth_mib = memory.growth_mib()
    seen = set.union(*(hammer.answers for hammer in hammers))
    print(f"{sum(len(h.pending) for h in hammers)} bodies, {seen}, +{growth_mib:.0f} MiB")
    assert seen <= {UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, 503, "gave up"}
    assert growth_mib <= GROWTH_MIB
    bodies = [body for hammer in hammers for body in hammer.pending]
    with GrpcClient(backend.grpc) as client:
        wait_for(lambda: client.export(bodies[0]).code is OK, "it stores again by itself")
        for body in bodies:
            wait_for(lambda body=body: client.export(body).code is OK, "a body is stored")
    assert stored(backend.conninfo()) == before + 9_000 * len(bodies)


def test_without_a_database_at_the_start_senders_are_told_to_come_back_until_it_is_there(
    database: str, tmp_path: Path
) -> None:
    gate = DatabaseGate(database)
    process = BackendProcess(tmp_path / "state", SEAMWATCH_DATABASE_URL=gate.conninfo)
    with contextlib.ExitStack() as stack:
        stack.callback(gate.shut)
        stack.callback(process.close)
        ready = threading.Thread(target=process.start, daemon=True)
        ready.start()
        wait_for(lambda: answers(process), "the receivers answer")

        with GrpcClient(process.grpc) as client:
            wait_for(lambda: client.export(b"").trailers, "gRPC answers by itself")
        assert_told_to_come_back(process, body_of(1))
        assert ready.is_alive()
        gate.open()
        ready.join(60)
        assert process.ready["ready"] is True
        with GrpcClient(process.grpc) as client, HttpClient(process.http_port) as http:
            wait_for(lambda: client.export(body_of(1)).code is OK, "gRPC stores")
            assert http.post(body_of(2))[0] == 200
            assert stored(database) == 2

            gate.shut()
            wait_for(lambda: client.export(body_of(3)).trailers, "the outage is noticed")
            assert_told_to_come_back(process, body_of(3))
            gate.open()
            wait_for(lambda: client.export(body_of(3)).code is OK, "it stores again")
        assert stored(database) == 3


def test_the_ninth_sender_waits_unread_while_eight_are_being_read(backend: BackendProcess) -> None:
    body = body_of(17)
    head = (
        "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
        f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    ).encode()
    with contextlib.ExitStack() as stack:

        def connect() -> socket.socket:
            sock = socket.create_connection(("127.0.0.1", backend.http_port), timeout=10)
            sock.sendall(head)
            return stack.enter_context(sock)

        slow = [connect() for _ in range(8)]
        for sock in slow:
            assert sock.recv(100).startswith(b"HTTP/1.1 100")  # its body is wanted
            sock.sendall(body[:10])
        ninth = connect()
        ninth.settimeout(0.5)
        with pytest.raises(TimeoutError):
            ninth.recv(100)
        ninth.settimeout(10)

        slow[0].sendall(body[10:])

        assert ninth.recv(100).startswith(b"HTTP/1.1 100")


def test_readers_are_shared_by_both_transports(backend: BackendProcess) -> None:
    released = threading.Event()

    def never() -> Iterator[bytes]:
        released.wait(30)
        yield b""

    with GrpcClient(backend.grpc) as client, HttpClient(backend.http_port) as http:
        call = client.channel.stream_unary(EXPORT)
        slow = [call.future(never(), timeout=30) for _ in range(8)]
        try:
            wait_for(lambda: http.post(b"")[0] == 503, "all readers are taken", timeout_s=20)
        finally:
            released.set()
        assert [future.code() for future in slow] == [OK] * 8
        wait_for(lambda: http.post(b"")[0] == 200, "readers are free again")


def rebatched(spans: list[ExportTraceServiceRequest], size: int) -> list[bytes]:
    """Requests of one span each, joined by `size`: messages on the wire are joined by appending."""
    wires = [request.SerializeToString() for request in spans]
    return [b"".join(wires[start : start + size]) for start in range(0, len(wires), size)]


def test_spans_sent_three_times_re_batched_and_reordered_change_no_row_and_no_rollup(
    backend: BackendProcess,
) -> None:
    conninfo = backend.conninfo()
    source = random.Random(3)
    spans = []
    for number in range(400):
        spans.append(
            simple_request(
                start_ns=NOW_NS - source.randrange(10**12),
                service=f"service-{number % 3}",
                name=f"GET /{number % 5}",
                duration_ns=source.randrange(10**10),
                failed=number % 4 == 0,
                seed=number,
            )
        )
    tokens = {}
    for tenant in ("once", "thrice"):
        create_tenant(conninfo, tenant, actor="test")
        tokens[tenant] = create_token(
            conninfo, roles=[Role.INGEST], tenant_name=tenant, actor="test"
        ).token
    thrice = list(spans)
    bodies = rebatched(thrice, 50)
    for size in (7, 90):
        source.shuffle(thrice)
        bodies += rebatched(thrice, size)
    source.shuffle(bodies)

    with GrpcClient(backend.grpc, token=tokens["once"]) as client:
        for body in rebatched(spans, 100):
            assert client.export(body) == GrpcAnswer(OK)
    send_in_parallel(backend, tokens["thrice"], bodies)

    with psycopg.connect(conninfo) as connection:
        names = dict(connection.execute("SELECT name, tenant_id FROM seamwatch.tenant").fetchall())
        counts = dict(
            connection.execute(
                "SELECT tenant_id, count(*) FROM seamwatch.span GROUP BY 1"
            ).fetchall()
        )
    assert (counts[names["once"]], counts[names["thrice"]]) == (400, 400)
    for totals in rollup_totals(conninfo):
        by_tenant = {
            name: [row[1:] for row in totals if row[0] == names[name]]
            for name in ("once", "thrice")
        }
        assert by_tenant["once"]
        assert by_tenant["thrice"] == by_tenant["once"]


def send_in_parallel(backend: BackendProcess, token: str, bodies: list[bytes]) -> None:
    """Every body once, by four senders over both transports."""
    codes: list[object] = []

    def send(share: list[bytes], is_grpc: bool) -> None:
        with GrpcClient(backend.grpc, token=token) as client, HttpClient(backend.http_port, token=token) as http:  # fmt: skip
            for body in share:
                codes.append(client.export(body).code if is_grpc else http.post(body)[0])

    threads = [
        threading.Thread(target=send, args=(bodies[index::4], index % 2 == 0)) for index in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes) == {OK, 200}
