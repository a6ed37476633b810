"""Delays between attempts."""

from __future__ import annotations

import pytest

from seamwatch.exporters.retry import RETRYABLE_STATUSES, backoff_s, parse_retry_after_s


@pytest.mark.parametrize(
    ("attempt", "lower", "upper"),
    [(1, 0.25, 0.5), (2, 0.5, 1.0), (3, 1.0, 2.0), (7, 15.0, 30.0), (10_000, 15.0, 30.0)],
)
def test_backoff_doubles_up_to_thirty_seconds_with_half_of_it_random(
    attempt: int, lower: float, upper: float
) -> None:
    assert backoff_s(attempt, uniform=lambda low, high: low) == lower
    assert backoff_s(attempt, uniform=lambda low, high: high) == upper


@pytest.mark.parametrize(
    ("value", "delay_s"),
    [
        ("2", 2.0),
        (" 0 ", 0.0),
        ("99999999999999", 3600.0),
        ("Fri, 15 Jan 2027 08:00:07 GMT", 7.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_reads_seconds_and_http_dates(value: str | None, delay_s: float | None) -> None:
    now_unix_s = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC

    assert parse_retry_after_s(value, now_unix_s=now_unix_s) == delay_s


def test_only_the_statuses_of_the_specification_are_retried() -> None:
    assert {status for status in range(100, 600) if status in RETRYABLE_STATUSES} == {
        429,
        502,
        503,
        504,
    }
