"""Sends what no exporter sends, and measures what it costs the server."""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from tests.support.senders import EXPORT

__all__ = [
    "GrpcAnswer",
    "GrpcClient",
    "HttpClient",
    "PeakMemory",
    "length_delimited",
    "retry_delays_s",
    "varint",
]


@dataclass(frozen=True)
class GrpcAnswer:
    """How one call ended."""

    code: grpc.StatusCode
    message: bytes = b""
    details: str = ""
    trailers: dict[str, Any] = field(default_factory=dict)


class GrpcClient:
    """One channel of its own, on which raw bytes are exported."""

    def __init__(self, endpoint: str, *, token: str | None = None) -> None:
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_send_message_length", -1),
            ("grpc.enable_retries", 0),
        ]
        self.channel = grpc.insecure_channel(endpoint, options=options)
        self.metadata = [("authorization", f"Bearer {token}")] if token else []

    def export(
        self,
        body: bytes,
        *,
        metadata: list[tuple[str, str]] | None = None,
        compression: grpc.Compression | None = None,
        method: str = EXPORT,
        timeout_s: float = 60.0,
    ) -> GrpcAnswer:
        """One call; an error is an answer too."""
        call = self.channel.unary_unary(method)
        try:
            message, ended = call.with_call(
                body,
                timeout=timeout_s,
                compression=compression,
                metadata=self.metadata if metadata is None else metadata,
            )
        except grpc.RpcError as error:
            trailers = {key: value for key, value in error.trailing_metadata() or ()}
            return GrpcAnswer(error.code(), details=error.details() or "", trailers=trailers)
        return GrpcAnswer(ended.code(), bytes(message))

    def close(self) -> None:
        """Close the channel."""
        self.channel.close()

    def __enter__(self) -> GrpcClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class HttpClient:
    """Posts on one keep-alive connection, and opens another only where the server closed it."""

    def __init__(self, port: int, *, token: str | None = None, timeout_s: float = 60.0) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
        self._token = token

    def post(
        self, body: bytes, *, content_type: str = "application/x-protobuf", **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        """One POST to /v1/traces: status, body and headers (lower case) of the answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self._token is not None:
            named["authorization"] = f"Bearer {self._token}"
        try:
            return self._post(body, {"content-type": content_type, **named})
        except (http.client.RemoteDisconnected, ConnectionError, BrokenPipeError):
            self._connection.close()
            return self._post(body, {"content-type": content_type, **named})

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        self._connection.request("POST", "/v1/traces", body, headers)
        if self._connection.sock is not None:
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = self._connection.getresponse()
        content = answer.read()
        found = {name.lower(): value for name, value in answer.getheaders()}
        if answer.will_close:
            self._connection.close()
        return answer.status, content, found

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PeakMemory:
    """Growth of a process's resident memory, in MiB, from the moment this is made to its peak since then."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak starts anew
        self._before = self._mib("VmRSS")

    def growth_mib(self) -> float:
        """How far the peak rose above the start."""
        return self._mib("VmHWM") - self._before

    def _mib(self, name: str) -> float:
        lines = Path(f"/proc/{self._pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    output = bytearray()
    while value > 0x7F:
        output.append(value & 0x7F | 0x80)
        value >>= 7
    output.append(value)
    return bytes(output)


def length_delimited(number: int, content: bytes) -> bytes:
    """A string, bytes or message field."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def retry_delays_s(trailers: dict[str, Any]) -> list[float]:
    """The delays of both trailers that carry one: the specification's, and the one that Python's exporter reads."""
    status = Status.FromString(trailers["grpc-status-details-bin"])
    info = RetryInfo()
    assert status.details[0].Unpack(info)
    delays: list[Duration] = [
        info.retry_delay,
        RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"]).retry_delay,
    ]
    return [delay.seconds + delay.nanos / 1e9 for delay in delays]
