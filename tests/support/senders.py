"""Senders that behave as OTLP exporters do: the same body again until it is acknowledged."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable

import grpc

__all__ = ["EXPORT", "LoadThread", "send_grpc", "send_http"]

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_RETRYABLE = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
}


def send_http(
    port: int, body: bytes, *, timeout_s: float = 30.0, **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    """One POST of protobuf; status, body and headers of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(
            "POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf", **headers}
        )
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())
    finally:
        connection.close()


def send_grpc(
    endpoint: str, body: bytes, *, timeout_s: float = 30.0, token: str | None = None
) -> bytes:
    """One Export call; raises grpc.RpcError as grpcio does."""
    with grpc.insecure_channel(
        endpoint, options=[("grpc.use_local_subchannel_pool", 1)]
    ) as channel:
        metadata = [("authorization", f"Bearer {token}")] if token else []
        return bytes(channel.unary_unary(EXPORT)(body, timeout=timeout_s, metadata=metadata))


class LoadThread(threading.Thread):
    """Sends bodies one after the other, each until it is acknowledged, until told to stop.

    `acknowledged` holds the numbers of the bodies that were; `fatal` what no exporter would try again.
    """

    def __init__(
        self,
        index: int,
        make_body: Callable[[int, int], bytes],
        *,
        grpc_endpoint: str = "",
        http_port: int = 0,
    ):
        super().__init__(daemon=True)
        self._index, self._make_body = index, make_body
        self._endpoint, self._port = grpc_endpoint, http_port
        self._stop_asked = threading.Event()
        self.acknowledged: list[int] = []
        self.acknowledged_at: list[float] = []
        self.fatal: list[str] = []
        self.retries = 0

    def run(self) -> None:
        number = 0
        while not self._stop_asked.is_set():
            self._deliver(self._make_body(self._index, number))
            self.acknowledged.append(number)
            self.acknowledged_at.append(time.monotonic())
            number += 1

    def finish(self) -> None:
        """Stop after the body under way is acknowledged."""
        self._stop_asked.set()
        self.join(60)
        assert not self.is_alive(), "a sender did not get its last body through within 60 s"

    def _deliver(self, body: bytes) -> None:
        while not self._attempt(body):
            self.retries += 1
            threading.Event().wait(0.05)

    def _attempt(self, body: bytes) -> bool:
        try:
            if self._port:
                status, _, _ = send_http(self._port, body)
                if status not in (200, 429, 502, 503, 504):
                    self.fatal.append(f"HTTP {status}")
                return status == 200
            send_grpc(self._endpoint, body)
        except grpc.RpcError as error:
            if error.code() not in _RETRYABLE:
                self.fatal.append(f"{error.code().name}: {error.details()}")
            return False
        except (OSError, http.client.HTTPException):
            return False
        return True
