"""Load generator for any OTLP trace receiver: unique, realistic batches at almost no cost to the sender.

Batches come from a few templates serialised before the run; per batch a 5-byte marker that is part of every trace id and
span id is replaced, so that no two batches collide. 512 spans of 15 attributes, four resources, trees of eight spans,
5 % errors with a stack trace: about 630 bytes a span.

    python benchmarks/otlp_load.py http://127.0.0.1:4318/v1/traces --connections 4 --seconds 30
    python benchmarks/otlp_load.py 127.0.0.1:4317 --protocol grpc --rate 20000
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import random
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

__all__ = ["Load", "Report", "build_template", "run_load"]

MARKER = b"\xf7\xa9\xd1\x8e\xc3"  # in every id of a template; replaced per batch
GRPC_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_ROUTES = (
    "/api/v1/orders/{id}",
    "/api/v1/venues/search",
    "/hooks/stripe",
    "/hooks/github",
    "/ws/chat",
)
_MODELS = (("openai", "gpt-4o-mini"), ("anthropic", "claude-sonnet"), ("local", "venue-ranker-v7"))


def _set(attributes: Any, values: dict[str, Any]) -> None:
    for key, value in values.items():
        pair = attributes.add(key=key)
        if isinstance(value, bool):
            pair.value.bool_value = value
        elif isinstance(value, int):
            pair.value.int_value = value
        elif isinstance(value, float):
            pair.value.double_value = value
        else:
            pair.value.string_value = value


def _server(source: random.Random) -> dict[str, Any]:
    route = source.choice(_ROUTES)
    return {
        "http.request.method": source.choice(["GET", "POST"]),
        "http.route": route,
        "url.path": route.replace("{id}", str(source.randrange(10**6))),
        "url.scheme": "https",
        "url.query": f"page={source.randrange(99)}&size=50",
        "server.address": "api.example.com",
        "server.port": 443,
        "client.address": f"10.{source.randrange(256)}.{source.randrange(256)}.{source.randrange(256)}",
        "network.protocol.version": "1.1",
        "user_agent.original": "python-requests/2.32.3 (linux; x86_64)",
        "http.response.status_code": source.choice([200] * 18 + [404, 500]),
        "http.response.body.size": source.randrange(200, 90_000),
        "enduser.id": f"u-{source.randrange(10**7):07d}",
        "app.cache_hit": source.random() < 0.6,
        "app.queue_ms": round(source.random() * 40, 3),
    }


def _database(source: random.Random) -> dict[str, Any]:
    return {
        "db.system.name": "postgresql",
        "db.namespace": "shop",
        "db.collection.name": "orders",
        "db.operation.name": "SELECT",
        "db.query.summary": "SELECT orders",
        "db.query.text": "SELECT id, state, total FROM orders WHERE customer_id = $1 ORDER BY created_at DESC LIMIT 50",
        "db.response.returned_rows": source.randrange(50),
        "server.address": "pg-primary.internal",
        "server.port": 5432,
        "network.peer.address": f"10.0.3.{source.randrange(256)}",
        "network.peer.port": 5432,
        "thread.id": source.randrange(1, 64),
        "thread.name": f"worker-{source.randrange(16)}",
        "db.pool.wait_ms": round(source.random() * 5, 3),
        "app.replica": source.random() < 0.5,
    }


def _model(source: random.Random) -> dict[str, Any]:
    provider, model = source.choice(_MODELS)
    sent, received = source.randrange(50, 4000), source.randrange(10, 900)
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
        "gen_ai.usage.input_tokens": sent,
        "gen_ai.usage.output_tokens": received,
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 1024,
        "gen_ai.response.finish_reason": "stop",
        "gen_ai.response.id": f"resp-{source.getrandbits(48):012x}",
        "gen_ai.usage.cost.amount": round(sent * 2e-6 + received * 8e-6, 6),
        "ml.model.version": f"2026.{source.randrange(12)}",
        "ml.output.score": round(source.random(), 5),
        "ml.segment.region": source.choice(["eu", "us", "apac"]),
        "session.id": f"s-{source.getrandbits(32):08x}",
    }


def _webhook(source: random.Random) -> dict[str, Any]:
    return {
        "http.request.method": "POST",
        "url.full": f"https://partner{source.randrange(40)}.example.org/hooks/in",
        "server.address": "partner.example.org",
        "server.port": 443,
        "http.response.status_code": source.choice([200, 202, 202, 503]),
        "webhook.id": f"msg_{source.getrandbits(64):016x}",
        "webhook.event.type": "order.updated",
        "webhook.endpoint.id": f"ep_{source.randrange(2000):04d}",
        "webhook.delivery.attempt": source.randrange(1, 5),
        "webhook.chain.id": f"ch_{source.getrandbits(32):08x}",
        "webhook.signature.verified": True,
        "webhook.payload.size": source.randrange(200, 20_000),
        "circuit_breaker.name": "partner",
        "circuit_breaker.state": "closed",
        "network.protocol.version": "2",
    }


_KINDS: tuple[tuple[int, str, Callable[[random.Random], dict[str, Any]]], ...] = (
    (2, "http server", _server),
    (3, "SELECT orders", _database),
    (3, "chat gpt", _model),
    (3, "webhook deliver", _webhook),
)


def build_template(
    spans: int, seed: int, now_ns: int, *, per_trace: int = 8, resources: int = 4
) -> bytes:
    """One serialised request of `spans` spans with 15 attributes each; every id holds `MARKER`."""
    source = random.Random(seed)
    request = ExportTraceServiceRequest()
    scopes = []
    for index in range(resources):
        resource_spans = request.resource_spans.add()
        _set(
            resource_spans.resource.attributes,
            {
                "service.name": f"svc-{seed * resources + index}",
                "service.version": "1.4.2",
                "service.instance.id": f"{source.getrandbits(128):032x}",
                "deployment.environment.name": "prod",
                "telemetry.sdk.name": "opentelemetry",
                "telemetry.sdk.language": "python",
                "host.name": f"node-{source.randrange(20)}",
                "process.pid": source.randrange(2, 65_535),
            },
        )
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name, scope_spans.scope.version = (
            "opentelemetry.instrumentation.asgi",
            "0.58b0",
        )
        scopes.append(scope_spans)
    for index in range(spans):
        trace, position = divmod(index, per_trace)
        span = scopes[trace % resources].spans.add()
        span.trace_id = MARKER + bytes([seed & 255]) + trace.to_bytes(10, "big")
        span.span_id = MARKER + index.to_bytes(3, "big")
        if position:  # a tree: every span but the root hangs below an earlier one
            span.parent_span_id = MARKER + (
                trace * per_trace + source.randrange(position)
            ).to_bytes(3, "big")
        kind, span.name, fill = _KINDS[0] if position == 0 else _KINDS[1 + index % 3]
        span.kind, span.flags = kind, 0x101
        span.start_time_unix_nano = now_ns - source.randrange(10**9)
        span.end_time_unix_nano = span.start_time_unix_nano + int(
            source.lognormvariate(2.5, 1.0) * 1e6
        )
        _set(span.attributes, fill(source))
        if source.random() < 0.05:
            span.status.code, span.status.message = 2, "TimeoutError: upstream did not answer"
            event = span.events.add(name="exception", time_unix_nano=span.end_time_unix_nano)
            trace_back = (
                "Traceback (most recent call last):\n" + '  File "app.py", line 10, in call\n' * 12
            )
            _set(
                event.attributes,
                {
                    "exception.type": "TimeoutError",
                    "exception.message": "upstream did not answer",
                    "exception.stacktrace": trace_back,
                },
            )
    return request.SerializeToString()


class _Sender(Protocol):
    def send(self, body: bytes) -> tuple[str, bool, bytes]:
        """Status, whether accepted, and the answer."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class _HttpSender:
    def __init__(self, url: str, headers: dict[str, str], is_gzip: bool) -> None:
        parts = urlsplit(url)
        self._path = parts.path or "/v1/traces"
        self._headers = {"content-type": "application/x-protobuf", **headers}
        if is_gzip:
            self._headers["content-encoding"] = "gzip"
        self._address = (parts.hostname or "127.0.0.1", parts.port or 4318)
        self._is_gzip = is_gzip
        self._connection = http.client.HTTPConnection(*self._address, timeout=30)

    def send(self, body: bytes) -> tuple[str, bool, bytes]:
        try:
            self._connection.request(
                "POST", self._path, gzip.compress(body, 1) if self._is_gzip else body, self._headers
            )
            answer = self._connection.getresponse()
            return str(answer.status), answer.status == 200, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            self._connection = http.client.HTTPConnection(*self._address, timeout=30)
            return type(error).__name__, False, b""

    def close(self) -> None:
        self._connection.close()


