"""What a search for traces asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["STATUS_CODES", "TraceSearch"]

STATUS_CODES = {"unset": 0, "ok": 1, "error": 2}


@dataclass(frozen=True, kw_only=True)
class TraceSearch:
    """Filters that one span of a trace must meet together for the trace to be listed.

    Without `service`, `operation` and `attributes` the span is an entry span (a root, or kind server
    or consumer), or with ``status="error"`` any failing span. No listed trace lasts longer than
    `max_duration_ms` itself.

    Attributes:
        start: Earliest start of the span (inclusive).
        end: Latest start of the span (exclusive).
        status: A key of `STATUS_CODES`.
        attributes: Wanted value by attribute key: equal as a string, number or boolean.
        limit: Longest page, 1 to 200.
    """

    start: datetime
    end: datetime
    service: str | None = None
    operation: str | None = None
    status: str | None = None
    min_duration_ms: float | None = None
    max_duration_ms: float | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    limit: int = 50
