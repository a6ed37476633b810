"""The geometry of the waterfall."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seamwatch.backend.ui.svg.ticks import time_ticks
from seamwatch.backend.ui.svg.waterfall import OutlineSpan, waterfall


def outline(
    span_id: str, parent: str | None, start: int = 0, length: int = 100, **more: object
) -> OutlineSpan:
    span = OutlineSpan(
        span_id=span_id,
        parent_span_id=parent,
        service_name="shop",
        name=f"step {span_id}",
        kind="internal",
        is_error=False,
        start_ns=1_000 + start,
        duration_ns=length,
    )
    return replace(span, **more)  # type: ignore[arg-type]


def shape(*spans: OutlineSpan) -> list[tuple[str, int, int]]:
    return [(r.span.span_id, r.level, r.descendant_count) for r in waterfall(spans).rows]


def test_each_parent_stands_before_its_children_by_start() -> None:
    spans = [
        outline("c", "a", 20),
        outline("d", "b", 15),
        outline("a", None),
        outline("b", "a", 10),
    ]

    assert shape(*spans) == [("a", 1, 3), ("b", 2, 1), ("d", 3, 0), ("c", 2, 0)]


def test_span_without_its_parent_is_an_orphan_at_the_top() -> None:
    fall = waterfall([outline("a", None), outline("b", "missing", 5)])

    assert [(row.level, row.is_orphan) for row in fall.rows] == [(1, False), (1, True)]
    assert "parent not received" in fall.rows[1].description


def test_ring_of_spans_is_drawn_once_each() -> None:
    spans = [outline("a", "c"), outline("b", "a", 1), outline("c", "b", 2), outline("d", "d", 3)]

    assert sorted(row.span.span_id for row in waterfall(spans).rows) == ["a", "b", "c", "d"]


def test_two_spans_with_one_id_both_get_a_row() -> None:
    assert len(waterfall([outline("a", None), outline("a", None, 7), outline("b", "a")]).rows) == 3


def test_chain_of_ten_thousand_spans_is_laid_out() -> None:
    spans = [outline(f"{i}", f"{i - 1}" if i else None, i) for i in range(10_000)]

    fall = waterfall(spans, first_row=9_999)

    assert (fall.rows[0].level, fall.rows[0].indent_px) == (10_000, 12 * 14)


def test_bar_covers_the_share_of_the_trace_that_the_span_took() -> None:
    fall = waterfall([outline("a", None, 0, 400), outline("b", "a", 100, 200)])

    assert (fall.rows[1].bar_x, fall.rows[1].bar_width) == ("25.000", "50.000")


def test_negative_duration_gives_an_empty_bar() -> None:
    fall = waterfall([outline("a", None, 0, 400), outline("b", "a", 100, -50)])

    assert fall.rows[1].bar_width == "0.000"


def test_trace_without_any_duration_is_drawn() -> None:
    assert waterfall([outline("a", None, 0, 0)]).rows[0].bar_x == "0.000"


def test_first_error_is_the_one_that_no_deeper_error_explains() -> None:
    spans = [
        outline("a", None, 0, is_error=True),
        outline("b", "a", 1, is_error=True),
        outline("c", "b", 2),
        outline("d", "a", 3, is_error=True),
    ]

    assert waterfall(spans).first_error_id == "b"
    assert [row.descendant_error_count for row in waterfall(spans).rows] == [2, 0, 0, 0]


def test_chunk_holds_its_rows_and_knows_how_many_there_are() -> None:
    spans = [outline(f"{i}", None, i) for i in range(10)]

    fall = waterfall(spans, first_row=4, row_limit=3)

    assert [row.number for row in fall.rows] == [4, 5, 6]
    assert fall.row_count == 10


def test_services_get_colours_in_the_order_they_appear() -> None:
    spans = [outline(str(i), None, i, service_name=f"s{i}") for i in range(9)]

    assert [colour for _, colour, _ in waterfall(spans).services] == [f"s{i % 8}" for i in range(9)]


@pytest.mark.parametrize(
    ("length_ms", "labels"),
    [
        (412, ["0 ms", "100 ms", "200 ms", "300 ms"]),
        (10, ["0 ms", "2 ms", "4 ms", "6 ms", "8 ms"]),
        (0.07, ["0 ms", "20 µs", "40 µs", "60 µs"]),
        (0, ["0 ms"]),
    ],
)
def test_marks_of_the_time_axis_are_round(length_ms: float, labels: list[str]) -> None:
    assert [tick.label.replace("\u202f", " ") for tick in time_ticks(length_ms)] == labels
