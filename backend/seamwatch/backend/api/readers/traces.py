"""Searches traces, newest first, in steps that never read long."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from seamwatch.backend.api.readers.candidates import CandidateScan, SpanKey
from seamwatch.backend.api.readers.page import Page, Position
from seamwatch.backend.api.readers.times import rfc3339
from seamwatch.backend.api.readers.trace_search import TraceSearch
from seamwatch.backend.api.types import TraceSummary
from seamwatch.backend.storage import queries

__all__ = ["search_traces"]

_TIME_BUDGET_S = 0.15
_MAX_HELD = 64
_MAX_LARGE = 64
_SPARE = 8
_MIN_ROOM = 32


@dataclass(frozen=True, slots=True)
class _Found:
    """A trace that matches, with what orders it in the list."""

    start_ns: int
    summary: TraceSummary

    @property
    def trace_id(self) -> bytes:
        return bytes.fromhex(self.summary.trace_id)

    @property
    def order(self) -> tuple[int, str]:
        return self.start_ns, self.summary.trace_id


async def search_traces(
    connection: AsyncConnection[Any],
    search: TraceSearch,
    *,
    position: Position | None = None,
    max_spans: int = 10_000,
    time_budget_s: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Page[TraceSummary]:
    """One page of traces, newest start first, each trace on one page only.

    Matching spans are read downwards by their start. A trace is held back until no trace that
    starts later can come, which the spans' frontier tells, so the list is ordered by the start of
    traces although no index is. Where more than 64 traces overlap, the newest of those held is shown
    without waiting: the order is then exact within a page only. When the time budget is spent the page ends where it is, possibly empty, and its position
    goes on from there.

    Args:
        connection: A tenant's transaction.
        search: Filters; `end` must be the same for all pages of one listing.
        position: Of the page before.
        max_spans: Spans counted of one trace.
        time_budget_s: After this time no further step is begun; None: 0.15.
        clock: Monotonic seconds.
    """
    deadline = clock() + (_TIME_BUDGET_S if time_budget_s is None else time_budget_s)
    reader = _SummaryReader(connection, search, max_spans)
    scan = CandidateScan(connection, search, _frontier(position))
    if position is not None:
        scan.pace = (float(position["slice_s"]), int(position["scanned"]))
    held = [found for found, _ in await reader.read(_ids(position, "held"))]
    large = dict.fromkeys(_ids(position, "large"))
    items: list[TraceSummary] = []
    while True:
        held.sort(key=lambda found: found.order)
        while held and len(items) < search.limit and _is_due(held, scan):
            items.append(held.pop().summary)
        if len(items) == search.limit or scan.is_exhausted:
            break
        # At least one step a page, or a slow database would send callers round in a circle.
        if scan.has_stepped and clock() > deadline:
            break
        visited_from = scan.frontier
        room = search.limit + _SPARE - len(items) - len(held)
        wanted = await scan.take(max(room, _MIN_ROOM))
        for found, newest_match in await reader.read(wanted):
            if found.summary.span_count >= max_spans:
                # Its newest match may be among the spans that were not read: remembered by name.
                is_new = found.trace_id not in large
                large[found.trace_id] = None
            else:
                # Where its newest match lies above this step, an earlier one has shown the trace.
                is_new = newest_match is not None and newest_match < visited_from
            if is_new:
                held.append(found)
    items.sort(key=lambda item: (item.start_time, item.trace_id), reverse=True)
    if scan.is_exhausted and not held:
        return Page(items, None)
    return Page(items, _position(scan, held, list(large)[-_MAX_LARGE:]))


def _is_due(held: list[_Found], scan: CandidateScan) -> bool:
    """Whether the newest held trace may be shown: nothing that starts later can still come."""
    return scan.is_exhausted or held[-1].start_ns >= scan.frontier.ns or len(held) > _MAX_HELD


class _SummaryReader:
    """Summaries of traces and where their newest matching span is."""

    def __init__(
        self, connection: AsyncConnection[Any], search: TraceSearch, max_spans: int
    ) -> None:
        self._connection = connection
        self._search = search
        self._parameters = {**search.sql_filters(), "max_spans": max_spans}

    async def read(self, trace_ids: Iterable[bytes]) -> list[tuple[_Found, SpanKey | None]]:
        """The traces that exist and do not last longer than the search allows."""
        wanted = list(trace_ids)
        if not wanted:
            return []
        cursor = await self._connection.execute(
            queries.load("trace_summaries"),
            {**self._parameters, "trace_ids": wanted},
            prepare=False,
        )
        return [
            (_found(row), _newest_match(row))
            for row in await cursor.fetchall()
            if row[1] and row[4] - row[3] <= self._search.max_duration_ns
        ]


def _found(row: tuple[Any, ...]) -> _Found:
    trace_id, span_count, error_count, first_ns, last_ns, root_service, root_name, _, _ = row
    start_ns = int(first_ns)
    return _Found(
        start_ns,
        TraceSummary(
            trace_id=trace_id,
            root_service_name=root_service,
            root_name=root_name,
            start_time=rfc3339(start_ns),
            duration_ms=max(0, int(last_ns) - start_ns) / 1e6,
            span_count=span_count,
            error_count=error_count,
        ),
    )


def _newest_match(row: tuple[Any, ...]) -> SpanKey | None:
    """The newest span that matches; None: it was cut off by the limit of spans, or is gone."""
    return None if row[8] is None else SpanKey(int(row[7]), bytes.fromhex(row[0]), row[8])


def _position(scan: CandidateScan, held: list[_Found], large: list[bytes]) -> Position:
    frontier, (slice_s, scanned) = scan.frontier, scan.pace
    return {
        "ns": str(frontier.ns),
        "trace": frontier.trace_id.hex(),
        "span": frontier.span_id.hex(),
        "slice_s": slice_s,
        "scanned": scanned,
        "held": base64.b64encode(b"".join(found.trace_id for found in held)).decode(),
        "large": base64.b64encode(b"".join(large)).decode(),
    }


def _frontier(position: Position | None) -> SpanKey | None:
    if position is None:
        return None
    return SpanKey(
        int(position["ns"]), bytes.fromhex(position["trace"]), bytes.fromhex(position["span"])
    )


def _ids(position: Position | None, name: str) -> list[bytes]:
    """The trace ids of a position under `name`."""
    ids = b"" if position is None else base64.b64decode(position[name])
    return [ids[start : start + 16] for start in range(0, len(ids), 16)]
