"""Judging services: failing, degraded, silent or healthy."""

from __future__ import annotations

import datetime

import psycopg
import pytest

from seamwatch.backend.analysis.service_health import (
    KIND,
    MinuteCount,
    ServiceHealth,
    ServiceWatch,
)
from seamwatch.backend.analysis.verdict import open_verdicts

NOON = datetime.datetime(2026, 3, 29, 12, tzinfo=datetime.UTC)
NOON_S = NOON.timestamp()


def _minute(requests: int, errors: int, minute: int = 0) -> MinuteCount:
    return MinuteCount(NOON + datetime.timedelta(minutes=minute), requests, requests, errors)


@pytest.mark.parametrize(
    ("requests", "errors", "state"),
    [
        (10, 5, "failing"),
        (100, 49, "degraded"),
        (100, 5, "degraded"),
        (100, 4, "healthy"),
        (9, 9, "healthy"),  # too few to tell
        (0, 0, "healthy"),
    ],
)
def test_the_error_ratio_of_enough_requests_decides(requests: int, errors: int, state: str) -> None:
    watch = ServiceWatch(last_arrival_s=NOON_S)

    found, evidence = watch.judge([_minute(requests, errors)], NOON_S)

    assert found == state
    assert evidence["request_count"] == requests


def test_requests_of_both_minutes_count() -> None:
    watch = ServiceWatch(last_arrival_s=NOON_S)

    state, evidence = watch.judge([_minute(5, 5, 0), _minute(5, 1, 1)], NOON_S)

    assert (state, evidence["error_ratio"]) == ("failing", 0.6)


@pytest.mark.parametrize(
    ("every_s", "silent_after_s"),
    [(2, 6.0), (5, 15.0), (30, 90.0), (120, 90.0)],
)
def test_silence_is_measured_in_the_services_own_gaps(every_s: int, silent_after_s: float) -> None:
    watch = ServiceWatch(last_arrival_s=NOON_S)
    now_s = NOON_S
    for count in range(1, 10):
        now_s = NOON_S + count * every_s
        watch.observe([_minute(count, 0)], now_s)

    assert watch.judge([], now_s + silent_after_s)[0] == "healthy"
    assert watch.judge([], now_s + silent_after_s + 0.1)[0] == "silent"


def test_one_long_pause_does_not_hide_an_end() -> None:
    watch = ServiceWatch(last_arrival_s=NOON_S)
    now_s = NOON_S
    for count in range(1, 21):
        now_s += 20 if count == 15 else 1
        watch.observe([_minute(count, 0)], now_s)

    assert watch.silence_after_s == 6.0


def test_a_service_that_is_hardly_known_is_silent_after_a_minute() -> None:
    watch = ServiceWatch(last_arrival_s=NOON_S)

    assert watch.judge([], NOON_S + 60)[0] == "healthy"
    assert watch.judge([], NOON_S + 61)[0] == "silent"


def test_the_same_counts_again_are_no_arrival() -> None:
    watch = ServiceWatch(last_arrival_s=NOON_S)
    watch.observe([_minute(5, 0)], NOON_S)

    watch.observe([_minute(5, 0)], NOON_S + 50)
    watch.observe([], NOON_S + 61)

    assert watch.last_arrival_s == NOON_S


class _Traffic:
    """Writes rollup parts of a service at the fake clock's minute."""

    def __init__(self, database: str, clock: object) -> None:
        self.connection = psycopg.connect(database, autocommit=True)
        self.clock = clock

    def send(self, service: str, *, errors: int = 0, tenant_id: int = 1) -> None:
        minute = datetime.datetime.fromtimestamp(self.clock.time_ns() / 1e9, datetime.UTC)
        self.connection.execute(
            "INSERT INTO seamwatch.span_rollup_part VALUES"
            " (%s, %s, %s, 'GET /', 2, true, 10, %s, 10, '{1}', '{10}', 1, '\\x01')",
            (tenant_id, minute.replace(second=0, microsecond=0), service, errors),
        )


@pytest.fixture
def traffic(database: str, clock: object) -> _Traffic:
    source = _Traffic(database, clock)
    yield source
    source.connection.close()


def test_a_killed_service_is_silent_within_ten_seconds_and_healthy_when_it_is_back(
    analysis: psycopg.Connection, clock: object, traffic: _Traffic
) -> None:
    loop = ServiceHealth(clock=clock)
    for _ in range(10):
        traffic.send("shop")
        traffic.send("cart")
        loop.run(analysis)
        clock.advance(2)
    assert open_verdicts(analysis, KIND) == {(1, "shop"): "healthy", (1, "cart"): "healthy"}

    for _ in range(4):  # cart is killed; eight seconds go by
        traffic.send("shop")
        loop.run(analysis)
        clock.advance(2)
    assert open_verdicts(analysis, KIND) == {(1, "shop"): "healthy", (1, "cart"): "silent"}

    traffic.send("cart")
    loop.run(analysis)
    assert open_verdicts(analysis, KIND)[(1, "cart")] == "healthy"


def test_the_callers_errors_show_at_once(
    analysis: psycopg.Connection, clock: object, traffic: _Traffic
) -> None:
    loop = ServiceHealth(clock=clock)
    traffic.send("shop")
    loop.run(analysis)

    traffic.send("shop", errors=10)
    loop.run(analysis)

    assert open_verdicts(analysis, KIND) == {(1, "shop"): "failing"}


def test_services_of_one_name_in_two_tenants_are_two(
    database: str, analysis: psycopg.Connection, clock: object, traffic: _Traffic
) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO seamwatch.tenant (name) VALUES ('two')")
    traffic.send("shop", errors=10)
    traffic.send("shop", tenant_id=2)

    ServiceHealth(clock=clock).run(analysis)

    assert open_verdicts(analysis, KIND) == {(1, "shop"): "failing", (2, "shop"): "healthy"}


def test_a_restarted_loop_knows_who_fell_silent_before_it(
    analysis: psycopg.Connection, clock: object, traffic: _Traffic
) -> None:
    traffic.send("shop")
    ServiceHealth(clock=clock).run(analysis)
    clock.advance(200)

    ServiceHealth(clock=clock).run(analysis)

    assert open_verdicts(analysis, KIND) == {(1, "shop"): "silent"}


def test_a_service_that_stays_away_keeps_its_verdict_and_is_forgotten(
    analysis: psycopg.Connection, clock: object, traffic: _Traffic
) -> None:
    loop = ServiceHealth(clock=clock)
    traffic.send("shop")
    for _ in range(20):
        loop.run(analysis)
        clock.advance(60)

    assert open_verdicts(analysis, KIND) == {(1, "shop"): "silent"}
    row = analysis.execute("SELECT count(*) FROM seamwatch.verdict").fetchone()
    assert row == (2,)
