"""Times keep their nanoseconds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from seamwatch.backend.api.readers.times import rfc3339, to_datetime


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456789Z"),
        (2**64 - 1, "2554-07-21T23:34:33.709551615Z"),
    ],
)
def test_time_is_written_with_nine_digits(time_ns: int, text: str) -> None:
    assert rfc3339(time_ns) == text


def test_microseconds_are_exact() -> None:
    assert to_datetime(1_700_000_000_123_457) == datetime(
        2023, 11, 14, 22, 13, 20, 123_457, tzinfo=UTC
    )
