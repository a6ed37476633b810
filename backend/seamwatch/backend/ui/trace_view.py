"""What the trace page shows, made of the trace as the reader returns it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from seamwatch.backend.api.types import Span, Trace
from seamwatch.backend.ui.span_view import SpanView, span_view
from seamwatch.backend.ui.svg.waterfall import OutlineSpan, Waterfall, waterfall

__all__ = ["ROWS_AT_ONCE", "selected_span", "trace_context", "trace_waterfall"]

ROWS_AT_ONCE = 500


def trace_waterfall(
    trace: Trace, *, first_row: int = 0, row_limit: int = ROWS_AT_ONCE
) -> Waterfall:
    """The rows of `trace` from `first_row` on, at most `row_limit`."""
    return waterfall(
        [_outline(span) for span in trace.spans], first_row=first_row, row_limit=row_limit
    )


def trace_context(trace: Trace, *, selected_id: str, shown_rows: int) -> dict[str, Any]:
    """Context of ``trace.html``.

    Args:
        trace: The trace, at least one span.
        selected_id: Span whose details are shown; empty: the deepest that recorded an exception, else
            the first error that no error below it explains, else the first span.
        shown_rows: Rows that are drawn at once.
    """
    fall = trace_waterfall(trace, row_limit=shown_rows)
    first = fall.rows[0].span
    chosen = selected_id or _thrower_id(trace) or fall.first_error_id or first.span_id
    remaining = fall.row_count - len(fall.rows)
    return {
        "trace_id": trace.trace_id,
        "title": f"{first.service_name}: {first.name}",
        "fall": fall,
        "started": datetime.fromtimestamp(fall.start_ns / 1e9, UTC),
        "truncated": trace.truncated,
        "shown_rows": len(fall.rows),
        "next_rows": min(ROWS_AT_ONCE, remaining),
        "selected_id": chosen,
        "span": selected_span(trace, chosen),
    }


def selected_span(trace: Trace, span_id: str) -> SpanView | None:
    """Details of the span with that id; None where the trace has none."""
    chosen = next((span for span in trace.spans if span.span_id == span_id), None)
    if chosen is None:
        return None
    return span_view(
        chosen,
        trace_start_ns=min(int(span.start_time_unix_nano) for span in trace.spans),
        has_parent=any(span.span_id == chosen.parent_span_id for span in trace.spans),
    )


def _thrower_id(trace: Trace) -> str | None:
    """The failed span with an exception that started last: where a chain of calls broke."""
    throwers = [
        (int(span.start_time_unix_nano), span.span_id)
        for span in trace.spans
        if span.status == "error" and b'"exception"' in bytes(span.events)
    ]
    return max(throwers)[1] if throwers else None


def _outline(span: Span) -> OutlineSpan:
    return OutlineSpan(
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        service_name=span.service_name,
        name=span.name,
        kind=span.kind,
        is_error=span.status == "error",
        start_ns=int(span.start_time_unix_nano),
        duration_ns=round(span.duration_ms * 1e6),
    )