class _GrpcSender:
    def __init__(self, target: str, headers: dict[str, str], is_gzip: bool) -> None:
        import grpc

        self._error = grpc.RpcError
        self._channel = grpc.insecure_channel(
            target,
            options=[
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.max_send_message_length", 64 << 20),
            ],
            compression=grpc.Compression.Gzip if is_gzip else None,
        )
        self._call = self._channel.unary_unary(GRPC_METHOD)  # no serialisers: bytes in, bytes out
        self._metadata = [(key.lower(), value) for key, value in headers.items()]

    def send(self, body: bytes) -> tuple[str, bool, bytes]:
        try:
            return (
                "OK",
                True,
                self._call(body, timeout=30, metadata=self._metadata, wait_for_ready=True),
            )
        except self._error as error:
            return error.code().name, False, b""

    def close(self) -> None:
        self._channel.close()


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is sent.

    Attributes:
        endpoint: URL for HTTP, host:port for gRPC.
        rate: Spans a second over all connections, latencies counted from when a batch was due; 0: closed loop.
    """

    endpoint: str
    protocol: str = "grpc"
    connections: int = 4
    seconds: float = 30.0
    batch: int = 512
    templates: int = 8
    rate: float = 0.0
    is_gzip: bool = False
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came of it; latencies in milliseconds."""

    seconds: float
    accepted_spans: int
    spans_per_s: float
    rejected_spans: int
    statuses: dict[str, int]
    p50_ms: float
    p99_ms: float
    max_ms: float
    sender_cpu_s: float
    batch_bytes: int


