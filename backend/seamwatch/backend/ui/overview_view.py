"""What the overview shows, made of the answers of the readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from seamwatch.backend.api.types import Dashboard, DashboardSeries, ServiceSeries
from seamwatch.backend.ui.format import count, rate, visible
from seamwatch.backend.ui.health import Health, ServiceState
from seamwatch.backend.ui.svg.sparkline import Sparkline, sparkline

__all__ = ["MinuteNumbers", "OverviewRow", "SeriesDetail", "overview_context"]

_NOT_JUDGED = ServiceState()


@dataclass(frozen=True, kw_only=True, slots=True)
class OverviewRow:
    """One service of the overview."""

    service_name: str
    state: ServiceState
    request_count: int
    rate: str
    error_ratio: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    spark: Sparkline
    spark_description: str
    is_open: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class MinuteNumbers:
    """One line of the table that says the same as a chart."""

    time: str
    request_count: int
    error_count: int
    p50_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesDetail:
    """The table twin of one service's chart."""

    service_name: str
    minutes: tuple[MinuteNumbers, ...]


def overview_context(
    dashboard: Dashboard,
    last_hour: DashboardSeries,
    states: Mapping[str, ServiceState],
    *,
    window_s: int,
    now: datetime,
    numbers: str,
) -> dict[str, Any]:
    """Context of ``overview_live.html``.

    Args:
        dashboard: Figures of the chosen window.
        last_hour: Charts, a value a minute.
        states: What the analysis holds of each service.
        window_s: Length of the chosen window.
        now: The server's time.
        numbers: Service whose chart is shown as a table too; empty: none.
    """
    series = {item.service_name: item for item in last_hour.services}
    summaries = {item.service_name: item for item in dashboard.services}
    rows = []
    longest_s = 0.0
    for name in sorted(summaries.keys() | series.keys()):
        summary = summaries.get(name)
        requests = series[name].request_count if name in series else []
        errors = series[name].error_count if name in series else []
        known_s = _known_s(requests, last_hour.times, window_s=window_s, now=now)
        longest_s = max(longest_s, known_s)
        rows.append(
            OverviewRow(
                service_name=name,
                state=states.get(name, _NOT_JUDGED),
                request_count=summary.request_count if summary else 0,
                rate=rate(summary.request_count if summary else 0, known_s),
                error_ratio=summary.error_ratio if summary else 0.0,
                p50_ms=summary.p50_ms if summary else None,
                p95_ms=summary.p95_ms if summary else None,
                p99_ms=summary.p99_ms if summary else None,
                spark=sparkline(requests, errors),
                spark_description=_describe(name, requests, errors),
                is_open=name == numbers,
            )
        )
    rows.sort(key=lambda row: (row.state.health.rank, row.service_name))
    request_count = sum(row.request_count for row in rows)
    failed = sum(row.request_count * row.error_ratio for row in rows)
    measured = [row for row in rows if row.p99_ms is not None]
    opened = series.get(numbers)
    return {
        "rows": rows,
        "states": _tally(rows),
        "window": dashboard.window,
        "rate": rate(request_count, longest_s),
        "request_count": request_count,
        "error_ratio": failed / request_count if request_count else 0.0,
        "slowest": max(measured, key=lambda row: row.p99_ms or 0.0, default=None),
        "detail": _detail(opened, last_hour.times) if opened else None,
        "numbers": numbers,
    }


def _known_s(
    requests: Sequence[int], times: Sequence[int], *, window_s: int, now: datetime
) -> float:
    """Seconds that a service's rate is taken over: the window, or since its first request if that is later.

    A service that began two minutes ago would otherwise look idle for an hour. Only the last hour is known by
    the minute: in longer windows a start is not seen.
    """
    first = next((at for at, number in zip(times, requests, strict=True) if number), None)
    if first is None or (times and first == times[0]):
        return float(window_s)
    return min(float(window_s), max(60.0, now.timestamp() - first))


def _tally(rows: Sequence[OverviewRow]) -> list[tuple[Health, int]]:
    numbers = [(state, sum(row.state.health is state for row in rows)) for state in Health]
    return [(state, number) for state, number in numbers if number]


def _describe(name: str, requests: Sequence[int], errors: Sequence[int]) -> str:
    if not requests:
        return f"{visible(name)} had no request in the last hour."
    return (
        f"{visible(name)}, requests a minute in the last hour: highest {count(max(requests))}, "
        f"lowest {count(min(requests))}, latest {count(requests[-1])}; {count(sum(errors))} failed."
    )


def _detail(series: ServiceSeries, times: Sequence[int]) -> SeriesDetail:
    minutes = [
        MinuteNumbers(
            time=f"{datetime.fromtimestamp(at, UTC):%H:%M}",
            request_count=requests,
            error_count=errors,
            p50_ms=p50_ms,
            p99_ms=p99_ms,
        )
        for at, requests, errors, p50_ms, p99_ms in zip(
            times, series.request_count, series.error_count, series.p50_ms, series.p99_ms,
            strict=True,
        )
    ]  # fmt: skip
    return SeriesDetail(service_name=series.service_name, minutes=tuple(reversed(minutes)))
