"""A fake OTLP/HTTP far end: records what arrives, answers what a test scripts."""

from __future__ import annotations

import gzip
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

__all__ = ["Answer", "FarEnd", "Received", "poll_until", "run_far_end"]


@dataclass(frozen=True)
class Answer:
    """One scripted answer."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_s: float = 0.0


@dataclass(frozen=True)
class Received:
    """One request as it arrived; `names` are its spans' names."""

    path: str
    headers: dict[str, str]
    names: list[str]
    message: ExportTraceServiceRequest
    monotonic_s: float
    unix_s: float
    connection: object
    status: int


class FarEnd:
    """Requests in the order of their arrival; answers 200 once the script is used up."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.script: list[Answer] = []
        self.default = Answer()
        self.port = 0

    @property
    def url(self) -> str:
        """Value for OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def accepted(self) -> list[str]:
        """Names of the spans of all requests that were answered 2xx."""
        return [
            name
            for request in list(self.requests)
            if 200 <= request.status < 300
            for name in request.names
        ]

    def counts(self) -> Counter[str]:
        """How often each span name was accepted."""
        return Counter(self.accepted)

    def answer_partially(self, rejected: int, message: str) -> Answer:
        """A 200 that rejects some spans."""
        response = ExportTraceServiceResponse()
        response.partial_success.rejected_spans = rejected
        response.partial_success.error_message = message
        return Answer(body=response.SerializeToString())


@contextmanager
def run_far_end(port: int = 0) -> Iterator[FarEnd]:
    """Serve on a free port of the loopback (or on `port`) until the block ends."""
    far_end = FarEnd()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            message = ExportTraceServiceRequest.FromString(body)
            answer = far_end.script.pop(0) if far_end.script else far_end.default
            far_end.requests.append(
                Received(
                    path=self.path,
                    headers={name.lower(): value for name, value in self.headers.items()},
                    names=[
                        span.name
                        for resource in message.resource_spans
                        for scope in resource.scope_spans
                        for span in scope.spans
                    ],
                    message=message,
                    monotonic_s=time.monotonic(),
                    unix_s=time.time(),
                    connection=self.client_address,
                    status=answer.status,
                )
            )
            if answer.delay_s:
                threading.Event().wait(answer.delay_s)
            try:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
            except OSError:
                self.close_connection = True  # the client gave up meanwhile

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # killed clients are part of the tests

    server = Server(("127.0.0.1", port), Handler)
    far_end.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield far_end
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def poll_until(condition: Callable[[], bool], *, timeout_s: float = 10.0) -> bool:
    """Whether `condition` became true in time."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.005)
    return True
