"""The same spans give the same rows, whatever brings them: every transport, encoding, compression and stock exporter."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from google.protobuf import json_format
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from tests.support.attack import GrpcAnswer, GrpcClient, HttpClient
from tests.support.backend_process import BackendProcess
from tests.support.database import stored_spans
from tests.support.otlp import rich_request, truth
from tests.support.senders import EXPORT

from seamwatch.backend.receiver.status import UNAVAILABLE, grpc_details

NOW_NS = time.time_ns()
OFFICIAL = json.loads((Path(__file__).parent / "official_trace_example.json").read_text())
OFFICIAL_START_NS = 1544712660000000000


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    process = BackendProcess(tmp_path_factory.mktemp("rows") / "state")
    process.start()
    yield process
    process.close()


@pytest.fixture
def conninfo(backend: BackendProcess) -> str:
    """The database with no span in it, and no memory of bodies."""
    found = backend.conninfo()
    with psycopg.connect(found, autocommit=True) as connection:
        for statement in (
            "TRUNCATE seamwatch.span, seamwatch.span_out_of_range",
            "DELETE FROM seamwatch.batch_digest",
        ):
            connection.execute(statement)
    return found


def otlp_json(request: ExportTraceServiceRequest) -> bytes:
    """A request as OTLP/JSON: protobuf's own JSON, with hex ids and enums as numbers, as the standard changes it."""
    content = json.loads(json_format.MessageToJson(request, use_integers_for_enums=True))
    for resource_spans, written in zip(
        request.resource_spans, content["resourceSpans"], strict=True
    ):
        for scope_spans, written_scope in zip(
            resource_spans.scope_spans, written["scopeSpans"], strict=True
        ):
            for span, written_span in zip(scope_spans.spans, written_scope["spans"], strict=True):
                for name in ("trace_id", "span_id", "parent_span_id"):
                    _put_hex(written_span, name, getattr(span, name))
                for link, written_link in zip(
                    span.links, written_span.get("links", ()), strict=True
                ):
                    _put_hex(written_link, "trace_id", link.trace_id)
                    _put_hex(written_link, "span_id", link.span_id)
    return json.dumps(content).encode()


def _put_hex(written: dict[str, Any], name: str, value: bytes) -> None:
    first, *rest = name.split("_")
    camel = first + "".join(map(str.title, rest))
    written.pop(camel, None)
    if value:
        written[camel] = value.hex().upper()


def over_grpc(backend: BackendProcess, request: ExportTraceServiceRequest) -> None:
    with GrpcClient(backend.grpc) as client:
        assert client.export(request.SerializeToString()) == GrpcAnswer(grpc.StatusCode.OK)


def over_grpc_gzip(backend: BackendProcess, request: ExportTraceServiceRequest) -> None:
    with GrpcClient(backend.grpc) as client:
        answer = client.export(request.SerializeToString(), compression=grpc.Compression.Gzip)
        assert answer == GrpcAnswer(grpc.StatusCode.OK)


def over_http(backend: BackendProcess, request: ExportTraceServiceRequest) -> None:
    with HttpClient(backend.http_port) as client:
        assert client.post(request.SerializeToString())[:2] == (200, b"")


def over_http_gzip(backend: BackendProcess, request: ExportTraceServiceRequest) -> None:
    body = gzip.compress(request.SerializeToString())
    with HttpClient(backend.http_port) as client:
        assert client.post(body, content_encoding="gzip")[:2] == (200, b"")


def over_http_json(backend: BackendProcess, request: ExportTraceServiceRequest) -> None:
    with HttpClient(backend.http_port) as client:
        answer = client.post(otlp_json(request), content_type="application/json")
        assert answer[:2] == (200, b"{}")


def over_http_json_gzip(backend: BackendProcess, request: ExportTraceServiceRequest) -> None:
    body = gzip.compress(otlp_json(request))
    with HttpClient(backend.http_port) as client:
        answer = client.post(body, content_type="application/json", content_encoding="gzip")
        assert answer[:2] == (200, b"{}")


