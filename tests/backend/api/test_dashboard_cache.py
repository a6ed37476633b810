"""A dashboard that did not change costs no computation, and one that did is never old."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from seamwatch.backend.api.dashboard_cache import DashboardCache
from seamwatch.backend.api.routes import dashboard as dashboard_routes


class _Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> _Seconds:
    return _Seconds()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each time the numbers are computed."""
    seen: list[str] = []
    original = dashboard_routes.read_dashboard

    async def counted(connection: Any, window: Any, *, now: Any) -> Any:
        seen.append(window.text)
        return await original(connection, window, now=now)

    monkeypatch.setattr(dashboard_routes, "read_dashboard", counted)
    return seen


def _add(store: Any, span_row: Any, trace: int) -> None:
    store.spans.clear()
    store.add(span_row(trace=trace, at=store.now - timedelta(minutes=trace)))
    store.roll_up()


def test_within_a_second_nothing_is_computed_again(
    api: Any, store: Any, span_row: Any, seconds: _Seconds, reads: list[str]
) -> None:
    api = api.with_services(dashboards=DashboardCache(seconds))
    first = api.get("/api/apm/dashboard")
    _add(store, span_row, 1)

    seconds.now = 0.9
    second = api.get("/api/apm/dashboard", headers={"If-None-Match": first.headers["ETag"]})

    assert second.status_code == 304
    assert reads == ["1h"]


def test_after_a_second_what_was_written_is_seen(
    api: Any, store: Any, span_row: Any, seconds: _Seconds
) -> None:
    api = api.with_services(dashboards=DashboardCache(seconds))
    first = api.get("/api/apm/dashboard")
    _add(store, span_row, 1)

    seconds.now = 1.1
    second = api.get("/api/apm/dashboard", headers={"If-None-Match": first.headers["ETag"]})

    assert second.status_code == 200
    assert [s["service_name"] for s in second.json()["services"]] == ["shop"]


def test_next_minute_moves_the_window_although_nothing_was_written(
    api: Any, store: Any, span_row: Any, seconds: _Seconds
) -> None:
    api = api.with_services(dashboards=DashboardCache(seconds))
    _add(store, span_row, 15)
    first = api.get("/api/apm/dashboard?window=15m").json()["services"]

    api.now += timedelta(minutes=1)
    seconds.now = 60.0
    second = api.get("/api/apm/dashboard?window=15m").json()["services"]

    assert (len(first), len(second)) == (1, 0)


def test_equal_numbers_keep_the_etag_whatever_else_was_written(
    api: Any, store: Any, seconds: _Seconds
) -> None:
    api = api.with_services(dashboards=DashboardCache(seconds))
    first = api.get("/api/apm/dashboard")
    store.execute("INSERT INTO seamwatch.analysis_loop (name) VALUES ('another')")

    seconds.now = 10.0
    second = api.get("/api/apm/dashboard", headers={"If-None-Match": first.headers["ETag"]})

    assert second.status_code == 304


def test_tenants_and_windows_do_not_share_answers(
    api: Any, store: Any, span_row: Any, seconds: _Seconds
) -> None:
    api = api.with_services(dashboards=DashboardCache(seconds))
    _add(store, span_row, 30)

    found = [
        len(api.get(f"/api/apm/dashboard?window={window}", tenant=tenant).json()["services"])
        for window, tenant in [("1h", "default"), ("15m", "default"), ("1h", "other")]
    ]

    assert found == [1, 0, 0]


def test_beyond_its_bytes_the_oldest_answers_are_forgotten(
    api: Any, seconds: _Seconds, reads: list[str]
) -> None:
    body_bytes = len(api.get("/api/apm/dashboard?window=15m").content)
    reads.clear()
    api = api.with_services(dashboards=DashboardCache(seconds, max_bytes=2 * body_bytes))

    for window in ("15m", "30m", "45m", "45m", "30m", "15m", "45m"):
        api.get(f"/api/apm/dashboard?window={window}")

    assert reads == ["15m", "30m", "45m", "15m"]
