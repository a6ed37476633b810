"""The dashboard: rate, errors and duration of every service, and their charts."""

from __future__ import annotations

from starlette.responses import Response

from seamwatch.backend.api.answer import json_answer
from seamwatch.backend.api.call import Call
from seamwatch.backend.api.parameters import SERVICE, WINDOW
from seamwatch.backend.api.readers.dashboard import read_dashboard, read_series
from seamwatch.backend.api.route import Route
from seamwatch.backend.api.types import Dashboard, DashboardSeries
from seamwatch.backend.api.window import utc_now
from seamwatch.backend.auth.roles import READ_ROLES

__all__ = ["ROUTES"]


async def get_dashboard(call: Call) -> Response:
    """The dashboard; 304 costs one look at the database's snapshot while nothing was written."""
    window = call.value(WINDOW)
    now = utc_now(call.services.clock())
    return await call.services.dashboards.answer(
        call,
        key=("dashboard", call.tenant_id, window.duration_s, window.text),
        minute=now.replace(second=0, microsecond=0),
        read=lambda connection: read_dashboard(connection, window, now=now),
    )


async def get_series(call: Call) -> Response:
    """Charts of the dashboard."""
    now = utc_now(call.services.clock())
    async with call.transaction() as connection:
        series = await read_series(
            connection, call.value(WINDOW), now=now, service_name=call.value(SERVICE)
        )
    return json_answer(call, series)


ROUTES = (
    Route(
        path="/api/apm/dashboard",
        method="GET",
        roles=READ_ROLES,
        handler=get_dashboard,
        summary="Rate, errors and duration of every service",
        parameters=(WINDOW,),
        answer=Dashboard,
    ),
    Route(
        path="/api/apm/dashboard/series",
        method="GET",
        roles=READ_ROLES,
        handler=get_series,
        summary="Requests, errors and percentiles of every service over time",
        parameters=(WINDOW, SERVICE),
        answer=DashboardSeries,
    ),
)
