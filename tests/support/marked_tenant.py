"""Tenants whose every text holds a marker of their own, and what each of them may see."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.admin_reader import Answer, Reader
from tests.support.attack import GrpcClient, HttpClient
from tests.support.backend_process import BackendProcess
from tests.support.otlp import add_attributes

from seamwatch.backend.auth.roles import Role
from seamwatch.backend.auth.tokens import create_token
from seamwatch.backend.storage.tenants import create_tenant

__all__ = ["MARKER", "SPANS", "Tenant", "marked_request", "new_tenant", "service_of"]

MARKER = re.compile(r"zq[a-p]{10}q")
SPANS = 4
"""Spans of one trace: number 0 is the root, the last one failed."""

_markers = random.Random(20)


@dataclass
class Tenant:
    """What one tenant may see, by (trace, span) numbers: true where the span holds its marker."""

    name: str
    marker: str
    reader: Reader
    grpc: GrpcClient
    http: HttpClient
    ingest_reader: Reader
    spans: dict[tuple[int, int], bool] = field(default_factory=dict)
    far_traces: set[int] = field(default_factory=set)
    last_body: bytes = b""

    def deliver(self, body: bytes, *, is_grpc: bool) -> None:
        """Send a request that is accepted."""
        if is_grpc:
            answer = self.grpc.export(body)
            assert answer.code.name == "OK", answer
            self.check_words(repr(answer))
        else:
            status, content, headers = self.http.post(body)
            assert status == 200, content
            self.check_words(f"{content!r} {headers}")
        self.last_body = body

    def check_words(self, said: str) -> None:
        """Every marker in what the tenant was told is its own."""
        foreign = {word for word in MARKER.findall(said.lower()) if word != self.marker}
        assert not foreign, f"{self.marker} was told of {foreign}: {said[:2000]}"

    def checked(self, answer: Answer) -> Answer:
        """The answer, after a look at every word of it."""
        assert answer.status < 500, answer
        self.check_words(answer.everything())
        return answer

    def close(self) -> None:
        """Close every connection."""
        for connection in (self.reader, self.grpc, self.http, self.ingest_reader):
            connection.close()

    def trace_numbers(self) -> set[int]:
        """Of the traces inside the partitions."""
        return {trace for trace, _ in self.spans}

    def services(self) -> Counter[str]:
        """Spans by service."""
        return Counter(
            service_of(self.marker if own else "", key) for key, own in self.spans.items()
        )

    def failed(self) -> int:
        """Spans that failed."""
        return sum(is_failed(key) for key in self.spans)


def service_of(marker: str, key: tuple[int, int]) -> str:
    """The service that sends the span of `key`."""
    return f"{marker or 'shared'}-service-{key[1] % 2}"


def is_failed(key: tuple[int, int]) -> bool:
    """Whether the span of `key` is an error."""
    return key[1] == SPANS - 1


def new_tenant(backend: BackendProcess) -> Tenant:
    """Make a tenant with a token that writes and one that has every reading role but admin."""
    marker = "zq" + "".join(_markers.choices("abcdefghijklmnop", k=10)) + "q"
    name = f"{marker}-tenant"
    conninfo = backend.conninfo()
    create_tenant(conninfo, name, actor=f"{marker}-actor")

    def token(*roles: Role) -> str:
        return create_token(
            conninfo, roles=roles, tenant_name=name, label=marker, actor=marker
        ).token

    reading = token(*(set(Role) - {Role.ADMIN, Role.INGEST}))
    writing = token(Role.INGEST)
    return Tenant(
        name=name,
        marker=marker,
        reader=Reader(backend.ready["admin"], reading),
        grpc=GrpcClient(backend.grpc, token=writing),
        http=HttpClient(backend.http_port, token=writing),
        ingest_reader=Reader(backend.ready["admin"], writing),
    )


def marked_request(
    marker: str,
    keys: set[tuple[int, int]],
    *,
    trace_id: Callable[[int], bytes],
    start_ns: int,
) -> ExportTraceServiceRequest:
    """One span per key, with the marker in every text field; without a marker the texts are the same for all."""
    request = ExportTraceServiceRequest()
    word = marker or "shared"
    for key in sorted(keys):
        trace, number = key
        resource_spans = request.resource_spans.add(schema_url=f"https://{word}.example/1")
        add_attributes(
            resource_spans.resource.attributes,
            {"service.name": service_of(marker, key), "host.name": f"{word}-host"},
        )
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name = scope_spans.scope.version = f"{word}-scope"
        add_attributes(scope_spans.scope.attributes, {f"{word}.key": word})
        begin_ns = start_ns + trace * 10**9 + number * 10**6
        span = scope_spans.spans.add(
            trace_id=trace_id(trace),
            span_id=(number + 1).to_bytes(8, "big"),
            parent_span_id=(1).to_bytes(8, "big") if number else b"",
            name=f"{word} operation {number}",
            kind=1 if number else 2,
            start_time_unix_nano=begin_ns,
            end_time_unix_nano=begin_ns + 10**6,
            trace_state=f"{word}=1",
        )
        add_attributes(span.attributes, {"secret": word, f"{word}.list": [word, {word: word}]})
        event = span.events.add(name=f"{word} event", time_unix_nano=begin_ns)
        add_attributes(event.attributes, {"exception.type": f"{word}Error"})
        link = span.links.add(trace_id=trace_id(trace), span_id=b"\1" * 8)
        add_attributes(link.attributes, {"why": word})
        if is_failed(key):
            add_attributes(span.attributes, {"error.type": f"{word}Error"})
            span.status.code, span.status.message = 2, f"{word} failed"
    return request
