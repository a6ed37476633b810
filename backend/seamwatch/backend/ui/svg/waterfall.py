"""Lays the spans of a trace out as a tree in time: the geometry of the waterfall."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from seamwatch.backend.ui.format import clip, duration, visible
from seamwatch.backend.ui.palette import service_classes
from seamwatch.backend.ui.svg.ticks import Tick, time_ticks

__all__ = ["INDENT_PX", "MAXIMUM_INDENT", "OutlineSpan", "Waterfall", "WaterfallRow", "waterfall"]

INDENT_PX = 14
_ORPHAN = "parent not received"
_FLAG_PX = 6  # half the width of an error's mark at the start of a bar
MAXIMUM_INDENT = 12  # levels; deeper rows stay at this one and say their level in words


@dataclass(frozen=True, kw_only=True, slots=True)
class OutlineSpan:
    """What the waterfall needs of a span; times in nanoseconds since 1970."""

    span_id: str
    parent_span_id: str | None
    service_name: str
    name: str
    kind: str
    is_error: bool
    start_ns: int
    duration_ns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WaterfallRow:
    """One row: place in the tree, and a bar in per cent of the trace's duration."""

    number: int
    level: int
    indent_px: int
    span: OutlineSpan
    colour: str
    descendant_count: int
    descendant_error_count: int
    is_orphan: bool
    bar_x: str
    bar_width: str
    label_x: str
    label_anchor: str
    label_dx: int
    label_class: str
    offset: str
    length: str
    service_text: str
    name_text: str
    description: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Waterfall:
    """Rows in the order of the tree, each parent before its children, siblings by start."""

    rows: tuple[WaterfallRow, ...]
    row_count: int
    first_row: int
    start_ns: int
    duration_ms: float
    ticks: tuple[Tick, ...]
    services: tuple[tuple[str, str, int], ...]  # name, colour class, spans
    error_count: int
    first_error_id: str | None  # the earliest failed span without a failed span below it


def waterfall(
    spans: Sequence[OutlineSpan], *, first_row: int = 0, row_limit: int | None = None
) -> Waterfall:
    """Waterfall of one trace; only the rows from `first_row` on, at most `row_limit`, are drawn.

    A span whose parent is missing, or whose ancestors form a ring, stands at the top level as an orphan. Linear
    in the number of spans but for sorting; recursion is avoided, a chain may be 10,000 deep.
    """
    start_ns = min((span.start_ns for span in spans), default=0)
    end_ns = max((span.start_ns + max(0, span.duration_ns) for span in spans), default=0)
    total_ns = max(1, end_ns - start_ns)
    ordered = sorted(spans, key=lambda span: (span.start_ns, -span.duration_ns, span.span_id))
    colours = service_classes(span.service_name for span in ordered)
    placed = _place(ordered)
    below, errors_below = _count_descendants(placed)
    stop = None if row_limit is None else first_row + row_limit
    rows = []
    for number, (span, level, is_orphan) in enumerate(placed[first_row:stop], first_row):
        rows.append(
            _row(
                number, level, is_orphan, span, colours[span.service_name],
                below[number], errors_below[number], start_ns, total_ns,
            )
        )  # fmt: skip
    return Waterfall(
        rows=tuple(rows),
        row_count=len(placed),
        first_row=first_row,
        start_ns=start_ns,
        duration_ms=(end_ns - start_ns) / 1e6,
        ticks=tuple(time_ticks((end_ns - start_ns) / 1e6)),
        services=tuple((name, colour, total) for name, colour, total in _totals(ordered, colours)),
        error_count=sum(span.is_error for span in spans),
        first_error_id=min(
            (
                (span.start_ns, span.span_id)
                for number, (span, _, _) in enumerate(placed)
                if span.is_error and not errors_below[number]
            ),
            default=(0, None),
        )[1],
    )


