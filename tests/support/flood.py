"""Many clients that send much with a wrong token: ``flood.py http PORT CLIENTS MIB`` or ``flood.py grpc HOST:PORT …``.

A process of its own, so that a test measures the server alone. Prints how often each answer came, as JSON.
"""

from __future__ import annotations

import collections
import json
import socket
import sys
import threading
from collections.abc import Iterator

import grpc

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
TOKEN = "swk_000000000000_wrong"  # noqa: S105 - wrong on purpose
CHUNK = bytes(65_536)


def http_client(port: int, size: int) -> str:
    """The status of one POST whose body is sent until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.sendall(
            f"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
            f"Authorization: Bearer {TOKEN}\r\nContent-Length: {size}\r\n\r\n".encode()
        )
        try:
            for _ in range(size // len(CHUNK)):
                sock.sendall(CHUNK)
        except OSError:
            pass  # refused while sending, as it should be
        try:
            return sock.recv(4096).split(b" ")[1].decode()
        except (OSError, IndexError):
            return "reset"


def grpc_client(endpoint: str, size: int) -> str:
    """The code of one call that offers its bytes in messages of 64 KiB."""

    def chunks() -> Iterator[bytes]:
        for _ in range(size // len(CHUNK)):
            yield CHUNK

    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
    with grpc.insecure_channel(endpoint, options=options) as channel:
        call = channel.stream_unary(EXPORT)
        try:
            call(chunks(), timeout=60, metadata=[("authorization", f"Bearer {TOKEN}")])
        except grpc.RpcError as error:
            return str(error.code().name)
    return "OK"


def main() -> None:
    """Run all clients at once."""
    transport, target, clients, mib = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    answers: list[str] = []

    def run() -> None:
        size = mib * 1024 * 1024
        answers.append(
            http_client(int(target), size) if transport == "http" else grpc_client(target, size)
        )

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(collections.Counter(answers)))


if __name__ == "__main__":
    main()
