"""Errors, grouped by service, type and message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from starlette.responses import Response

from seamwatch.backend.api.readers.errors import read_errors
from seamwatch.backend.api.readers.services import read_services
from seamwatch.backend.api.route import Route, RouteKind
from seamwatch.backend.api.types import ErrorGroup
from seamwatch.backend.api.window import parse_window
from seamwatch.backend.auth.roles import READ_ROLES
from seamwatch.backend.ui.pages.answer import frame_of, page_answer
from seamwatch.backend.ui.pages.parameters import WINDOW, WINDOWS, text_parameter
from seamwatch.backend.ui.templating import link

if TYPE_CHECKING:
    from seamwatch.backend.api.call import Call

__all__ = ["ROUTES", "GroupRow", "group_rows"]

_PAGE_SIZE = 50
_MAX_SERVICES = 200
_A_DAY = parse_window("24h")
_SERVICE = text_parameter("service", "Only errors of this service.")
_CURSOR = text_parameter("cursor", "Where an earlier page ended.")


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupRow:
    """One group; `bar_width` in per cent of the largest one on the page."""

    service_name: str
    error_type: str
    span_name: str
    message: str
    error_count: int
    first_seen_at: datetime
    last_seen_at: datetime
    trace_id: str
    bar_width: str


async def _errors(call: Call) -> Response:
    frame = frame_of(call)
    window, service, cursor = call.value(WINDOW), call.value(_SERVICE), call.value(_CURSOR)
    async with call.transaction() as connection:
        services = await read_services(connection, _A_DAY, now=frame.now, limit=_MAX_SERVICES)
        found = await read_errors(
            connection,
            window,
            now=frame.now,
            service_name=service or None,
            limit=_PAGE_SIZE,
            position=call.read_cursor(cursor or None),
        )
    next_href = None
    if found.position is not None:
        given = {
            k: v for k, v in call.request.query_params.items() if k not in ("cursor", "tenant")
        }
        next_href = link(
            "/errors",
            given,
            cursor=call.sign_cursor(found.position),
            tenant=frame.tenant_parameter,
        )
    return page_answer(
        call,
        "errors.html",
        frame=frame,
        windows=WINDOWS,
        window=window.text,
        service=service,
        services=[item.service_name for item in services.items],
        groups=group_rows(found.items),
        next_href=next_href,
    )


def group_rows(groups: Sequence[ErrorGroup]) -> list[GroupRow]:
    """Rows of the list; the largest group of the page gives the scale of the bars."""
    largest = max((group.error_count for group in groups), default=0) or 1
    return [
        GroupRow(
            service_name=group.service_name,
            error_type=group.error_type,
            span_name=group.span_name,
            message=group.message,
            error_count=group.error_count,
            first_seen_at=group.first_seen_at,
            last_seen_at=datetime.fromisoformat(group.last_seen_at),
            trace_id=group.trace_id,
            bar_width=f"{max(0.5, group.error_count / largest * 100):.1f}",
        )
        for group in groups
    ]


ROUTES = (
    Route(
        path="/errors",
        method="GET",
        roles=READ_ROLES,
        handler=_errors,
        summary="Errors by service, type and message.",
        kind=RouteKind.PAGE,
        parameters=(WINDOW, _SERVICE, _CURSOR),
    ),
)
