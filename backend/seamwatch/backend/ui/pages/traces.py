"""Search for traces: the form, a page of results, and the way to older ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from seamwatch.backend.api.parameter import PrefixParameter
from seamwatch.backend.api.readers.services import read_services
from seamwatch.backend.api.readers.traces import search_traces
from seamwatch.backend.api.route import Route, RouteKind
from seamwatch.backend.api.types import TraceSummary
from seamwatch.backend.api.window import parse_window
from seamwatch.backend.auth.roles import READ_ROLES
from seamwatch.backend.ui.pages.answer import frame_of, page_answer
from seamwatch.backend.ui.pages.parameters import text_parameter
from seamwatch.backend.ui.templating import link
from seamwatch.backend.ui.trace_form import RANGES, InvalidFieldError, TraceForm, pairs_of

if TYPE_CHECKING:
    from seamwatch.backend.api.call import Call

__all__ = ["ROUTES", "ResultRow", "result_rows"]

_PAGE_SIZE = 50
_MAX_SERVICES = 200
_A_DAY = parse_window("24h")
_FIELDS = {
    name: text_parameter(name, summary)
    for name, summary in (
        ("service", "Name of a service that takes part."),
        ("operation", "Name of a span."),
        ("status", "unset, ok or error."),
        ("min_duration_ms", "Shortest duration."),
        ("max_duration_ms", "Longest duration."),
        ("range", "How far to look back."),
        ("start", "Earliest start, UTC."),
        ("end", "Latest start, UTC."),
    )
}
_PAIR_FIELDS = tuple(
    (
        text_parameter(f"attribute_key_{number}", "Key of an attribute, as the form sends it."),
        text_parameter(f"attribute_value_{number}", "Its value."),
    )
    for number in range(1, 7)
)
_ATTRIBUTES = PrefixParameter(prefix="attr.", summary="Value of an attribute, by its key.")
_CURSOR = text_parameter("cursor", "Where an earlier page ended.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultRow:
    """One trace of the list; `bar_width` in per cent of the longest one on the page."""

    trace_id: str
    root_service_name: str
    root_name: str
    start_time: datetime
    duration_ms: float
    span_count: int
    error_count: int
    bar_width: str


async def _traces(call: Call) -> Response:
    form = _form(call)
    frame = frame_of(call)
    if _comes_from_form(call):
        target = link("/traces", form.canonical(), tenant=frame.tenant_parameter)
        return Response(status_code=303, headers={"Location": target, "Cache-Control": "no-store"})
    cursor = call.value(_CURSOR)
    before = call.read_cursor(cursor or None)
    # All pages of one listing end at the same time, else new traces would push others over the edge.
    until = datetime.fromisoformat(before["until"]) if before else frame.now
    context: dict[str, Any] = {"problem": "", "items": [], "next_href": None}
    async with call.transaction() as connection:
        services = await read_services(connection, _A_DAY, now=frame.now, limit=_MAX_SERVICES)
        try:
            found = await search_traces(
                connection,
                form.search(until, limit=_PAGE_SIZE),
                position=before["at"] if before else None,
                max_spans=call.services.config.max_trace_spans,
            )
        except InvalidFieldError as error:
            context["problem"] = str(error)
        else:
            context["items"] = result_rows(found.items)
            if found.position is not None:
                context["next_href"] = link(
                    "/traces",
                    form.canonical(),
                    cursor=call.sign_cursor({"until": until.isoformat(), "at": found.position}),
                    tenant=frame.tenant_parameter,
                )
    return page_answer(
        call,
        "traces.html",
        status=400 if context["problem"] else 200,
        frame=frame,
        form=form,
        ranges=RANGES,
        services=[service.service_name for service in services.items],
        has_previous=bool(cursor),
        first_href=link("/traces", form.canonical(), tenant=frame.tenant_parameter),
        **context,
    )


def result_rows(summaries: Sequence[TraceSummary]) -> list[ResultRow]:
    """Rows of the list; the longest trace of the page gives the scale of the bars."""
    longest = max((summary.duration_ms for summary in summaries), default=0.0) or 1.0
    return [
        ResultRow(
            trace_id=summary.trace_id,
            root_service_name=summary.root_service_name,
            root_name=summary.root_name,
            start_time=datetime.fromisoformat(summary.start_time),
            duration_ms=summary.duration_ms,
            span_count=summary.span_count,
            error_count=summary.error_count,
            bar_width=f"{max(0.5, summary.duration_ms / longest * 100):.1f}",
        )
        for summary in summaries
    ]


def _form(call: Call) -> TraceForm:
    fields = {name: call.value(parameter) for name, parameter in _FIELDS.items()}
    fields["range"] = fields["range"] or "1h"
    wanted = dict(call.values(_ATTRIBUTES))
    for key, value in _PAIR_FIELDS:
        if call.value(key):
            wanted.setdefault(call.value(key), call.value(value))
    return TraceForm(**fields, attributes=pairs_of(wanted))


def _comes_from_form(call: Call) -> bool:
    """Whether the address has what a form sends and a person would leave out."""
    given = call.request.query_params
    pair_names = {parameter.name for pair in _PAIR_FIELDS for parameter in pair}
    return any(
        name in pair_names or (not value and name in _FIELDS) for name, value in given.multi_items()
    )


ROUTES = (
    Route(
        path="/traces",
        method="GET",
        roles=READ_ROLES,
        handler=_traces,
        summary="Search for traces.",
        kind=RouteKind.PAGE,
        parameters=(
            *_FIELDS.values(),
            *(parameter for pair in _PAIR_FIELDS for parameter in pair),
            _ATTRIBUTES,
            _CURSOR,
        ),
    ),
)
