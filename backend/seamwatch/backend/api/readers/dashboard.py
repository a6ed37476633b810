"""Rate, errors and duration of services, from rollups only."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection

from seamwatch.backend.api.readers.quantile import centre_ms
from seamwatch.backend.api.types import (
    Dashboard,
    DashboardSeries,
    SeamCounts,
    ServiceSeries,
    ServiceSummary,
)
from seamwatch.backend.api.window import Window
from seamwatch.backend.storage import queries

__all__ = ["read_dashboard", "read_series", "rollup_range"]

# Beyond this the hour rollups are read: 180 minutes of 100 operations are as many rows as 7 days of hours.
_MINUTES_UP_TO_S = 3 * 3600
_SERIES_MINUTES_UP_TO_S = 6 * 3600
_MAX_STEPS = 200


def rollup_range(window: Window, now: datetime) -> dict[str, datetime]:
    """Bounds of a window as the rollup queries take them: where minutes end and hours begin."""
    since, until = window.since(now), window.until(now)
    if window.duration_s <= _MINUTES_UP_TO_S:
        return {"since": since, "hours_since": until, "until": until}
    return {"since": since, "hours_since": _next_hour(since), "until": until}


async def read_dashboard(
    connection: AsyncConnection[Any], window: Window, *, now: datetime
) -> Dashboard:
    """Every service with requests in the window, by name.

    Percentiles are at most 2.2 % off (see `quantile.centre_ms`). The window is widened to whole
    minutes at its beginning.
    """
    cursor = await connection.execute(
        queries.load("dashboard_services"), rollup_range(window, now), prepare=False
    )
    services = [
        ServiceSummary(
            service_name=name,
            request_count=request_count,
            error_ratio=error_count / request_count if request_count else 0.0,
            p50_ms=centre_ms(p50),
            p95_ms=centre_ms(p95),
            p99_ms=centre_ms(p99),
        )
        for name, request_count, error_count, p50, p95, p99 in await cursor.fetchall()
    ]
    return Dashboard(window=window.text, generated_at=now, services=services, seams=SeamCounts())


async def read_series(
    connection: AsyncConnection[Any],
    window: Window,
    *,
    now: datetime,
    service_name: str | None = None,
) -> DashboardSeries:
    """Requests, errors and percentiles in equal steps: minutes up to 6 h, beyond that hours or days.

    Beyond 6 h the window is widened to whole steps at its beginning.
    """
    step_s = _step_s(window.duration_s)
    since = _floor(window.since(now), step_s)
    until = window.until(now)
    hours_since = until if window.duration_s <= _SERIES_MINUTES_UP_TO_S else since
    cursor = await connection.execute(
        queries.load("dashboard_series"),
        {
            "since": since,
            "hours_since": hours_since,
            "until": until,
            "step": timedelta(seconds=step_s),
            "service_name": service_name,
        },
        prepare=False,
    )
    first_s = int(since.timestamp())
    times = list(range(first_s, int(until.timestamp()), step_s))
    by_service: dict[str, ServiceSeries] = {}
    for name, start_s, request_count, error_count, p50, p99 in await cursor.fetchall():
        series = by_service.get(name)
        if series is None:
            series = by_service[name] = _empty_series(name, len(times))
        index = (start_s - first_s) // step_s
        series.request_count[index] = request_count
        series.error_count[index] = error_count
        series.p50_ms[index] = centre_ms(p50)
        series.p99_ms[index] = centre_ms(p99)
    return DashboardSeries(
        window=window.text, step_s=step_s, times=times, services=list(by_service.values())
    )


def _empty_series(name: str, steps: int) -> ServiceSeries:
    return ServiceSeries(
        service_name=name,
        request_count=[0] * steps,
        error_count=[0] * steps,
        p50_ms=[None] * steps,
        p99_ms=[None] * steps,
    )


def _step_s(duration_s: int) -> int:
    """Length of a step: at most about 200 of them, whole hours where hour rollups are read."""
    if duration_s <= _MINUTES_UP_TO_S:
        return 60
    if duration_s <= _SERIES_MINUTES_UP_TO_S:
        return 120
    return next(
        step_s
        for step_s in (3600, 4 * 3600, 12 * 3600, 86400)
        if duration_s <= step_s * _MAX_STEPS or step_s == 86400
    )


def _floor(moment: datetime, step_s: int) -> datetime:
    """The last multiple of `step_s` since 1970 that is not after `moment`."""
    return moment - timedelta(seconds=int(moment.timestamp()) % step_s)


def _next_hour(moment: datetime) -> datetime:
    """`moment` where it is a whole hour, else the next one."""
    return moment + timedelta(seconds=-int(moment.timestamp()) % 3600)
