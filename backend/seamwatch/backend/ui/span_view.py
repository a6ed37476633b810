"""What the details panel shows of one span: attributes, events, links, resource and scope as text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seamwatch.backend.api.types import JsonText, Span
from seamwatch.backend.ui.format import duration, visible

__all__ = ["AttributeRow", "EventView", "ExceptionView", "LinkView", "SpanView", "span_view"]

_SHOWN_CHARACTERS = 200
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}")


@dataclass(frozen=True, kw_only=True, slots=True)
class AttributeRow:
    """One attribute: the shown text and, where that was cut, all of it in `rest`."""

    key: str
    value: str
    rest: str
    kind: str
    length: int


@dataclass(frozen=True, kw_only=True, slots=True)
class EventView:
    """One event of a span; `offset` counts from the start of the trace."""

    name: str
    offset: str
    attributes: tuple[AttributeRow, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExceptionView:
    """An event that follows the conventions for exceptions."""

    type: str
    message: str
    stacktrace: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkView:
    """A link to another span; the ids are empty where they are not valid."""

    trace_id: str
    span_id: str
    attributes: tuple[AttributeRow, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SpanView:
    """One span, ready to be shown."""

    span_id: str
    parent_span_id: str | None
    has_parent: bool
    service_name: str
    name: str
    kind: str
    status: str
    status_message: str | None
    trace_state: str | None
    duration_ms: float
    offset: str
    dropped: str
    attributes: tuple[AttributeRow, ...]
    exceptions: tuple[ExceptionView, ...]
    events: tuple[EventView, ...]
    links: tuple[LinkView, ...]
    resource: tuple[AttributeRow, ...]
    scope: tuple[AttributeRow, ...]


def span_view(span: Span, *, trace_start_ns: int, has_parent: bool) -> SpanView:
    """View of `span` in a trace that starts at `trace_start_ns`; `has_parent`: its parent is stored too."""
    events = [event for event in _decode(span.events, list) if isinstance(event, dict)]
    exceptions = [event for event in events if event.get("name") == "exception"]
    resource = _decode(span.resource, dict)
    return SpanView(
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        has_parent=has_parent,
        service_name=span.service_name,
        name=span.name,
        kind=span.kind,
        status=span.status,
        status_message=span.status_message,
        trace_state=span.trace_state,
        duration_ms=span.duration_ms,
        offset=duration((int(span.start_time_unix_nano) - trace_start_ns) / 1e6),
        dropped=", ".join(
            f"{number} {what}"
            for what, number in (
                ("attributes", span.dropped.attributes),
                ("events", span.dropped.events),
                ("links", span.dropped.links),
            )
            if number
        ),
        attributes=_rows(_decode(span.attributes, dict)),
        exceptions=tuple(_exception(event) for event in exceptions),
        events=tuple(_event(event, trace_start_ns) for event in events),
        links=tuple(_link(link) for link in _decode(span.links, list) if isinstance(link, dict)),
        resource=_rows(resource.get("attributes") or {}),
        scope=_scope(_decode(span.scope, dict)),
    )


class _Number(str):
    """A number as it is written, which neither an int nor a float of ours would keep."""


def _decode(text: JsonText, kind: type[Any]) -> Any:
    value = json.loads(bytes(text), parse_int=_whole, parse_float=_decimal)
    return value if isinstance(value, kind) else kind()


def _whole(text: str) -> int | _Number:
    return int(text) if len(text) < 20 else _Number(text)


def _decimal(text: str) -> float | _Number:
    value = float(text)
    return value if repr(value) == text else _Number(text)


def _rows(attributes: Mapping[str, Any]) -> tuple[AttributeRow, ...]:
    return tuple(_row(key, attributes[key]) for key in sorted(attributes))


def _row(key: str, value: Any) -> AttributeRow:
    text, kind = _as_text(value)
    shown = visible(text)
    is_long = len(shown) > _SHOWN_CHARACTERS
    return AttributeRow(
        key=key,
        value=shown[:_SHOWN_CHARACTERS].rstrip() + "…" if is_long else shown,
        rest=shown if is_long else "",
        kind=kind,
        length=len(text),
    )


def _as_text(value: Any) -> tuple[str, str]:
    """Text of an attribute's value, and the class that says its type."""
    match value:
        case None:
            return "empty", "empty"
        case str() if not value:
            return "empty text", "empty"
        case bool():
            return ("true" if value else "false"), "boolean"
        case int() | float() | _Number():
            return str(value), "number"
        case str():
            return value, "text"
        case {"@bytes": str(encoded)} if len(value) == 1:
            return f"bytes, base64: {encoded}", "text"
        case _:
            return json.dumps(value, ensure_ascii=False, indent=1), "text"


def _exception(event: Mapping[str, Any]) -> ExceptionView:
    attributes = event.get("attributes") or {}
    return ExceptionView(
        type=str(attributes.get("exception.type") or "exception"),
        message=str(attributes.get("exception.message") or ""),
        stacktrace=str(attributes.get("exception.stacktrace") or ""),
    )


def _event(event: Mapping[str, Any], trace_start_ns: int) -> EventView:
    attributes = dict(event.get("attributes") or {})
    if event.get("name") == "exception":
        attributes.pop("exception.stacktrace", None)  # shown above, with its line breaks
    at_ns = int(event.get("time_unix_nano") or trace_start_ns)
    return EventView(
        name=str(event.get("name") or "event without a name"),
        offset=duration((at_ns - trace_start_ns) / 1e6),
        attributes=_rows(attributes),
    )


def _link(link: Mapping[str, Any]) -> LinkView:
    trace_id, span_id = str(link.get("trace_id") or ""), str(link.get("span_id") or "")
    is_valid = _TRACE_ID.fullmatch(trace_id) and _SPAN_ID.fullmatch(span_id)
    return LinkView(
        trace_id=trace_id if is_valid else "",
        span_id=span_id if is_valid else "",
        attributes=_rows(link.get("attributes") or {}),
    )


def _scope(scope: Mapping[str, Any]) -> tuple[AttributeRow, ...]:
    named = {key: scope[key] for key in ("name", "version", "schema_url") if scope.get(key)}
    return tuple(_row(key, value) for key, value in named.items()) + _rows(
        scope.get("attributes") or {}
    )