class _Worker(threading.Thread):
    def __init__(self, load: Load, templates: list[bytes], prefix: int, index: int) -> None:
        super().__init__(daemon=True)
        self._load, self._templates, self._prefix, self._index = load, templates, prefix, index
        make: Callable[..., _Sender] = _GrpcSender if load.protocol == "grpc" else _HttpSender
        self._sender = make(load.endpoint, load.headers, load.is_gzip)
        self.latencies_s: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.accepted = self.rejected = 0

    def _body(self, number: int) -> bytes:
        identity = (self._prefix | (self._index << 20) | number).to_bytes(5, "big")
        return self._templates[number % len(self._templates)].replace(MARKER, identity)

    def run(self) -> None:
        load, number = self._load, 0
        interval_s = load.batch * load.connections / load.rate if load.rate else 0.0
        # Connections take turns: independent senders do not all export in the same millisecond.
        begin = time.perf_counter() + interval_s * self._index / load.connections
        deadline = begin + load.seconds
        body = self._body(0)
        while (now := time.perf_counter()) < deadline:
            due = begin + number * interval_s
            if interval_s and due > now:
                time.sleep(due - now)
            sent_at = time.perf_counter()
            status, is_accepted, answer = self._sender.send(body)
            done_at = time.perf_counter()
            self.statuses[status] += 1
            if not is_accepted:
                time.sleep(0.1)
                continue
            self.latencies_s.append(done_at - (min(due, sent_at) if interval_s else sent_at))
            rejected = ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans
            self.accepted += load.batch - rejected
            self.rejected += rejected
            number += 1
            body = self._body(number)
        self._sender.close()


def run_load(load: Load) -> Report:
    """Send for `load.seconds` seconds and report."""
    templates = [build_template(load.batch, seed, time.time_ns()) for seed in range(load.templates)]
    prefix = random.getrandbits(13) << 27  # 13 bits run, 7 bits connection, 20 bits batch
    workers = [_Worker(load, templates, prefix, index) for index in range(load.connections)]
    begin, cpu = time.perf_counter(), time.process_time()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    latencies = sorted(latency for worker in workers for latency in worker.latencies_s) or [0.0]
    accepted = sum(worker.accepted for worker in workers)
    return Report(
        seconds=round(seconds, 2),
        accepted_spans=accepted,
        spans_per_s=round(accepted / seconds),
        rejected_spans=sum(worker.rejected for worker in workers),
        statuses=dict(sum((worker.statuses for worker in workers), Counter())),
        p50_ms=round(latencies[len(latencies) // 2] * 1000, 1),
        p99_ms=round(latencies[min(len(latencies) - 1, int(0.99 * len(latencies)))] * 1000, 1),
        max_ms=round(latencies[-1] * 1000, 1),
        sender_cpu_s=round(cpu, 2),
        batch_bytes=round(statistics.mean(map(len, templates))),
    )


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("endpoint", help="http://host:4318/v1/traces or host:4317")
    parser.add_argument("--protocol", choices=("http", "grpc"), default="http")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--batch", type=int, default=512, help="spans a request")
    parser.add_argument("--templates", type=int, default=8, help="distinct payloads")
    parser.add_argument(
        "--rate", type=float, default=0, help="spans/s in all; 0: as fast as accepted"
    )
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--header", action="append", default=[], metavar="K=V")
    args = parser.parse_args()
    load = Load(
        endpoint=args.endpoint,
        protocol=args.protocol,
        connections=args.connections,
        seconds=args.seconds,
        batch=args.batch,
        templates=args.templates,
        rate=args.rate,
        is_gzip=args.gzip,
        headers=dict(header.split("=", 1) for header in args.header),
    )
    print(json.dumps(vars(run_load(load)), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
