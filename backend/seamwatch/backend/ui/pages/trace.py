"""One trace: its waterfall, and the details of one span beside it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import Response

from seamwatch.backend.api.parameter import Parameter
from seamwatch.backend.api.problem import ProblemError
from seamwatch.backend.api.readers.trace import parse_trace_id, read_trace
from seamwatch.backend.api.route import Route, RouteKind
from seamwatch.backend.auth.roles import READ_ROLES
from seamwatch.backend.ui.pages.answer import page_answer
from seamwatch.backend.ui.pages.parameters import text_parameter
from seamwatch.backend.ui.trace_view import (
    ROWS_AT_ONCE,
    selected_span,
    trace_context,
    trace_waterfall,
)

if TYPE_CHECKING:
    from seamwatch.backend.api.call import Call
    from seamwatch.backend.api.types import Trace

__all__ = ["ROUTES"]


def _row_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 7):
        raise ValueError("give a whole number of rows")
    return int(text)


_SPAN = text_parameter("span", "Span whose details are shown, by its id.")
_ROWS = Parameter(
    name="rows", parse=_row_number, default=ROWS_AT_ONCE, summary="Rows that are drawn at once."
)
_FIRST = Parameter(name="first", parse=_row_number, default=0, summary="First row that is drawn.")


async def _page(call: Call) -> Response:
    trace = await _trace(call)
    shown_rows = max(ROWS_AT_ONCE, call.value(_ROWS))
    selected_id = call.value(_SPAN).lower()

    def render() -> Response:
        context = trace_context(trace, selected_id=selected_id, shown_rows=shown_rows)
        return page_answer(call, "trace.html", **context)

    # In a thread: 10,000 spans take 100 ms, in which the loop would answer nobody else.
    return await asyncio.to_thread(render)


async def _rows(call: Call) -> Response:
    trace = await _trace(call)
    fall = await asyncio.to_thread(trace_waterfall, trace, first_row=call.value(_FIRST))
    shown_rows = fall.first_row + len(fall.rows)
    return page_answer(
        call,
        "trace_rows.html",
        trace_id=trace.trace_id,
        fall=fall,
        shown_rows=shown_rows,
        next_rows=max(0, min(ROWS_AT_ONCE, fall.row_count - shown_rows)),
        selected_id="",
    )


async def _span(call: Call) -> Response:
    trace = await _trace(call)
    span_id = call.path_value("span_id").lower()
    return page_answer(
        call,
        "span.html",
        trace_id=trace.trace_id,
        span=selected_span(trace, span_id),
        selected_id=span_id,
    )


async def _trace(call: Call) -> Trace:
    """The trace of the path; a malformed id and another tenant's trace are answered alike."""
    try:
        trace_id = parse_trace_id(call.path_value("trace_id"))
    except ValueError:
        raise _unknown_trace() from None
    config = call.services.config
    async with call.transaction() as connection:
        trace = await read_trace(
            connection,
            trace_id,
            max_spans=config.max_trace_spans,
            max_bytes=config.max_trace_bytes,
        )
    if trace is None:
        raise _unknown_trace()
    return trace


def _unknown_trace() -> ProblemError:
    return ProblemError(
        404,
        "Trace not found",
        detail="There is no trace with this id.",
        remedy=(
            "Its spans may still be on their way: services send what is not an error within "
            "30 seconds. Traces older than the retention are gone."
        ),
    )


ROUTES = (
    Route(
        path="/traces/{trace_id}",
        method="GET",
        roles=READ_ROLES,
        handler=_page,
        summary="Waterfall of one trace.",
        kind=RouteKind.PAGE,
        parameters=(_SPAN, _ROWS),
    ),
    Route(
        path="/traces/{trace_id}/rows",
        method="GET",
        roles=READ_ROLES,
        handler=_rows,
        summary="Further rows of a waterfall.",
        kind=RouteKind.PAGE,
        parameters=(_FIRST,),
    ),
    Route(
        path="/traces/{trace_id}/spans/{span_id}",
        method="GET",
        roles=READ_ROLES,
        handler=_span,
        summary="Details of one span, as a part of the trace page.",
        kind=RouteKind.PAGE,
    ),
)
