"""Numbers, durations, times and hostile text."""

# ruff: noqa: RUF001  the texts hold real dashes and minus signs
from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from seamwatch.backend.ui.format import (
    absolute_time,
    clip,
    count,
    duration,
    plural,
    rate,
    ratio,
    relative_time,
    visible,
)

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "–"),
        (0, "0 ms"),
        (0.000_25, "250 ns"),
        (0.09, "90 µs"),
        (0.8504, "850 µs"),
        (0.9996, "1 ms"),
        (12.34, "12.3 ms"),
        (999.4, "999 ms"),
        (999.6, "1 s"),
        (1240, "1.24 s"),
        (59_949, "59.9 s"),
        (59_960, "1 m 00 s"),
        (125_000, "2 m 05 s"),
        (3_600_000, "1 h 00 m"),
        (-5, "−5 ms"),
    ],
)
def test_duration_has_three_digits_in_the_unit_that_fits(ms: float | None, text: str) -> None:
    assert duration(ms).replace("\u202f", " ") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0 %"),
        (0.000_01, "<0.01 %"),
        (0.0125, "1.25 %"),
        (0.125, "12.5 %"),
        (0.9995, "99.95 %"),
        (0.999_96, ">99.99 %"),
        (1.0, "100 %"),
    ],
)
def test_ratio_is_never_rounded_to_none_or_all(value: float | None, text: str) -> None:
    assert ratio(value).replace("\u202f", " ") == text


@pytest.mark.parametrize(
    ("events", "seconds", "text"),
    [
        (None, 60, "–"),
        (0, 60, "0/s"),
        (3, 3600, "0.05/min"),
        (120, 60, "2/s"),
        (90_000, 60, "1500/s"),
    ],
)
def test_rare_events_are_counted_by_the_minute(
    events: int | None, seconds: float, text: str
) -> None:
    assert rate(events, seconds) == text


def test_count_is_grouped_and_shortened_from_ten_million_on() -> None:
    assert [count(12_480), count(9_999_999), count(31_500_000)] == [
        "12,480",
        "9,999,999",
        "31.5\u202fM",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "just now"),
        (12, "12 s ago"),
        (200, "3 min ago"),
        (7300, "2 h ago"),
        (200_000, "2 d ago"),
        (-5, "in 5 s"),
    ],
)
def test_relative_time_names_one_unit(seconds: float, text: str) -> None:
    assert relative_time(NOW - timedelta(seconds=seconds), NOW).replace("\u202f", " ") == text


def test_absolute_time_is_utc_to_the_millisecond() -> None:
    then = datetime(2026, 11, 24, 10, 30, 0, 250_400, timezone_of_one_hour())

    assert absolute_time(then) == "2026-11-24 09:30:00.250 UTC"


def test_clipped_text_ends_in_an_ellipsis() -> None:
    assert [clip("abcdef", 6), clip("abcdefg", 6)] == ["abcdef", "abcde…"]


def test_plural_follows_the_number() -> None:
    assert [plural(1, "span"), plural(1200, "span"), plural(2, "query", "queries")] == [
        "1 span",
        "1,200 spans",
        "2 queries",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain <b>", "plain <b>"),
        ("a\nb\tc", "a\nb\tc"),
        ("\x1b[31m\x00", "⟨U+001B⟩[31m⟨U+0000⟩"),
        ("evil\u202egnp.exe", "evil⟨U+202E⟩gnp.exe"),
        ("\u2066x\u2069\u200f", "⟨U+2066⟩x⟨U+2069⟩⟨U+200F⟩"),
        ("\x7f\x85", "⟨U+007F⟩⟨U+0085⟩"),
        ("שלום é 🙂", "שלום é 🙂"),
    ],
)
def test_control_and_direction_marks_are_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def timezone_of_one_hour() -> tzinfo | None:
    return datetime.fromisoformat("2026-01-01T00:00+01:00").tzinfo
