"""The overview: every service with its rate, errors and duration, refreshed while it is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from seamwatch.backend.api.readers.dashboard import read_dashboard, read_series
from seamwatch.backend.api.readers.errors import read_errors
from seamwatch.backend.api.readers.verdicts import read_verdicts
from seamwatch.backend.api.route import Route, RouteKind
from seamwatch.backend.api.window import parse_window, utc_now
from seamwatch.backend.auth.roles import READ_ROLES
from seamwatch.backend.ui.health import HEALTH_KIND, service_states
from seamwatch.backend.ui.overview_view import overview_context
from seamwatch.backend.ui.pages.answer import page_answer
from seamwatch.backend.ui.pages.errors import group_rows
from seamwatch.backend.ui.pages.parameters import WINDOW, WINDOWS, text_parameter

if TYPE_CHECKING:
    from seamwatch.backend.api.call import Call

__all__ = ["ROUTES"]

_NUMBERS = text_parameter("numbers", "Service whose chart is shown as a table too.")
_HOUR = parse_window("1h")
_MAX_VERDICTS = 500
_ERRORS_SHOWN = 5


async def _overview(call: Call) -> Response:
    return page_answer(call, "overview.html", windows=WINDOWS, **await _context(call))


async def _fragment(call: Call) -> Response:
    return page_answer(call, "overview_live.html", **await _context(call))


async def _context(call: Call) -> dict[str, Any]:
    window = call.value(WINDOW)
    now = utc_now(call.services.clock())
    async with call.transaction() as connection:
        dashboard = await read_dashboard(connection, window, now=now)
        series = await read_series(connection, _HOUR, now=now)
        errors = await read_errors(connection, window, now=now, limit=_ERRORS_SHOWN)
        verdicts = await read_verdicts(
            connection, kind=HEALTH_KIND, is_open=True, limit=_MAX_VERDICTS
        )
    context = overview_context(
        dashboard,
        series,
        service_states(verdicts.items),
        window_s=window.duration_s,
        now=now,
        numbers=call.value(_NUMBERS),
    )
    return {**context, "errors": group_rows(errors.items)}


ROUTES = (
    Route(
        path="/",
        method="GET",
        roles=READ_ROLES,
        handler=_overview,
        summary="Overview of all services.",
        kind=RouteKind.PAGE,
        parameters=(WINDOW, _NUMBERS),
    ),
    Route(
        path="/fragments/overview",
        method="GET",
        roles=READ_ROLES,
        handler=_fragment,
        summary="The part of the overview that refreshes itself.",
        kind=RouteKind.PAGE,
        parameters=(WINDOW, _NUMBERS),
    ),
)
