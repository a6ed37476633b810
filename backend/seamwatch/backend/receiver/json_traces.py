"""OTLP/JSON of traces: structures and wire bytes."""

from __future__ import annotations

from msgspec import Raw, Struct
from msgspec.json import Decoder

from seamwatch.backend.receiver.ingest_protocol import TooLargeError
from seamwatch.backend.receiver.json_common import (
    KeyValue,
    Resource,
    Scope,
    attributes,
    dropped_count,
    resource_field,
    scope_field,
)
from seamwatch.backend.receiver.json_fields import (
    FIXED32,
    FIXED64,
    LENGTH,
    VARINT,
    InvalidFieldError,
    Number,
    enum,
    hex_id,
    length_delimited,
    tag,
    text,
    uint32,
    uint64,
    varint,
)
from seamwatch.backend.receiver.json_problem import named

__all__ = ["TracesRequest", "encode_traces"]


class Event(Struct, rename="camel", gc=False):
    """Something that happened during a span."""

    time_unix_nano: Number | None = None
    name: str | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: Number | None = None


class Link(Struct, rename="camel", gc=False):
    """A pointer to another span."""

    trace_id: str | None = None
    span_id: str | None = None
    trace_state: str | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: Number | None = None
    flags: Number | None = None


class SpanStatus(Struct, gc=False):
    """How a span ended."""

    message: str | None = None
    code: int | None = None


class Span(Struct, rename="camel", gc=False):
    """A span."""

    trace_id: str | None = None
    span_id: str | None = None
    trace_state: str | None = None
    parent_span_id: str | None = None
    name: str | None = None
    kind: int | None = None
    start_time_unix_nano: Number | None = None
    end_time_unix_nano: Number | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: Number | None = None
    events: list[Event] | None = None
    dropped_events_count: Number | None = None
    links: list[Link] | None = None
    dropped_links_count: Number | None = None
    status: SpanStatus | None = None
    flags: Number | None = None


class ScopeSpans(Struct, rename="camel", gc=False):
    """Spans of one scope, each still as JSON: built one at a time, so that a batch never stands in memory whole."""

    scope: Scope | None = None
    spans: list[Raw] | None = None
    schema_url: str | None = None


class ResourceSpans(Struct, rename="camel", gc=False):
    """Spans of one resource."""

    resource: Resource | None = None
    scope_spans: list[ScopeSpans] | None = None
    schema_url: str | None = None


class TracesRequest(Struct, rename="camel", gc=False):
    """ExportTraceServiceRequest."""

    resource_spans: list[ResourceSpans] | None = None


_RESOURCE_SPANS = tag(1, LENGTH)
_RESOURCE = tag(1, LENGTH)
_SCOPE_SPANS = tag(2, LENGTH)
_SCOPE = tag(1, LENGTH)
_SPANS = tag(2, LENGTH)
_SCHEMA_URL = tag(3, LENGTH)

_TRACE_ID = tag(1, LENGTH)
_SPAN_ID = tag(2, LENGTH)
_TRACE_STATE = tag(3, LENGTH)
_PARENT_SPAN_ID = tag(4, LENGTH)
_NAME = tag(5, LENGTH)
_KIND = tag(6, VARINT)
_START = tag(7, FIXED64)
_END = tag(8, FIXED64)
_ATTRIBUTES = tag(9, LENGTH)
_DROPPED_ATTRIBUTES = tag(10, VARINT)
_EVENTS = tag(11, LENGTH)
_DROPPED_EVENTS = tag(12, VARINT)
_LINKS = tag(13, LENGTH)
_DROPPED_LINKS = tag(14, VARINT)
_STATUS = tag(15, LENGTH)
_FLAGS = tag(16, FIXED32)

_EVENT_TIME = tag(1, FIXED64)
_EVENT_NAME = tag(2, LENGTH)
_EVENT_ATTRIBUTES = tag(3, LENGTH)
_EVENT_DROPPED = tag(4, VARINT)
_LINK_TRACE_ID = tag(1, LENGTH)
_LINK_SPAN_ID = tag(2, LENGTH)
_LINK_TRACE_STATE = tag(3, LENGTH)
_LINK_ATTRIBUTES = tag(4, LENGTH)
_LINK_DROPPED = tag(5, VARINT)
_LINK_FLAGS = tag(6, FIXED32)
_STATUS_MESSAGE = tag(2, LENGTH)
_STATUS_CODE = tag(3, VARINT)


def encode_traces(request: TracesRequest, max_items: int) -> bytes:
    """ExportTraceServiceRequest as wire bytes.

    Raises:
        TooLargeError: More than `max_items` spans; found before the first is built.
        InvalidFieldError: A field does not fit; names its path from the top.
    """
    groups = request.resource_spans or ()
    count = sum(
        len(scope_spans.spans or ()) for group in groups for scope_spans in group.scope_spans or ()
    )
    if count > max_items:
        raise TooLargeError(f"the request has {count} spans, more than {max_items}")
    decoder = Decoder(Span)
    key_heads: dict[str, bytes] = {}
    output: list[bytes] = []
    for index, group in enumerate(groups):
        with named(f"resourceSpans[{index}]"):
            content = _resource_spans(group, decoder, key_heads)
            output.append(length_delimited(_RESOURCE_SPANS, content))
    return output[0] if len(output) == 1 else b"".join(output)


