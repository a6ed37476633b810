"""The dashboard equals what plain counting of the same spans gives."""

from __future__ import annotations

import math
import random
from datetime import timedelta
from typing import Any

import pytest

_TOLERANCE = 2 ** (1 / 32) - 1 + 0.0006  # half a bucket, and the rounding to four digits


def _nearest_rank(durations_ns: list[int], percent: int) -> float:
    ordered = sorted(durations_ns)
    return ordered[math.ceil(len(ordered) * percent / 100) - 1] / 1e6


def _random_spans(store: Any, span_row: Any, count: int, span_s: float) -> list[Any]:
    rng = random.Random(7)
    return [
        span_row(
            trace=n + 1,
            at=store.now - timedelta(seconds=rng.uniform(0, span_s)),
            duration_ns=int(rng.lognormvariate(17, 1.5)),
            service=rng.choice(["shop", "cart", "mail"]),
            name=rng.choice(["GET /", "POST /"]),
            kind=rng.choice([2, 3]),
            parent=rng.choice([None, 5]),
            status=rng.choice([0, 0, 2]),
        )
        for n in range(count)
    ]


def _assert_equal_to_counting(answer: dict[str, Any], spans: list[Any]) -> None:
    requests: dict[str, list[Any]] = {}
    for span in spans:
        if span.is_entry:
            requests.setdefault(span.service, []).append(span)
    assert [s["service_name"] for s in answer["services"]] == sorted(requests)
    for service in answer["services"]:
        members = requests[service["service_name"]]
        durations = [span.duration_ns for span in members]
        assert service["request_count"] == len(members)
        assert service["error_ratio"] == pytest.approx(
            sum(span.status == 2 for span in members) / len(members)
        )
        for percent in (50, 95, 99):
            truth = _nearest_rank(durations, percent)
            assert service[f"p{percent}_ms"] == pytest.approx(truth, rel=_TOLERANCE)


@pytest.mark.parametrize("relation", ["span_rollup_minute", "span_rollup_part"])
def test_minutes_equal_counting_folded_or_not(
    api: Any, store: Any, span_row: Any, relation: str
) -> None:
    spans = _random_spans(store, span_row, 400, span_s=3600)
    store.spans.extend(spans)
    store.roll_up(into=[relation])

    answer = api.get("/api/apm/dashboard?window=1h").json()

    _assert_equal_to_counting(answer, spans)


def test_long_window_joins_minutes_hours_and_what_is_not_folded(
    api: Any, store: Any, span_row: Any
) -> None:
    spans = _random_spans(store, span_row, 600, span_s=86_400)
    folded, open_ones = spans[:500], spans[500:]
    store.spans = list(folded)
    store.roll_up(into=["span_rollup_minute"])
    store.roll_up(into=["span_rollup_hour"], per_s=3600)
    store.spans = list(open_ones)
    store.roll_up(into=["span_rollup_part"])

    answer = api.get("/api/apm/dashboard?window=24h").json()

    _assert_equal_to_counting(answer, spans)


def test_answer_has_exactly_the_documented_fields(api: Any, store: Any, span_row: Any) -> None:
    store.spans.append(span_row(trace=1, at=store.now))
    store.roll_up()

    answer = api.get("/api/apm/dashboard?window=1h").json()

    assert list(answer) == ["window", "generated_at", "services", "seams"]
    assert answer["window"] == "1h"
    assert answer["generated_at"] == store.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert list(answer["services"][0]) == [
        "service_name", "request_count", "error_ratio", "p50_ms", "p95_ms", "p99_ms",
    ]  # fmt: skip
    assert answer["seams"] == {
        "webhooks": None, "websockets": None, "models": None, "breakers": None,
    }  # fmt: skip


def test_what_lies_before_the_window_does_not_count(api: Any, store: Any, span_row: Any) -> None:
    store.spans.append(span_row(trace=1, at=store.now - timedelta(minutes=17)))
    store.roll_up()

    assert api.get("/api/apm/dashboard?window=15m").json()["services"] == []


def test_other_tenants_requests_do_not_count(api: Any, store: Any, span_row: Any) -> None:
    store.spans.append(span_row(trace=1, at=store.now, tenant="other"))
    store.roll_up(into=["span_rollup_minute", "span_rollup_hour", "span_rollup_part"])

    for window in ("1h", "24h"):
        assert api.get(f"/api/apm/dashboard?window={window}").json()["services"] == []


@pytest.mark.parametrize(
    ("window", "step_s", "steps"),
    [("15m", 60, 16), ("3h", 60, 181), ("6h", 120, 181), ("24h", 3600, 25), ("30d", 14400, 181)],
)
def test_series_add_up_to_the_dashboard(
    api: Any, store: Any, span_row: Any, window: str, step_s: int, steps: int
) -> None:
    spans = _random_spans(store, span_row, 200, span_s=840)
    store.spans = list(spans)
    store.roll_up(into=["span_rollup_minute"])
    store.roll_up(into=["span_rollup_hour"], per_s=3600)

    series = api.get(f"/api/apm/dashboard/series?window={window}").json()
    dashboard = api.get(f"/api/apm/dashboard?window={window}").json()

    assert (series["step_s"], len(series["times"])) == (step_s, steps)
    assert [(s["service_name"], sum(s["request_count"])) for s in series["services"]] == [
        (s["service_name"], s["request_count"]) for s in dashboard["services"]
    ]
    assert all(len(s[key]) == steps for s in series["services"] for key in ("p50_ms", "p99_ms"))


def test_series_of_a_minute_equals_counting(api: Any, store: Any, span_row: Any) -> None:
    minute = store.now - timedelta(minutes=3, seconds=20)
    durations = [5_000_000, 7_000_000, 900_000_000]
    store.spans = [
        span_row(trace=n + 1, at=minute, duration_ns=ns, status=2 if n else 0)
        for n, ns in enumerate(durations)
    ]
    store.roll_up()

    answer = api.get("/api/apm/dashboard/series?window=15m&service=shop").json()

    index = answer["times"].index(int(minute.timestamp()) // 60 * 60)
    (shop,) = answer["services"]
    assert (shop["request_count"][index], shop["error_count"][index]) == (3, 2)
    assert shop["p50_ms"][index] == pytest.approx(7, rel=_TOLERANCE)
    assert shop["p99_ms"][index] == pytest.approx(900, rel=_TOLERANCE)
    assert shop["p50_ms"][index - 1] is None
