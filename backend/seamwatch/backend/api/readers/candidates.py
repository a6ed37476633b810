"""Scans the span indexes downwards in bounded steps for spans that a search wants."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import AsyncConnection

from seamwatch.backend.api.readers.times import to_datetime
from seamwatch.backend.api.readers.trace_search import TraceSearch
from seamwatch.backend.storage import queries

__all__ = ["CandidateScan", "SpanKey", "to_ns"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_SLICE_S = 60.0
_MIN_SLICE_S = 0.1
_MAX_SLICE_S = 1e10
_FIRST_SCANNED = 256
_MAX_SCANNED = 20_000
_MIN_SCANNED_PER_SERVICE = 100
_MAX_SERVICES = 500
# A step that took less is followed by a longer one, one that took more by a shorter one.
_FAST_S = 0.015
_SLOW_S = 0.045


@dataclass(frozen=True, order=True, slots=True)
class SpanKey:
    """Order of spans in a search: start in nanoseconds since 1970, then trace id, then span id."""

    ns: int
    trace_id: bytes
    span_id: bytes


def to_ns(moment: datetime) -> int:
    """A time as whole microseconds since 1970, in nanoseconds."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


class CandidateScan:
    """Reads matching spans from `frontier` downwards; everything above it has been read.

    A step reads one slice of time inside one index and at most some 20,000 rows. How long slices
    are follows from how long the last one took, so that neither a busy second nor an empty month
    makes a step slow, or many steps necessary.
    """

    def __init__(
        self, connection: AsyncConnection[Any], search: TraceSearch, frontier: SpanKey | None
    ) -> None:
        self._connection = connection
        self._search = search
        self._filters = search.sql_filters()
        self._start_ns = to_ns(search.start)
        # Seconds of a slice and rows of a step; a page takes them over from the one before.
        self.pace = (_FIRST_SLICE_S, _FIRST_SCANNED)
        self.has_stepped = False
        self._backlog: list[SpanKey] = []
        self._services: list[str] | None = [search.service] if search.service else None
        self.frontier = frontier or SpanKey(to_ns(search.end), b"", b"")
        self._bottom = self.frontier

    @property
    def is_exhausted(self) -> bool:
        """Whether the whole range has been read."""
        return self.frontier.ns <= self._start_ns and not self.frontier.trace_id

    async def take(self, room: int) -> list[bytes]:
        """The next traces with a matching span, `room` at most; moves the frontier to the last one.

        Asks the database for a step only where the one before is used up.
        """
        if not self._backlog:
            self._backlog = (await self.step())[::-1]
            self._bottom = self.frontier
        wanted: dict[bytes, None] = {}
        while self._backlog and (len(wanted) < room or self._backlog[-1].trace_id in wanted):
            self.frontier = self._backlog.pop()
            wanted[self.frontier.trace_id] = None
        if not self._backlog:
            self.frontier = self._bottom
        return list(wanted)

    async def step(self) -> list[SpanKey]:
        """Matching spans of one step, newest first; moves the frontier below them."""
        slice_end = self.frontier
        bottom_ns = max(self._start_ns, slice_end.ns - round(self.pace[0] * 1e9))
        bottom_ns = bottom_ns // 1000 * 1000
        self.has_stepped = True
        started = time.perf_counter()
        name, parameters = await self._query()
        rows = await self._read(name, parameters, bottom_ns)
        elapsed_s = time.perf_counter() - started
        bottom = SpanKey(bottom_ns, b"", b"")
        stops = [
            _key(row) for row in rows if row[4] is None and row[5] >= parameters["max_scanned"]
        ]
        frontier = max([bottom, *stops])
        self.frontier = frontier
        self._adapt(elapsed_s, is_whole_slice=not stops)
        # Below the frontier only some services were read; the next step reads all of them there.
        return sorted(
            (key for row in rows if row[4] and (key := _key(row)) >= frontier), reverse=True
        )

    async def _query(self) -> tuple[str, dict[str, Any]]:
        """Which index is scanned, and the parameters that only this query has."""
        if not self._search.is_by_service:
            is_error = self._search.status == "error"
            name = "trace_candidates_error" if is_error else "trace_candidates_entry"
            return name, {"max_scanned": self.pace[1]}
        if self._services is None:
            self._services = await self._service_names()
        each = max(_MIN_SCANNED_PER_SERVICE, self.pace[1] // max(1, len(self._services)))
        return "trace_candidates_service", {
            "service_names": self._services,
            "max_scanned": each,
        }

    async def _read(
        self, name: str, parameters: dict[str, Any], bottom_ns: int
    ) -> list[tuple[Any, ...]]:
        """Rows of one step between `bottom_ns` and the frontier."""
        before = self.frontier
        cursor = await self._connection.execute(
            queries.load(name),
            {
                **self._filters,
                **parameters,
                "slice_start": to_datetime(bottom_ns // 1000),
                "slice_end": self._search.end,
                "before_time": to_datetime(before.ns // 1000),
                "before_ns": before.ns % 1000,
                "before_trace_id": before.trace_id,
                "before_span_id": before.span_id,
            },
            # A generic plan could not use the ranges of the filters inside the index.
            prepare=False,
        )
        return await cursor.fetchall()

    async def _service_names(self) -> list[str]:
        """Every service of the range, where the search names none."""
        cursor = await self._connection.execute(
            queries.load("trace_service_names"),
            {
                "since": self._search.start,
                "until": self._search.end,
                "max_services": _MAX_SERVICES,
            },
            prepare=False,
        )
        return [name for (name,) in await cursor.fetchall()]

    def _adapt(self, elapsed_s: float, *, is_whole_slice: bool) -> None:
        """Choose the next step's size by what this one cost."""
        slice_s, scanned = self.pace
        if elapsed_s > _SLOW_S:
            slice_s = max(_MIN_SLICE_S, slice_s / 4)
            scanned = max(_FIRST_SCANNED, scanned // 2)
        elif elapsed_s < _FAST_S:
            scanned = min(_MAX_SCANNED, scanned * 4)
            if is_whole_slice:
                slice_s = min(_MAX_SLICE_S, slice_s * 4)
        self.pace = (slice_s, scanned)


def _key(row: tuple[Any, ...]) -> SpanKey:
    """The key of a row (trace_id, span_id, start_us, start_ns, ...)."""
    return SpanKey(row[2] * 1000 + row[3], row[0], row[1])
