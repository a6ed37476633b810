"""What shared parameters accept."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from seamwatch.backend.api.parameters import duration_parameter, time_parameter

_TIME = time_parameter("start", "")
_DURATION = duration_parameter("min_duration_ms", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T13:00:00.5+01:00", datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-01-31t12:00z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        (
            "2026-01-31T12:00:00.123456789Z",
            datetime(2026, 1, 31, 12, 0, 0, 123_456, tzinfo=UTC),
        ),
    ],
)
def test_time_is_read_as_rfc_3339(text: str, expected: datetime) -> None:
    assert _TIME.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-01-31", "2026-01-31T12:00:00", "2026-13-01T00:00:00Z",
     "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "1e9"],
)  # fmt: skip
def test_other_text_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="give a time"):
        _TIME.parse(text)


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "1e13", "", "ten"])
def test_other_text_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="give a number of milliseconds"):
        _DURATION.parse(text)


def test_duration_may_have_a_fraction() -> None:
    assert _DURATION.parse("0.25") == 0.25
