"""Answers of the readers made by hand, believable and hostile."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import msgspec

from seamwatch.backend.api.types import (
    Dashboard,
    DashboardSeries,
    DroppedCounts,
    ErrorGroup,
    SeamCounts,
    Service,
    ServiceSeries,
    ServiceSummary,
    Span,
    Trace,
    TraceSummary,
    Verdict,
)

__all__ = [
    "HOSTILE",
    "NOW",
    "TRACE_ID",
    "checkout_trace",
    "error_groups",
    "large_trace",
    "make_overview",
    "make_span",
    "make_trace",
    "trace_summaries",
]

NOW = datetime(2026, 11, 24, 9, 30, 20, 250_000, UTC)
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
HOSTILE = "<img src=x onerror=alert(1)>\u202egnp.exe javascript:alert(1) \x1b[31m\"'&"
_START_NS = int(NOW.timestamp()) * 10**9 - 90 * 10**9


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def make_span(number: int, parent: int | None, service: str, name: str, **given: Any) -> Span:
    start_ns = _START_NS + round(given.get("start_ms", 0.0) * 1e6)
    return Span(
        span_id=f"{number:016x}",
        parent_span_id=None if parent is None else f"{parent:016x}",
        service_name=service,
        name=name,
        kind=given.get("kind", "internal"),
        status=given.get("status", "unset"),
        status_message=given.get("status_message"),
        start_time=datetime.fromtimestamp(start_ns / 1e9, UTC).isoformat(),
        start_time_unix_nano=str(start_ns),
        duration_ms=given.get("duration_ms", 1.0),
        attributes=_raw(given.get("attributes", {})),
        resource=_raw(
            {
                "attributes": {"service.name": service, "host.name": "node-3", "process.pid": 4711},
                "schema_url": None,
                "dropped_attributes_count": 0,
            }
        ),
        scope=_raw(
            {
                "name": "opentelemetry.instrumentation.httpx",
                "version": "0.66b1",
                "attributes": {},
                "schema_url": None,
                "dropped_attributes_count": 0,
            }
        ),
        events=_raw(given.get("events", [])),
        links=_raw(given.get("links", [])),
        flags=1,
        trace_state=given.get("trace_state"),
        dropped=DroppedCounts(*given.get("dropped", (0, 0, 0))),
    )


def make_trace(*spans: Span) -> Trace:
    return Trace(
        trace_id=TRACE_ID,
        start_time=spans[0].start_time,
        duration_ms=max(span.duration_ms for span in spans),
        truncated=False,
        spans=list(spans),
    )


def checkout_trace() -> Trace:
    """A purchase that fails in the payment service."""
    http = {
        "http.request.method": "POST",
        "http.response.status_code": 502,
        "url.path": "/checkout",
    }
    stack = (
        "Traceback (most recent call last):\n"
        '  File "/srv/payment/app.py", line 88, in charge\n    reply = await client.post(url)\n'
        "httpx.ReadTimeout: timed out after 250 ms\n"
    )
    at = str(_START_NS + 361 * 10**6)
    raised = {
        "time_unix_nano": at,
        "name": "exception",
        "attributes": {
            "exception.type": "httpx.ReadTimeout",
            "exception.message": "timed out after 250 ms",
            "exception.stacktrace": stack,
        },
        "dropped_attributes_count": 0,
    }
    failed = {"status": "error", "status_message": "upstream timed out"}
    s = make_span
    return make_trace(
        s(1, None, "shop", "POST /checkout", kind="server", duration_ms=412.0, attributes=http, status="error"),
        s(2, 1, "shop", "load basket", start_ms=4, duration_ms=38.2),
        s(3, 2, "shop", "GET redis", start_ms=6, duration_ms=2.1, kind="client"),
        s(4, 2, "catalog", "GET /items/{id}", start_ms=10, duration_ms=29.5, kind="server"),
        s(5, 4, "catalog", "SELECT item", start_ms=14, duration_ms=18.4, kind="client",
          attributes={"db.system.name": "postgresql", "db.query.text": "SELECT id, name FROM item WHERE id = $1"}),
        s(6, 1, "shop", "POST inventory", start_ms=46, duration_ms=61, kind="client"),
        s(7, 6, "inventory", "POST /reservations", start_ms=50, duration_ms=52, kind="server"),
        s(8, 7, "inventory", "INSERT reservation", start_ms=61, duration_ms=33, kind="client"),
        s(9, 1, "shop", "POST payment", start_ms=109, duration_ms=298, kind="client", **failed),
        s(10, 9, "payment", "POST /charges", start_ms=111, duration_ms=292, kind="server", **failed,
          events=[raised, {"time_unix_nano": at, "name": "retry.gave_up", "attributes": {"attempts": 3}}],
          links=[{"trace_id": "a" * 32, "span_id": "b" * 16, "attributes": {"reason": "retry of"}}],
          attributes={"payment.amount": 1999, "payment.currency": "EUR", "payment.is_retry": True,
                      "card.hint": HOSTILE, "payload": "x" * 4096, "tags": ["a", "b"]}, dropped=(2, 0, 0)),
        s(11, 10, "payment", "validate card", start_ms=113, duration_ms=4.4),
        s(12, 10, "payment", "POST bank", start_ms=120, duration_ms=250, kind="client", **failed, events=[raised]),
        s(13, 10, "fraud", "POST /scores", start_ms=121, duration_ms=46, kind="server"),
        s(14, 13, "fraud", "predict", start_ms=130, duration_ms=30.25),
        s(15, 99, "mailer", "send receipt", start_ms=405, duration_ms=0.09, kind="consumer"),
    )  # fmt: skip


def large_trace(span_count: int) -> Trace:
    rng = random.Random(7)
    spans = [make_span(1, None, "gateway", "GET /report", kind="server", duration_ms=5000.0)]
    for number in range(2, span_count + 1):
        parent = rng.randint(max(1, number - 40), number - 1)
        status = "error" if number % 97 == 0 else "unset"
        spans.append(
            make_span(
                number, parent, f"service-{number % 11}", f"step {number}", status=status,
                start_ms=5000 * number / span_count, duration_ms=rng.uniform(0.05, 60),
                attributes={"step.number": number, "http.route": "/report/{id}"},
            )
        )  # fmt: skip
    return make_trace(*spans)


def make_overview(now: datetime = NOW, names: tuple[str, ...] = ()) -> SimpleNamespace:
    """Dashboard, series and verdicts of six services, one in each state and two more."""
    rng = random.Random(3)
    states = {
        "shop": (42, 0.004), "catalog": (65, 0.0), "inventory": (21, 0.035), "payment": (19, 0.28),
        "fraud": (18, 0.0), "mailer": (2, 0.0),
    }  # fmt: skip
    states.update({name: (1, 0.5) for name in names})
    series, summaries = [], []
    for name, (per_s, ratio) in states.items():
        wave = [
            round(per_s * 60 * (1 + 0.25 * rng.random() + 0.2 * (i % 20) / 20)) for i in range(60)
        ]
        errors = [
            round(n * ratio * (2.2 if i > 45 else 0.1))
            if ratio > 0.01
            else int(rng.random() < ratio * 20)
            for i, n in enumerate(wave)
        ]
        if name == "mailer":
            wave[50:], errors[50:] = [0] * 10, [0] * 10
        p50: list[float | None] = [per_s / 3 + rng.random() for _ in wave]
        series.append(ServiceSeries(name, wave, errors, p50, [4 * (v or 0) for v in p50]))
        total = sum(wave)
        summaries.append(
            ServiceSummary(name, total, sum(errors) / total, per_s / 3, per_s * 1.1, per_s * 2.4)
        )
    minute = int(now.timestamp()) // 60 * 60
    return SimpleNamespace(
        dashboard=Dashboard("1h", now, summaries, SeamCounts()),
        series=DashboardSeries("1h", 60, [minute - 60 * (59 - i) for i in range(60)], series),
        verdicts=[
            Verdict(str(i), "service_health", name, state, now - timedelta(minutes=14), None, _raw({}))
            for i, (name, state) in enumerate(
                {"payment": "failing", "inventory": "degraded", "mailer": "silent", "shop": "healthy",
                 "catalog": "healthy", "fraud": "healthy"}.items()
            )
        ],
        services=[
            Service(x.service_name, 4, now, x.request_count * 3, x.request_count, 1.0, x.error_ratio)
            for x in summaries
        ],
    )  # fmt: skip


def trace_summaries() -> list[TraceSummary]:
    rows = [("shop", "POST /checkout", 412.0, 15, 4), ("shop", "GET /", 12.4, 3, 0),
            ("catalog", "GET /items/{id}", 31.1, 5, 0), ("shop", "GET /search", 1834.2, 48, 1),
            (HOSTILE, HOSTILE, 0.42, 1, 0), ("mailer", "send " + "w" * 4096, 64_000.0, 2, 0)]  # fmt: skip
    return [
        TraceSummary(
            f"{i + 1:032x}",
            service,
            name,
            f"2026-11-24T09:{29 - i:02d}:10.123456789Z",
            ms,
            n,
            errors,
        )
        for i, (service, name, ms, n, errors) in enumerate(rows)
    ]


def error_groups() -> list[ErrorGroup]:
    first = NOW - timedelta(hours=2)
    rows = [("payment", "httpx.ReadTimeout", "timed out after 250 ms", "POST /charges", 412),
            ("inventory", "OutOfStockError", "item 'A-17' is out of stock", "POST /reservations", 31),
            (HOSTILE, HOSTILE, HOSTILE * 20, HOSTILE, 1)]  # fmt: skip
    return [
        ErrorGroup(
            service, kind, str(i), span, message, n, first, "2026-11-24T09:30:10.5Z", TRACE_ID
        )
        for i, (service, kind, message, span, n) in enumerate(rows)
    ]
