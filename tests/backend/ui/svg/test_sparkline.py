"""The geometry of a sparkline."""

from __future__ import annotations

import pytest

from seamwatch.backend.ui.svg.sparkline import sparkline


def test_line_reaches_the_top_at_the_peak_and_the_ground_at_zero() -> None:
    spark = sparkline([0, 10, 5], [0, 0, 0])

    assert spark.line == "M0 28L60 2L120 15"
    assert (spark.peak, spark.latest) == (10, 5)


def test_single_error_among_a_thousand_requests_is_three_units_high() -> None:
    spark = sparkline([1000, 1000], [0, 1])

    assert [(y, height) for _, y, _, height in spark.errors] == [("25", "3")]


def test_bar_at_the_edge_stays_inside_the_chart() -> None:
    (first, last) = sparkline([5] * 61, [1] + [0] * 59 + [1]).errors

    assert first[0] == "0"
    assert float(last[0]) + float(last[2]) <= 120


def test_hour_without_requests_is_a_flat_line() -> None:
    assert sparkline([0, 0], [0, 0]).line == "M0 28L120 28"
    assert sparkline([], []).line == ""


def test_series_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="equal lengths"):
        sparkline([1], [])
