"""Errors come in groups, the newest first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

_INSERT = (
    "INSERT INTO seamwatch.{} (tenant_id, minute, service_name, error_type, fingerprint, span_name,"
    " message, error_count, last_start_ns, last_trace_id) VALUES (%s,%s,%s,%s,%s,%s,%s,%s,%s,%s)"
)


def _add(
    store: Any,
    *,
    minutes_ago: int,
    relation: str = "error_rollup_minute",
    tenant: int = 1,
    service: str = "shop",
    kind: str = "TimeoutError",
    fingerprint: int = -2,
    message: str = "it took long",
    count: int = 1,
) -> None:
    minute = (store.now - timedelta(minutes=minutes_ago)).replace(second=0)
    start_ns = int(minute.timestamp()) * 10**9 + 7
    store.execute(
        _INSERT.format(relation),
        (tenant, minute, service, kind, fingerprint, "GET /", message, count, start_ns,
         minutes_ago.to_bytes(16, "big")),
    )  # fmt: skip


def test_group_counts_all_and_shows_its_newest(api: Any, store: Any) -> None:
    _add(store, minutes_ago=40, message="oldest", count=3)
    _add(store, minutes_ago=2, message="newest", count=4, relation="error_rollup_part")
    _add(store, minutes_ago=20, message="middle", count=5)
    _add(store, minutes_ago=80, count=100)
    _add(store, minutes_ago=1, count=100, tenant=2)

    (group,) = api.get("/api/apm/errors?window=1h").json()["items"]

    minute = store.now.replace(second=0)
    assert group == {
        "service_name": "shop",
        "error_type": "TimeoutError",
        "fingerprint": "fffffffffffffffe",
        "span_name": "GET /",
        "message": "newest",
        "error_count": 12,
        "first_seen_at": (minute - timedelta(minutes=40)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "last_seen_at": (minute - timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M:%S.000000007Z"),
        "trace_id": f"{2:032x}",
    }


def test_pages_hold_every_group_once_newest_first(api: Any, store: Any) -> None:
    for n in range(5):
        _add(store, minutes_ago=n // 2, fingerprint=n)

    pages = list(api.pages("/api/apm/errors", {"limit": 2}))

    found = [item["fingerprint"] for page in pages for item in page]
    assert found == [f"{n:016x}" for n in (1, 0, 3, 2, 4)]


def test_service_filters(api: Any, store: Any) -> None:
    _add(store, minutes_ago=1, service="shop")
    _add(store, minutes_ago=1, service="cart")

    items = api.get("/api/apm/errors?service=cart").json()["items"]

    assert [item["service_name"] for item in items] == ["cart"]
