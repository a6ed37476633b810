"""Events, links and the other rare fields of a span as COPY fields."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError

from seamwatch.backend.receiver.any_value import AttributeFragments, text_json
from seamwatch.backend.receiver.lazy_schema import LazyEvent, LazyLink
from seamwatch.backend.receiver.trace_limits import MAX_FIELDS_PER_ITEM, is_crowded
from seamwatch.backend.receiver.wire import MalformedError
from seamwatch.backend.storage import copy_format as copy
from seamwatch.backend.storage.copy_format import NULL

__all__ = ["FLAGS_MASK", "SpanParts"]

FLAGS_MASK = 0x3FF  # bits 0-7 W3C trace flags, 8-9 is-remote; the rest is reserved
_COUNT_BEYOND_BYTES = 16_384


class SpanParts:
    """Renders what few spans have; safe from several threads."""

    def __init__(self, fragments: AttributeFragments) -> None:
        self._fragments = fragments

    def events(self, span: Any) -> bytes:
        """Events as a JSON array; empty where there are none."""
        return b"[" + b",".join(map(self._event, span.events)) + b"]" if span.events else b""

    def rare_fields(self, span: Any, events: bytes) -> bytes:
        """The fields trace_state, events, links and dropped_counts."""
        state = _utf8(span.trace_state, "trace_state")
        links = b"[" + b",".join(map(self._link, span.links)) + b"]" if span.links else b""
        dropped = (
            span.dropped_attributes_count,
            span.dropped_events_count,
            span.dropped_links_count,
        )
        return b"".join(
            (
                copy.text(state) if state else NULL,
                copy.jsonb(events) if events else NULL,
                copy.jsonb(links) if links else NULL,
                copy.bigint_array(dropped) if any(dropped) else NULL,
            )
        )

    def _event(self, wire: bytes) -> bytes:
        event = _parse(LazyEvent, wire, "an event")
        self._fragments.spend(len(event.attributes))
        return (
            b'{"time_unix_nano":"%d","name":%b,"attributes":{%b},"dropped_attributes_count":%d}'
            % (
                event.time_unix_nano,
                text_json(_utf8(event.name, "an event's name")),
                b",".join(map(self._fragments.__getitem__, event.attributes)),
                event.dropped_attributes_count,
            )
        )

    def _link(self, wire: bytes) -> bytes:
        link = _parse(LazyLink, wire, "a link")
        self._fragments.spend(len(link.attributes))
        return (
            b'{"trace_id":"%b","span_id":"%b","trace_state":%b,"attributes":{%b},'
            b'"dropped_attributes_count":%d,"flags":%d}'
        ) % (
            link.trace_id.hex().encode(),
            link.span_id.hex().encode(),
            text_json(_utf8(link.trace_state, "a link's trace_state")),
            b",".join(map(self._fragments.__getitem__, link.attributes)),
            link.dropped_attributes_count,
            link.flags & FLAGS_MASK,
        )


def _parse(kind: Any, wire: bytes, what: str) -> Any:
    if len(wire) > _COUNT_BEYOND_BYTES and is_crowded(wire):
        raise MalformedError(f"{what} holds more than {MAX_FIELDS_PER_ITEM} values")
    try:
        return kind.FromString(wire)
    except DecodeError as error:
        raise MalformedError(f"{what} cannot be decoded: {error}") from error


def _utf8(value: bytes, what: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise MalformedError(f"{what} is not UTF-8: {error}") from error
