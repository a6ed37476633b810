"""Search for traces, and one trace."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response

from seamwatch.backend.api.answer import json_answer
from seamwatch.backend.api.call import Call
from seamwatch.backend.api.parameter import PrefixParameter
from seamwatch.backend.api.parameters import (
    CURSOR,
    LIMIT,
    SERVICE,
    choice,
    duration_parameter,
    text_parameter,
    time_parameter,
)
from seamwatch.backend.api.problem import ProblemError
from seamwatch.backend.api.query_string import invalid
from seamwatch.backend.api.readers.page import Position
from seamwatch.backend.api.readers.trace import parse_trace_id, read_trace
from seamwatch.backend.api.readers.trace_search import STATUS_CODES, TraceSearch
from seamwatch.backend.api.readers.traces import search_traces
from seamwatch.backend.api.route import Route
from seamwatch.backend.api.types import Listing, Trace, TraceSummary
from seamwatch.backend.api.window import utc_now
from seamwatch.backend.auth.roles import READ_ROLES

__all__ = ["ROUTES"]

# Senders' clocks run a little ahead of ours; what starts later than this is found by end=.
_CLOCK_SKEW = timedelta(seconds=5)
_LOOK_BACK = timedelta(days=400)

_OPERATION = text_parameter("operation", "Name of a span, whole")
_STATUS = choice("status", tuple(STATUS_CODES), "Status of the span")
_MIN_DURATION = duration_parameter("min_duration_ms", "Shortest duration of the span")
_MAX_DURATION = duration_parameter("max_duration_ms", "Longest duration of span and trace")
_START = time_parameter("start", "Earliest start of the span, inclusive")
_END = time_parameter("end", "Latest start of the span, exclusive; default: now")
ATTRIBUTES = PrefixParameter(
    prefix="attr.", summary="Value of a span attribute: equal as a string, number or boolean"
)
TRACE_PARAMETERS = (
    SERVICE,
    _OPERATION,
    _STATUS,
    _MIN_DURATION,
    _MAX_DURATION,
    _START,
    _END,
    ATTRIBUTES,
    LIMIT,
    CURSOR,
)


def trace_search(call: Call) -> tuple[TraceSearch, Position | None]:
    """The search that a call with `TRACE_PARAMETERS` asks for, and where it goes on.

    The first page fixes the end of the range; its cursor carries it to the next ones.
    """
    position = call.read_cursor(call.value(CURSOR))
    end = call.value(_END)
    if end is None:
        end = utc_now(call.services.clock()) + _CLOCK_SKEW
        if position is not None:
            end = datetime.fromisoformat(position["end"])
    start = call.value(_START)
    if start is not None and start > end:
        raise invalid("start", start.isoformat(), "is after end", "give an earlier start")
    search = TraceSearch(
        start=start or max(end - _LOOK_BACK, datetime(1970, 1, 1, tzinfo=end.tzinfo)),
        end=end,
        service=call.value(SERVICE),
        operation=call.value(_OPERATION),
        status=call.value(_STATUS),
        min_duration_ms=call.value(_MIN_DURATION),
        max_duration_ms=call.value(_MAX_DURATION),
        attributes=call.values(ATTRIBUTES),
        limit=call.value(LIMIT),
    )
    return search, position


def trace_not_found() -> ProblemError:
    """The same answer whether a trace does not exist or belongs to another tenant."""
    return ProblemError(
        404,
        "Not found",
        detail="there is no trace with this id",
        remedy="check the id; spans are kept for SEAMWATCH_RETENTION_DAYS",
        parameter="trace_id",
    )


async def list_traces(call: Call) -> Response:
    """Traces, newest first."""
    search, position = trace_search(call)
    async with call.transaction() as connection:
        page = await search_traces(
            connection,
            search,
            position=position,
            max_spans=call.services.config.max_trace_spans,
        )
    return json_answer(
        call,
        Listing(items=page.items, next_cursor=call.sign_cursor(with_end(page.position, search))),
    )


def with_end(position: dict[str, Any] | None, search: TraceSearch) -> Position | None:
    """A position that carries the end of the range to the next page."""
    return None if position is None else {**position, "end": search.end.isoformat()}


async def get_trace(call: Call) -> Response:
    """One trace with all its spans."""
    text = call.path_value("trace_id")
    try:
        trace_id = parse_trace_id(text)
    except ValueError as error:
        raise invalid("trace_id", text, "is not a trace id", str(error)) from error
    config = call.services.config
    async with call.transaction() as connection:
        trace = await read_trace(
            connection,
            trace_id,
            max_spans=config.max_trace_spans,
            max_bytes=config.max_trace_bytes,
        )
    if trace is None:
        raise trace_not_found()
    return json_answer(call, trace)


ROUTES = (
    Route(
        path="/api/apm/traces",
        method="GET",
        roles=READ_ROLES,
        handler=list_traces,
        summary="Traces with a span that meets the filters, newest first",
        parameters=TRACE_PARAMETERS,
        answer=Listing[TraceSummary],
    ),
    Route(
        path="/api/apm/traces/{trace_id}",
        method="GET",
        roles=READ_ROLES,
        handler=get_trace,
        summary="One trace with all its spans",
        answer=Trace,
    ),
)
