"""OTLP requests for tests: a small ordinary one, a rich one with every field, and the truth about a request's rows.

The truth is computed with the official protobuf classes and plain Python, never with the code under test.
"""

from __future__ import annotations

import base64
import math
import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

__all__ = ["any_value", "attributes_of", "plain", "rich_request", "simple_request", "truth"]


def any_value(value: Any) -> AnyValue:
    """An AnyValue from a Python value (bytes, bool, int, float, str, list, dict, None)."""
    made = AnyValue()
    if isinstance(value, bool):
        made.bool_value = value
    elif isinstance(value, int):
        made.int_value = value
    elif isinstance(value, float):
        made.double_value = value
    elif isinstance(value, str):
        made.string_value = value
    elif isinstance(value, bytes):
        made.bytes_value = value
    elif isinstance(value, list):
        made.array_value.SetInParent()
        made.array_value.values.extend(any_value(item) for item in value)
    elif isinstance(value, Mapping):
        made.kvlist_value.SetInParent()
        for key, item in value.items():
            made.kvlist_value.values.add(key=key).value.CopyFrom(any_value(item))
    return made


def add_attributes(target: Any, values: Mapping[str, Any]) -> None:
    """Append attributes to a repeated KeyValue field."""
    for key, value in values.items():
        target.add(key=key).value.CopyFrom(any_value(value))


def simple_request(
    *,
    count: int = 1,
    start_ns: int,
    service: str = "shop",
    name: str = "GET /orders",
    kind: int = 2,
    duration_ns: int = 5_000_000,
    failed: int = 0,
    seed: int = 1,
) -> ExportTraceServiceRequest:
    """`count` root spans of one service, each in a trace of its own; the first `failed` have status error."""
    source = random.Random(seed)
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    add_attributes(resource_spans.resource.attributes, {"service.name": service})
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "test"
    for index in range(count):
        span = scope_spans.spans.add(
            trace_id=source.randbytes(16),
            span_id=source.randbytes(8),
            name=name,
            kind=kind,
            start_time_unix_nano=start_ns + index,
            end_time_unix_nano=start_ns + index + duration_ns,
        )
        add_attributes(span.attributes, {"http.request.method": "GET", "index": index})
        if index < failed:
            span.status.code = 2
            span.status.message = f"order {index} is gone"
    return request


def rich_request(start_ns: int) -> ExportTraceServiceRequest:
    """Every field of the trace messages, and every kind of value that is stored differently than sent."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add(
        schema_url="https://opentelemetry.io/schemas/1.44.0"
    )
    add_attributes(
        resource_spans.resource.attributes,
        {
            "service.name": "checkout",
            "host.name": "node-1",
            "process.pid": 4711,
            "tags": ["a", "b"],
        },
    )
    resource_spans.resource.dropped_attributes_count = 3
    scope_spans = resource_spans.scope_spans.add(schema_url="https://example.org/scope/1")
    scope_spans.scope.name, scope_spans.scope.version = "rich", "1.2.3"
    add_attributes(scope_spans.scope.attributes, {"scope.key": True})
    scope_spans.scope.dropped_attributes_count = 1
    span = scope_spans.spans.add(
        trace_id=bytes.fromhex("5b8efff798038103d269b633813fc60c"),
        span_id=bytes.fromhex("eee19b7ec3c1b174"),
        parent_span_id=bytes.fromhex("eee19b7ec3c1b173"),
        trace_state="vendor=1,other=2",
        name="POST /checkout \u00fc\u4e2d\U0001f600",
        kind=2,
        start_time_unix_nano=start_ns + 789,
        end_time_unix_nano=start_ns + 789 + 1_234_567_891,
        dropped_attributes_count=4,
        dropped_events_count=5,
        dropped_links_count=6,
        flags=0x301,
    )
    add_attributes(
        span.attributes,
        {
            "text": "plain",
            "empty": "",
            "quote": 'a "quoted" \\ back\nslash \\u0000',
            "unicode": "\u00e9\u4e2d\U0001f600",
            "nul": "a\0b",
            "long": "x" * 5000,
            "true": True,
            "false": False,
            "zero": 0,
            "negative": -1,
            "big": 2**63 - 1,
            "small": -(2**63),
            "beyond_double": 2**53 + 1,
            "half": 0.5,
            "whole_double": 3.0,
            "tiny": 5e-324,
            "huge": 1.7976931348623157e308,
            "nan": math.nan,
            "infinity": math.inf,
            "minus_infinity": -math.inf,
            "bytes": b"\x00\xff\x10",
            "array": ["a", 1, 2.5, True, None, b"\x01"],
            "empty_array": [],
            "map": {"inner": {"deep": [1, {"deeper": "yes"}]}, "n": 1},
            "empty_map": {},
            "nothing": None,
            "": "empty key",
            "error.type": "CardDeclined",
        },
    )
    span.attributes.add(key="twice").value.string_value = "first"
    span.attributes.add(key="twice").value.string_value = "last"
    event = span.events.add(
        time_unix_nano=start_ns + 1_000_001, name="exception", dropped_attributes_count=2
    )
    add_attributes(
        event.attributes,
        {
            "exception.type": "CardDeclined",
            "exception.message": "card 42",
            "exception.stacktrace": "at x\n" * 99,
        },
    )
    span.events.add(time_unix_nano=start_ns + 2_000_002, name="")
    link = span.links.add(
        trace_id=bytes.fromhex("0af7651916cd43dd8448eb211c80319c"),
        span_id=bytes.fromhex("b7ad6b7169203331"),
        trace_state="link=1",
        dropped_attributes_count=7,
        flags=0x101,
    )
    add_attributes(link.attributes, {"link.key": "value"})
    span.status.code, span.status.message = 2, "card \u00e4 declined"
    bare = scope_spans.spans.add(
        trace_id=bytes.fromhex("5b8efff798038103d269b633813fc60c"),
        span_id=bytes.fromhex("0000000000000001"),
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns - 1_500,
    )
    assert not bare.name
    other = request.resource_spans.add().scope_spans.add()  # no resource, no scope, no service name
    other.spans.add(
        trace_id=bytes.fromhex("00000000000000000000000000000001"),
        span_id=bytes.fromhex("0000000000000002"),
        name="n" * 4096,
        kind=5,
        start_time_unix_nano=start_ns + 1,
        end_time_unix_nano=start_ns + 1,
    )
    return request


def plain(value: AnyValue) -> Any:
    """What docs/reference/otlp.md says an AnyValue is stored as."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    found = getattr(value, kind)
    if kind == "string_value":
        return found.replace("\0", "\ufffd")
    if kind == "bytes_value":
        return {"@bytes": base64.b64encode(found).decode()}
    if kind == "array_value":
        return [plain(item) for item in found.values]
    if kind == "kvlist_value":
        return attributes_of(found.values)
    if kind == "double_value" and not math.isfinite(found):
        return "NaN" if math.isnan(found) else "Infinity" if found > 0 else "-Infinity"
    if kind == "double_value" and abs(found) >= 1e16:
        return int(Decimal(repr(found)))  # jsonb writes its digits out; the number is the same
    return found


