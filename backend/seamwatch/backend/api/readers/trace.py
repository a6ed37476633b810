"""One trace, every field as it was received."""

from __future__ import annotations

from typing import Any

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import namedtuple_row

from seamwatch.backend.api.readers.json_text import json_text
from seamwatch.backend.api.readers.times import rfc3339
from seamwatch.backend.api.types import DroppedCounts, JsonText, Scope, Span, SpanResource, Trace
from seamwatch.backend.storage import queries

__all__ = ["KIND_WORDS", "STATUS_WORDS", "parse_trace_id", "read_trace"]

KIND_WORDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUS_WORDS = ("unset", "ok", "error")

_NOTHING = msgspec.Raw(b"null")
_NONE_DROPPED = DroppedCounts(attributes=0, events=0, links=0)


def parse_trace_id(text: str) -> bytes:
    """32 hex digits, in either case, not all zero.

    Raises:
        ValueError: With the remedy.
    """
    is_hex = len(text) == 32 and text.isascii() and text.isalnum()
    try:
        trace_id = bytes.fromhex(text) if is_hex else b""
    except ValueError:
        trace_id = b""
    if not any(trace_id):
        raise ValueError("give 32 hexadecimal digits that are not all zero")
    return trace_id


async def read_trace(
    connection: AsyncConnection[Any],
    trace_id: bytes,
    *,
    max_spans: int = 10_000,
    max_bytes: int = 32 * 1024 * 1024,
) -> Trace | None:
    """The first spans of a trace by start time, at least one; None where there is none.

    Spans whose start lies outside every partition are included.

    Args:
        connection: A tenant's transaction.
        trace_id: 16 bytes.
        max_spans: Most spans.
        max_bytes: Most bytes of their texts and JSON, resource and scope counted with every span: the answer
            repeats them, and a sender sends them once for thousands of spans.
    """
    async with connection.cursor(row_factory=namedtuple_row) as cursor:
        await cursor.execute(
            queries.load("trace_spans"),
            {"trace_id": trace_id, "max_spans": max_spans, "max_bytes": max_bytes},
        )
        rows: list[Any] = await cursor.fetchall()
    if not rows:
        return None
    # In the order of their first use: what max_bytes cuts off belongs to spans that are cut off too.
    resources = await _resources(connection, _ids(rows, "resource_id"), max_bytes)
    scopes = await _scopes(connection, _ids(rows, "scope_id"), max_bytes)
    shown = min(max_spans, _count_within(max_bytes, rows, resources, scopes))
    is_truncated = len(rows) > shown or not rows[-1].is_last
    rows = rows[:shown]
    starts = [row.start_us * 1000 + row.start_ns for row in rows]
    first_ns = min(starts)
    last_ns = max(start + row.duration_ns for start, row in zip(starts, rows, strict=True))
    return Trace(
        trace_id=trace_id.hex(),
        start_time=rfc3339(first_ns),
        duration_ms=max(0, last_ns - first_ns) / 1e6,
        truncated=is_truncated,
        spans=[
            _span(row, start_ns, resources, scopes)
            for row, start_ns in zip(rows, starts, strict=True)
        ],
    )


def _ids(rows: list[Any], column: str) -> list[int]:
    """The different ids in a column, in the order of their first row."""
    return list(dict.fromkeys(getattr(row, column) for row in rows))


def _count_within(
    max_bytes: int, rows: list[Any], resources: dict[int, JsonText], scopes: dict[int, JsonText]
) -> int:
    """How many rows fit into `max_bytes`; one always does."""
    total = 0
    for count, row in enumerate(rows):
        total += row.bytes
        total += len(memoryview(resources.get(row.resource_id, _NOTHING)))
        total += len(memoryview(scopes.get(row.scope_id, _NOTHING)))
        if total > max_bytes:
            return max(1, count)
    return len(rows)


def _span(
    row: Any, start_ns: int, resources: dict[int, JsonText], scopes: dict[int, JsonText]
) -> Span:
    """One row as the API shows it."""
    dropped = row.dropped_counts
    return Span(
        span_id=row.span_id,
        parent_span_id=row.parent_span_id,
        service_name=row.service_name,
        name=row.name,
        kind=_word(KIND_WORDS, row.kind),
        status=_word(STATUS_WORDS, row.status_code),
        status_message=row.status_message,
        start_time=rfc3339(start_ns),
        start_time_unix_nano=str(start_ns),
        duration_ms=row.duration_ns / 1e6,
        attributes=json_text(row.attributes),
        resource=resources.get(row.resource_id, _NOTHING),
        scope=scopes.get(row.scope_id, _NOTHING),
        events=json_text(row.events, "[]"),
        links=json_text(row.links, "[]"),
        flags=row.flags,
        trace_state=row.trace_state,
        dropped=DroppedCounts(*dropped) if dropped else _NONE_DROPPED,
    )


def _word(words: tuple[str, ...], number: int) -> str:
    """The word for an enum's number; the number itself where a sender invented one."""
    return words[number] if 0 <= number < len(words) else str(number)


async def _resources(
    connection: AsyncConnection[Any], resource_ids: list[int], max_bytes: int
) -> dict[int, JsonText]:
    """Each resource as JSON, encoded once however many spans share it."""
    cursor = await connection.execute(
        queries.load("trace_resources"), {"resource_ids": resource_ids, "max_bytes": max_bytes}
    )
    return {
        resource_id: _encoded(
            SpanResource(
                attributes=json_text(attributes),
                schema_url=schema_url,
                dropped_attributes_count=dropped,
            )
        )
        for resource_id, attributes, schema_url, dropped in await cursor.fetchall()
    }


async def _scopes(
    connection: AsyncConnection[Any], scope_ids: list[int], max_bytes: int
) -> dict[int, JsonText]:
    """Each scope as JSON, encoded once however many spans share it."""
    cursor = await connection.execute(
        queries.load("trace_scopes"), {"scope_ids": scope_ids, "max_bytes": max_bytes}
    )
    return {
        scope_id: _encoded(
            Scope(
                name=name,
                version=version,
                attributes=json_text(attributes),
                schema_url=schema_url,
                dropped_attributes_count=dropped,
            )
        )
        for scope_id, name, version, attributes, schema_url, dropped in await cursor.fetchall()
    }


def _encoded(struct: msgspec.Struct) -> JsonText:
    return msgspec.Raw(msgspec.json.encode(struct))
