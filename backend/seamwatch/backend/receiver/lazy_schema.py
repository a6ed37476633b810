"""A wire-compatible view of OTLP traces that leaves attributes, events and links as bytes.

Parsing a batch with the official classes builds a message per attribute, which costs more than everything else
together. Here the repeated message fields are declared ``repeated bytes`` (the wire format is the same), so that
protobuf only slices them; names stay bytes too, so that one bad UTF-8 name does not refuse its whole batch.
Field numbers: opentelemetry/proto/{trace,resource,common}/v1/*.proto of OTLP 1.11.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

__all__ = ["LazyEvent", "LazyLink", "LazyResource", "LazyScope", "LazySpan", "LazyTraces"]

_PACKAGE = "seamwatch.lazy"
_FIELD = descriptor_pb2.FieldDescriptorProto
_BYTES, _INT32, _UINT32 = _FIELD.TYPE_BYTES, _FIELD.TYPE_INT32, _FIELD.TYPE_UINT32
_FIXED32, _FIXED64 = _FIELD.TYPE_FIXED32, _FIELD.TYPE_FIXED64

# message -> (field, number, type or message name, repeated)
_MESSAGES: dict[str, tuple[tuple[str, int, int | str, bool], ...]] = {
    "Span": (
        ("trace_id", 1, _BYTES, False),
        ("span_id", 2, _BYTES, False),
        ("trace_state", 3, _BYTES, False),
        ("parent_span_id", 4, _BYTES, False),
        ("name", 5, _BYTES, False),
        ("kind", 6, _INT32, False),
        ("start_time_unix_nano", 7, _FIXED64, False),
        ("end_time_unix_nano", 8, _FIXED64, False),
        ("attributes", 9, _BYTES, True),
        ("dropped_attributes_count", 10, _UINT32, False),
        ("events", 11, _BYTES, True),
        ("dropped_events_count", 12, _UINT32, False),
        ("links", 13, _BYTES, True),
        ("dropped_links_count", 14, _UINT32, False),
        ("status", 15, _BYTES, False),
        ("flags", 16, _FIXED32, False),
    ),
    "Event": (
        ("time_unix_nano", 1, _FIXED64, False),
        ("name", 2, _BYTES, False),
        ("attributes", 3, _BYTES, True),
        ("dropped_attributes_count", 4, _UINT32, False),
    ),
    "Link": (
        ("trace_id", 1, _BYTES, False),
        ("span_id", 2, _BYTES, False),
        ("trace_state", 3, _BYTES, False),
        ("attributes", 4, _BYTES, True),
        ("dropped_attributes_count", 5, _UINT32, False),
        ("flags", 6, _FIXED32, False),
    ),
    "Resource": (
        ("attributes", 1, _BYTES, True),
        ("dropped_attributes_count", 2, _UINT32, False),
    ),
    "Scope": (
        ("name", 1, _BYTES, False),
        ("version", 2, _BYTES, False),
        ("attributes", 3, _BYTES, True),
        ("dropped_attributes_count", 4, _UINT32, False),
    ),
    "ScopeSpans": (
        ("scope", 1, _BYTES, False),
        ("spans", 2, "Span", True),
        ("schema_url", 3, _BYTES, False),
    ),
    "ResourceSpans": (
        ("resource", 1, _BYTES, False),
        ("scope_spans", 2, "ScopeSpans", True),
        ("schema_url", 3, _BYTES, False),
    ),
    "Traces": (("resource_spans", 1, "ResourceSpans", True),),
}


def _build() -> dict[str, Any]:
    """Message classes by name, from a descriptor of our own pool (the official one stays untouched)."""
    file = descriptor_pb2.FileDescriptorProto(
        name="seamwatch/lazy.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
            if isinstance(kind, str):
                message.field.add(
                    name=field,
                    number=number,
                    label=label,
                    type=_FIELD.TYPE_MESSAGE,
                    type_name=f".{_PACKAGE}.{kind}",
                )
            else:
                message.field.add(name=field, number=number, label=label, type=kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _MESSAGES
    }


_CLASSES = _build()
LazyTraces: Any = _CLASSES["Traces"]
LazyResource: Any = _CLASSES["Resource"]
LazyScope: Any = _CLASSES["Scope"]
LazySpan: Any = _CLASSES["Span"]
LazyEvent: Any = _CLASSES["Event"]
LazyLink: Any = _CLASSES["Link"]