def attributes_of(attributes: Any) -> dict[str, Any]:
    """Attributes as a plain dictionary; the last of equal keys stays."""
    return {item.key.replace("\0", "\ufffd"): plain(item.value) for item in attributes}


def truth(request: ExportTraceServiceRequest) -> list[dict[str, Any]]:
    """One dictionary per span with all that must be found again, in the order of the request."""
    found = []
    for resource_spans in request.resource_spans:
        resource = attributes_of(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                found.append(
                    {
                        "trace_id": span.trace_id,
                        "span_id": span.span_id,
                        "parent_span_id": span.parent_span_id or None,
                        "start_unix_ns": span.start_time_unix_nano,
                        "duration_ns": span.end_time_unix_nano - span.start_time_unix_nano,
                        "service_name": resource.get("service.name") or "unknown_service",
                        "name": span.name.replace("\0", "\ufffd"),
                        "kind": span.kind,
                        "status_code": span.status.code,
                        "status_message": span.status.message.replace("\0", "\ufffd") or None,
                        "trace_state": span.trace_state or None,
                        "flags": span.flags & 0x3FF,
                        "attributes": attributes_of(span.attributes),
                        "events": [
                            {
                                "time_unix_nano": str(event.time_unix_nano),
                                "name": event.name,
                                "attributes": attributes_of(event.attributes),
                                "dropped_attributes_count": event.dropped_attributes_count,
                            }
                            for event in span.events
                        ]
                        or None,
                        "links": [
                            {
                                "trace_id": link.trace_id.hex(),
                                "span_id": link.span_id.hex(),
                                "trace_state": link.trace_state,
                                "attributes": attributes_of(link.attributes),
                                "dropped_attributes_count": link.dropped_attributes_count,
                                "flags": link.flags & 0x3FF,
                            }
                            for link in span.links
                        ]
                        or None,
                        "dropped_counts": [
                            span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count,
                        ]
                        if span.dropped_attributes_count or span.dropped_events_count or span.dropped_links_count
                        else None,
                        "resource_attributes": resource,
                        "resource_dropped": resource_spans.resource.dropped_attributes_count,
                        "resource_schema_url": resource_spans.schema_url or None,
                        "scope_name": scope_spans.scope.name,
                        "scope_version": scope_spans.scope.version,
                        "scope_attributes": attributes_of(scope_spans.scope.attributes),
                        "scope_dropped": scope_spans.scope.dropped_attributes_count,
                        "scope_schema_url": scope_spans.schema_url or None,
                    }
                )  # fmt: skip
    return found
