"""Services, their operations and when they were last seen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any


def test_service_equals_counting(api: Any, store: Any, span_row: Any) -> None:
    last = store.now - timedelta(minutes=2, microseconds=-5)
    spans = [
        span_row(trace=1, at=last, name="GET /"),
        span_row(trace=2, at=store.now - timedelta(minutes=9), name="POST /", status=2),
        span_row(trace=2, id=2, parent=1, at=store.now - timedelta(minutes=9), name="SQL", kind=3),
        span_row(trace=3, at=store.now - timedelta(minutes=70), name="PUT /"),
    ]
    store.add(*spans)
    store.roll_up()

    (service,) = api.get("/api/apm/services?window=1h").json()["items"]

    assert service == {
        "service_name": "shop",
        "operation_count": 3,
        "last_seen_at": last.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "span_count": 3,
        "request_count": 2,
        "requests_per_s": 0.0005556,
        "error_ratio": 0.5,
    }


def test_pages_hold_every_service_once_by_name(api: Any, store: Any, span_row: Any) -> None:
    store.spans = [span_row(trace=n + 1, at=store.now, service=f"s{n:02}") for n in range(7)]
    store.roll_up()

    pages = list(api.pages("/api/apm/services", {"limit": 3}))

    assert [[item["service_name"] for item in page] for page in pages] == [
        ["s00", "s01", "s02"],
        ["s03", "s04", "s05"],
        ["s06"],
    ]