def _resource_spans(
    group: ResourceSpans, decoder: Decoder[Span], key_heads: dict[str, bytes]
) -> bytearray:
    output = bytearray()
    with named("resource"):
        output += resource_field(_RESOURCE, group.resource)
    for index, scope_spans in enumerate(group.scope_spans or ()):
        with named(f"scopeSpans[{index}]"):
            output += length_delimited(_SCOPE_SPANS, _scope_spans(scope_spans, decoder, key_heads))
    if group.schema_url:
        output += text(_SCHEMA_URL, group.schema_url)
    return output


def _scope_spans(
    group: ScopeSpans, decoder: Decoder[Span], key_heads: dict[str, bytes]
) -> bytearray:
    output = (
        bytearray()
    )  # grows in place: a list of many small pieces would be three times as large
    with named("scope"):
        output += scope_field(_SCOPE, group.scope)
    decode = decoder.decode
    index = 0
    with named(lambda: f"spans[{index}]"):
        for index, raw in enumerate(group.spans or ()):  # noqa: B007 - read by the name above
            output += length_delimited(_SPANS, _span(decode(raw), key_heads))
    if group.schema_url:
        output += text(_SCHEMA_URL, group.schema_url)
    return output


def _span(span: Span, key_heads: dict[str, bytes]) -> bytearray:
    """One span's content; written out flat, because calls are what costs here."""
    output = bytearray()
    if span.trace_id:
        output += length_delimited(_TRACE_ID, hex_id(span.trace_id))
    if span.span_id:
        output += length_delimited(_SPAN_ID, hex_id(span.span_id))
    if span.trace_state:
        output += text(_TRACE_STATE, span.trace_state)
    if span.parent_span_id:
        output += length_delimited(_PARENT_SPAN_ID, hex_id(span.parent_span_id))
    if span.name:
        output += text(_NAME, span.name)
    if span.kind:
        output += _KIND + varint(enum(span.kind, "kind"))
    if span.start_time_unix_nano is not None:
        output += _START + uint64(span.start_time_unix_nano, "startTimeUnixNano").to_bytes(
            8, "little"
        )
    if span.end_time_unix_nano is not None:
        output += _END + uint64(span.end_time_unix_nano, "endTimeUnixNano").to_bytes(8, "little")
    if span.attributes:
        try:
            output += attributes(_ATTRIBUTES, span.attributes, key_heads)
        except InvalidFieldError as error:
            raise error.under("attributes") from None
    if span.dropped_attributes_count is not None:
        output += dropped_count(
            _DROPPED_ATTRIBUTES, span.dropped_attributes_count, "droppedAttributesCount"
        )
    for index, event in enumerate(span.events or ()):
        with named(f"events[{index}]"):
            output += length_delimited(_EVENTS, _event(event, key_heads))
    if span.dropped_events_count is not None:
        output += dropped_count(_DROPPED_EVENTS, span.dropped_events_count, "droppedEventsCount")
    for index, link in enumerate(span.links or ()):
        with named(f"links[{index}]"):
            output += length_delimited(_LINKS, _link(link, key_heads))
    if span.dropped_links_count is not None:
        output += dropped_count(_DROPPED_LINKS, span.dropped_links_count, "droppedLinksCount")
    if span.status is not None:
        output += length_delimited(_STATUS, _status(span.status))
    if span.flags is not None:
        output += _FLAGS + uint32(span.flags, "flags").to_bytes(4, "little")
    return output


def _event(event: Event, key_heads: dict[str, bytes]) -> bytearray:
    output = bytearray()
    if event.time_unix_nano is not None:
        output += _EVENT_TIME + uint64(event.time_unix_nano, "timeUnixNano").to_bytes(8, "little")
    if event.name:
        output += text(_EVENT_NAME, event.name)
    if event.attributes:
        with named("attributes"):
            output += attributes(_EVENT_ATTRIBUTES, event.attributes, key_heads)
    output += dropped_count(
        _EVENT_DROPPED, event.dropped_attributes_count, "droppedAttributesCount"
    )
    return output


def _link(link: Link, key_heads: dict[str, bytes]) -> bytearray:
    output = bytearray()
    if link.trace_id:
        output += length_delimited(_LINK_TRACE_ID, hex_id(link.trace_id))
    if link.span_id:
        output += length_delimited(_LINK_SPAN_ID, hex_id(link.span_id))
    if link.trace_state:
        output += text(_LINK_TRACE_STATE, link.trace_state)
    if link.attributes:
        with named("attributes"):
            output += attributes(_LINK_ATTRIBUTES, link.attributes, key_heads)
    output += dropped_count(_LINK_DROPPED, link.dropped_attributes_count, "droppedAttributesCount")
    if link.flags is not None:
        output += _LINK_FLAGS + uint32(link.flags, "flags").to_bytes(4, "little")
    return output


def _status(status: SpanStatus) -> bytearray:
    output = bytearray()
    if status.message:
        output += text(_STATUS_MESSAGE, status.message)
    if status.code:
        with named("status"):
            output += _STATUS_CODE + varint(enum(status.code, "code"))
    return output