WAYS: list[Callable[[BackendProcess, ExportTraceServiceRequest], None]] = [
    over_grpc, over_grpc_gzip, over_http, over_http_gzip, over_http_json, over_http_json_gzip,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_rich_batch_is_stored_the_same_over_every_way(
    way: Callable[[BackendProcess, ExportTraceServiceRequest], None],
    backend: BackendProcess,
    conninfo: str,
) -> None:
    request = rich_request(NOW_NS)

    way(backend, request)

    key = ("trace_id", "span_id")
    expected = sorted(truth(request), key=lambda row: [row[name] for name in key])
    assert stored_spans(conninfo) == expected


def test_a_batch_sent_over_all_ways_is_stored_once(backend: BackendProcess, conninfo: str) -> None:
    request = rich_request(NOW_NS)

    for way in WAYS:
        way(backend, request)

    assert len(stored_spans(conninfo)) == len(truth(request))


def official_example(start_ns: int) -> tuple[bytes, dict[str, Any]]:
    """The specification's trace example, moved to a time that has a partition."""
    text = json.dumps(OFFICIAL).replace(str(OFFICIAL_START_NS), str(start_ns))
    text = text.replace(str(OFFICIAL_START_NS + 1_000_000_000), str(start_ns + 1_000_000_000))
    return text.encode(), json.loads(text)


def test_the_specifications_example_is_stored_field_by_field(
    backend: BackendProcess, conninfo: str
) -> None:
    body, _ = official_example(NOW_NS)

    with HttpClient(backend.http_port) as client:
        assert client.post(body, content_type="application/json")[:2] == (200, b"{}")

    [row] = stored_spans(conninfo)
    assert row["trace_id"].hex().upper() == "5B8EFFF798038103D269B633813FC60C"
    assert row["span_id"].hex().upper() == "EEE19B7EC3C1B174"
    assert row["parent_span_id"].hex().upper() == "EEE19B7EC3C1B173"
    assert (row["name"], row["kind"], row["service_name"]) == ("I'm a server span", 2, "my.service")
    assert (row["start_unix_ns"], row["duration_ns"]) == (NOW_NS, 1_000_000_000)
    assert row["attributes"] == {"my.span.attr": "some value"}
    assert row["resource_attributes"] == {"service.name": "my.service"}
    assert (row["scope_name"], row["scope_version"]) == ("my.library", "1.0.0")
    assert row["scope_attributes"] == {"my.scope.attribute": "some scope attribute"}


# Stock exporters


def sdk_spans(count: int) -> list[ReadableSpan]:
    """Ended spans of the SDK, with events, links, an exception and attributes of every kind."""
    ended: list[ReadableSpan] = []

    class Collect(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            ended.extend(spans)
            return SpanExportResult.SUCCESS

    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": "stock", "n": 1}))
    provider.add_span_processor(SimpleSpanProcessor(Collect()))
    tracer = provider.get_tracer("stock.scope", "1.0", attributes={"a": 1})
    context = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1))
    for number in range(count):
        with (
            contextlib.suppress(ValueError),
            tracer.start_as_current_span(
                f"op {number}", kind=SpanKind.CLIENT, links=[Link(context, {"k": "v"})]
            ) as span,
        ):
            span.set_attributes({"s": "t", "i": -1, "f": 0.5, "b": True, "l": ["x", "y"]})
            span.add_event("happened", {"e": 1})
            span.set_status(Status(StatusCode.ERROR, "failed"))
            raise ValueError("42")
    provider.shutdown()
    return ended


def exporters(backend: BackendProcess) -> dict[str, Callable[[], SpanExporter]]:
    url = f"http://127.0.0.1:{backend.http_port}/v1/traces"
    return {
        "grpc": lambda: GrpcExporter(endpoint=backend.grpc, insecure=True),
        "grpc gzip": lambda: GrpcExporter(
            endpoint=backend.grpc, insecure=True, compression=grpc.Compression.Gzip
        ),
        "http": lambda: HttpExporter(endpoint=url),
        "http gzip": lambda: HttpExporter(endpoint=url, compression=Compression.Gzip),
    }


@pytest.mark.parametrize("name", ["grpc", "grpc gzip", "http", "http gzip"])
def test_a_stock_exporter_delivers_every_field(
    name: str, backend: BackendProcess, conninfo: str
) -> None:
    spans = sdk_spans(50)
    exporter = exporters(backend)[name]()

    assert exporter.export(spans) is SpanExportResult.SUCCESS
    exporter.shutdown()

    rows = {row["span_id"]: row for row in stored_spans(conninfo)}
    assert len(rows) == 50
    for span in spans:
        assert span.context is not None
        row = rows[span.context.span_id.to_bytes(8, "big")]
        assert (row["name"], row["kind"], row["status_code"]) == (span.name, 3, 2)
        assert row["start_unix_ns"] == span.start_time
        assert row["attributes"] == {"s": "t", "i": -1, "f": 0.5, "b": True, "l": ["x", "y"]}
        assert [event["name"] for event in row["events"]] == ["happened", "exception"]
        assert row["links"][0]["trace_id"] == f"{1:032x}"


def test_point_14_the_stock_grpc_exporter_comes_back_after_exactly_our_delay() -> None:
    """Our own trailers, on a server that refuses twice: the exporter's own backoff would be 1 s and 2 s."""
    delay_s = 1.5  # not a number that its backoff could give
    arrived: list[float] = []

    def export(body: bytes, context: grpc.ServicerContext) -> bytes:
        arrived.append(time.monotonic())
        if len(arrived) < 3:
            context.set_trailing_metadata(grpc_details(UNAVAILABLE, "busy", delay_s=delay_s))
            context.abort(grpc.StatusCode.UNAVAILABLE, "busy")
        return b""

    server = grpc.server(futures.ThreadPoolExecutor(2))
    service, method = EXPORT[1:].split("/")
    handler = grpc.unary_unary_rpc_method_handler(export)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {method: handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    exporter = GrpcExporter(endpoint=f"127.0.0.1:{port}", insecure=True)
    try:
        assert exporter.export(sdk_spans(1)) is SpanExportResult.SUCCESS
    finally:
        exporter.shutdown()
        server.stop(0).wait()

    gaps = [after - before for before, after in itertools.pairwise(arrived)]
    assert len(gaps) == 2
    assert all(delay_s <= gap < delay_s + 0.4 for gap in gaps), gaps