def _place(ordered: Sequence[OutlineSpan]) -> list[tuple[OutlineSpan, int, bool]]:
    """Spans in depth-first order with their level (1 is the top) and whether they lost their parent."""
    known = {span.span_id for span in ordered}
    children: dict[str, list[OutlineSpan]] = {}
    tops = []
    for span in ordered:
        if span.parent_span_id is None or span.parent_span_id not in known:
            tops.append(span)
        else:
            children.setdefault(span.parent_span_id, []).append(span)
    placed: list[tuple[OutlineSpan, int, bool]] = []
    visited: set[int] = set()

    def walk(top: OutlineSpan, is_orphan: bool) -> None:
        stack = [(top, 1, is_orphan)]
        while stack:
            span, level, orphan = stack.pop()
            if id(span) in visited:
                continue
            visited.add(id(span))
            placed.append((span, level, orphan))
            # Two spans may carry one id; the children belong to the first of them that comes.
            for child in reversed(children.pop(span.span_id, ())):
                stack.append((child, level + 1, False))

    for top in tops:
        walk(top, top.parent_span_id is not None)
    for span in ordered:  # what is left hangs on a ring
        if id(span) not in visited:
            walk(span, True)
    return placed


def _count_descendants(
    placed: Sequence[tuple[OutlineSpan, int, bool]],
) -> tuple[list[int], list[int]]:
    """Spans, and failed spans, below each row: the rows that follow it at a deeper level."""
    below = [0] * len(placed)
    errors = [0] * len(placed)
    open_rows: list[
        tuple[int, int, int]
    ] = []  # row, level, failed spans seen before its first child
    failed = 0

    def close(row: int, end: int, failed_before: int) -> None:
        below[row] = end - row - 1
        errors[row] = failed - failed_before

    for row, (span, level, _) in enumerate(placed):
        while open_rows and open_rows[-1][1] >= level:
            done, _, failed_before = open_rows.pop()
            close(done, row, failed_before)
        failed += span.is_error
        open_rows.append((row, level, failed))
    while open_rows:
        done, _, failed_before = open_rows.pop()
        close(done, len(placed), failed_before)
    return below, errors


def _totals(
    ordered: Iterable[OutlineSpan], colours: dict[str, str]
) -> Iterable[tuple[str, str, int]]:
    totals = dict.fromkeys(colours, 0)
    for span in ordered:
        totals[span.service_name] += 1
    return ((name, colours[name], total) for name, total in totals.items())


def _row(
    number: int,
    level: int,
    is_orphan: bool,
    span: OutlineSpan,
    colour: str,
    descendant_count: int,
    descendant_error_count: int,
    start_ns: int,
    total_ns: int,
) -> WaterfallRow:
    left = (span.start_ns - start_ns) / total_ns * 100
    width = max(0, span.duration_ns) / total_ns * 100
    right = left + width
    flag_px = _FLAG_PX if span.is_error else 0
    if right <= 84:
        label_x, anchor, dx = right, "start", 7 + (flag_px if width < 2 else 0)
        place = "after" if right <= 62 else "tight"
    elif left >= 16:
        label_x, anchor, dx, place = left, "end", -7 - flag_px, "tight"
    else:
        label_x, anchor, dx, place = right, "end", -8, "inside"
    offset = duration((span.start_ns - start_ns) / 1e6)
    length = duration(span.duration_ns / 1e6)
    service_text = clip(visible(span.service_name), 40)
    name_text = clip(visible(span.name), 90) + (f" ({_ORPHAN})" if is_orphan else "")
    # Begins with the words that are seen, so that they can be spoken to choose the row.
    description = f"{service_text} {name_text} {length}, starts at {offset}"
    if span.is_error:
        description += ", error"
    return WaterfallRow(
        number=number,
        level=level,
        indent_px=min(level - 1, MAXIMUM_INDENT) * INDENT_PX,
        span=span,
        colour=colour,
        descendant_count=descendant_count,
        descendant_error_count=descendant_error_count,
        is_orphan=is_orphan,
        bar_x=f"{left:.3f}",
        bar_width=f"{width:.3f}",
        label_x=f"{label_x:.3f}",
        label_anchor=anchor,
        label_dx=dx,
        label_class=place,
        offset=offset,
        length=length,
        service_text=service_text,
        name_text=name_text,
        description=description,
    )
