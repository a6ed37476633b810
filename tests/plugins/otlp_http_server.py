"""The OTLP/HTTP server in a thread, in front of a fake ingest; and a socket to talk to it byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from seamwatch.backend.auth import Access, Role, UnauthenticatedError
from seamwatch.backend.receiver.http_app import OtlpHttpApp
from seamwatch.backend.receiver.http_protocol import ConnectionLimits
from seamwatch.backend.receiver.http_server import HttpServer
from seamwatch.backend.receiver.ingest_protocol import Outcome, Signal

ACCESS = Access(token_id="t", tenant_id=1, tenant_name="default", roles=frozenset({Role.INGEST}))  # noqa: S106
TOKEN = "Bearer good"  # noqa: S105 - of the fake below


@dataclass
class FakeIngest:
    """Accepts `TOKEN`, stores into a list; raises what a test puts into it."""

    stored: list[tuple[Signal, bytes]] = field(default_factory=list)
    authenticated: list[tuple[str | Sequence[str] | None, str, bool]] = field(default_factory=list)
    is_cached: bool = False
    outcome: Outcome = field(default_factory=Outcome)
    authenticate_error: Exception | None = None
    admit_error: Exception | None = None
    reading_error: Exception | None = None
    store_error: Exception | None = None
    hold_readers: threading.Event | None = None
    waiting_readers: int = 0
    hold_store: threading.Event | None = None

    def authenticate(
        self, authorization: str | Sequence[str] | None, peer: str, *, is_forwarded: bool = False
    ) -> Access:
        self.authenticated.append((authorization, peer, is_forwarded))
        if self.authenticate_error is not None:
            raise self.authenticate_error
        if authorization is None or list(authorization) != [TOKEN]:
            raise UnauthenticatedError
        return ACCESS

    def authenticate_cached(
        self, authorization: str | Sequence[str] | None, peer: str, *, is_forwarded: bool = False
    ) -> Access | None:
        return ACCESS if self.is_cached else None

    def admit(self, access: Access) -> None:
        if self.admit_error is not None:
            raise self.admit_error

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        if self.reading_error is not None:
            raise self.reading_error
        if self.hold_readers is not None:
            self.waiting_readers += 1
            await asyncio.get_running_loop().run_in_executor(None, self.hold_readers.wait, 20)
        yield

    async def store(self, signal: Signal, access: Access, body: bytes) -> Outcome:
        if self.hold_store is not None:
            await asyncio.get_running_loop().run_in_executor(None, self.hold_store.wait, 20)
        if self.store_error is not None:
            raise self.store_error
        self.stored.append((signal, body))
        return self.outcome


@dataclass
class RunningServer:
    """A started server."""

    port: int
    server: HttpServer
    thread: threading.Thread
    answers: list[int]
    closed: list[str]

    def connect(self) -> Connection:
        return Connection(socket.create_connection(("127.0.0.1", self.port), timeout=10))


@dataclass
class HttpAnswer:
    """What came back: status, headers (lower case), body; `status` 0: the connection closed without an answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """A raw client socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = b""

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, content: bytes) -> None:
        self.sock.sendall(content)

    def post(
        self, body: bytes, *, path: str = "/v1/traces", method: str = "POST", **headers: str
    ) -> HttpAnswer:
        """Send a whole request and read its answer; header names with _ for -."""
        self.send(head(path=path, method=method, content_length=str(len(body)), **headers) + body)
        return self.read()

    def read(self) -> HttpAnswer:
        """The next answer, 100 Continue included."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._receive():
                return HttpAnswer(0, {}, b"")
        raw_head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        status_line, *lines = raw_head.decode().split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        size = int(headers.get("content-length", "0"))
        while len(self._buffer) < size and self._receive():
            pass
        body, self._buffer = self._buffer[:size], self._buffer[size:]
        return HttpAnswer(int(status_line.split()[1]), headers, body)

    def is_closed(self) -> bool:
        """Whether the server ends the connection (waits for that up to the socket's time-out)."""
        try:
            while self._receive():
                pass
        except TimeoutError:
            return False
        return True

    def _receive(self) -> bool:
        try:
            received = self.sock.recv(65536)
        except ConnectionResetError:
            return False
        self._buffer += received
        return bool(received)


def head(
    *,
    path: str = "/v1/traces",
    method: str = "POST",
    authorization: str | None = TOKEN,
    content_type: str | None = "application/x-protobuf",
    **headers: str,
) -> bytes:
    """A request line and headers."""
    lines = [f"{method} {path} HTTP/1.1", "host: localhost"]
    if authorization is not None:
        lines.append(f"authorization: {authorization}")
    if content_type is not None:
        lines.append(f"content-type: {content_type}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@contextlib.contextmanager
def running(
    service: FakeIngest, *, limits: ConnectionLimits | None = None, drain_s: float = 1.0, **app: Any
) -> Iterator[RunningServer]:
    """The server, stopped and joined at the end."""
    answers: list[int] = []
    closed: list[str] = []
    executor = ThreadPoolExecutor(4)
    application = OtlpHttpApp(service, executor=executor, count_answer=answers.append, **app)
    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    server = HttpServer(
        application, sock=sock, limits=limits, drain_s=drain_s, count_closed=closed.append
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    until(lambda: server.is_started)
    try:
        yield RunningServer(port, server, thread, answers, closed)
    finally:
        server.request_stop()
        thread.join(20)
        executor.shutdown()
        assert not thread.is_alive()


def until(holds: Callable[[], bool], *, timeout_s: float = 10.0) -> None:
    """Poll until `holds`."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        threading.Event().wait(0.005)
