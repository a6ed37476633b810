"""Looking back in time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from seamwatch.backend.api.window import parse_window

_NOW = datetime(2026, 3, 1, 10, 30, 45, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15m", 900), ("1h", 3600), ("6h", 21600), ("24h", 86400), ("7d", 604800), ("60s", 60),
     ("1w", 604800), ("90d", 7776000)],
)  # fmt: skip
def test_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_window(text).duration_s == seconds


@pytest.mark.parametrize(
    "text", ["", "h", "1", "1y", "-1h", "59s", "91d", "1h30m", "1.5h", " 1h", "٣h"]
)
def test_other_text_is_no_window(text: str) -> None:
    with pytest.raises(ValueError, match="give a number and a unit"):
        parse_window(text)


def test_window_is_widened_to_whole_minutes() -> None:
    window = parse_window("15m")

    assert window.since(_NOW) == datetime(2026, 3, 1, 10, 15, tzinfo=UTC)
    assert window.until(_NOW) == datetime(2026, 3, 1, 10, 31, tzinfo=UTC)
