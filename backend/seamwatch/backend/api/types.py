"""Answers of the admin API as Structs: what the JSON holds, field by field.

Durations end in ``_ms``; times are UTC; ``str`` times keep nanoseconds; integers beyond 2^53 inside
attributes are strings. `JsonText` holds JSON exactly as stored, it is spliced into the answer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

import msgspec

__all__ = [
    "AuditEntry",
    "Dashboard",
    "DashboardSeries",
    "DroppedCounts",
    "ErrorGroup",
    "JsonText",
    "Listing",
    "Scope",
    "SeamCounts",
    "Service",
    "ServiceSeries",
    "ServiceSummary",
    "Span",
    "SpanResource",
    "Trace",
    "TraceSummary",
    "Verdict",
]

JsonText = msgspec.Raw

_Item = TypeVar("_Item")


class Listing(msgspec.Struct, Generic[_Item], frozen=True):
    """One page of a list; `next_cursor` is null at its end. A page may be short and still go on."""

    items: list[_Item]
    next_cursor: str | None


class ServiceSummary(msgspec.Struct, frozen=True):
    """Requests of one service in the window; percentiles are null without requests."""

    service_name: str
    request_count: int
    error_ratio: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class SeamCounts(msgspec.Struct, frozen=True):
    """How many of each seam are known; null where nothing watches it yet."""

    webhooks: int | None = None
    websockets: int | None = None
    models: int | None = None
    breakers: int | None = None


class Dashboard(msgspec.Struct, frozen=True):
    """Rate, errors and duration of every service."""

    window: str
    generated_at: datetime
    services: list[ServiceSummary]
    seams: SeamCounts


class ServiceSeries(msgspec.Struct, frozen=True):
    """One service over time; every list has an entry per step, percentiles null without requests."""

    service_name: str
    request_count: list[int]
    error_count: list[int]
    p50_ms: list[float | None]
    p99_ms: list[float | None]


class DashboardSeries(msgspec.Struct, frozen=True):
    """Charts of the dashboard: steps of `step_s` seconds that start at `times` (Unix seconds)."""

    window: str
    step_s: int
    times: list[int]
    services: list[ServiceSeries]


class Service(msgspec.Struct, frozen=True):
    """One service seen in the window; requests are its entry spans."""

    service_name: str
    operation_count: int
    last_seen_at: datetime
    span_count: int
    request_count: int
    requests_per_s: float
    error_ratio: float


class TraceSummary(msgspec.Struct, frozen=True):
    """One trace in a search; counts stop at the span limit of a trace."""

    trace_id: str
    root_service_name: str
    root_name: str
    start_time: str
    duration_ms: float
    span_count: int
    error_count: int


class SpanResource(msgspec.Struct, frozen=True):
    """What produced a span."""

    attributes: JsonText
    schema_url: str | None
    dropped_attributes_count: int


class Scope(msgspec.Struct, frozen=True):
    """The instrumentation scope of a span."""

    name: str
    version: str
    attributes: JsonText
    schema_url: str | None
    dropped_attributes_count: int


class DroppedCounts(msgspec.Struct, frozen=True):
    """What the sender says it left out."""

    attributes: int
    events: int
    links: int


class Span(msgspec.Struct, frozen=True):
    """One span as stored. `kind`: unspecified, internal, server, client, producer, consumer;
    `status`: unset, ok, error (the number itself, as text, where a sender invented one)."""

    span_id: str
    parent_span_id: str | None
    service_name: str
    name: str
    kind: str
    status: str
    status_message: str | None
    start_time: str
    start_time_unix_nano: str
    duration_ms: float
    attributes: JsonText
    resource: JsonText  # a SpanResource
    scope: JsonText  # a Scope
    events: JsonText
    links: JsonText
    flags: int
    trace_state: str | None
    dropped: DroppedCounts


class Trace(msgspec.Struct, frozen=True):
    """All spans of one trace by start time; `truncated` where it has more than the limit."""

    trace_id: str
    start_time: str
    duration_ms: float
    truncated: bool
    spans: list[Span]


class ErrorGroup(msgspec.Struct, frozen=True):
    """Errors of one service, type and message fingerprint; the newest is the exemplar."""

    service_name: str
    error_type: str
    fingerprint: str
    span_name: str
    message: str
    error_count: int
    first_seen_at: datetime
    last_seen_at: str
    trace_id: str


class Verdict(msgspec.Struct, frozen=True):
    """A state that an analysis holds of a subject; `until` is null while it lasts."""

    verdict_id: str
    kind: str
    subject: str
    state: str
    since: datetime
    until: datetime | None
    evidence: JsonText


class AuditEntry(msgspec.Struct, frozen=True):
    """One act of a person, token or command."""

    audit_id: str
    at: datetime
    actor: str
    action: str
    target: str
    detail: JsonText
