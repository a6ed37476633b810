"""Errors grouped by service, type and the fingerprint of their message."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from seamwatch.backend.api.readers.page import Page, Position
from seamwatch.backend.api.readers.times import as_utc, rfc3339
from seamwatch.backend.api.types import ErrorGroup
from seamwatch.backend.api.window import Window
from seamwatch.backend.storage import queries

__all__ = ["read_errors"]


async def read_errors(
    connection: AsyncConnection[Any],
    window: Window,
    *,
    now: datetime,
    service_name: str | None = None,
    limit: int = 50,
    position: Position | None = None,
) -> Page[ErrorGroup]:
    """A page of error groups, last seen first; counts and `first_seen_at` are of the window."""
    before: Position = position or {}
    cursor = await connection.execute(
        queries.load("error_groups"),
        {
            "since": window.since(now),
            "until": window.until(now),
            "service_name": service_name,
            "before_ns": before.get("ns"),
            "before_service": before.get("service", ""),
            "before_type": before.get("type", ""),
            "before_fingerprint": before.get("fingerprint", 0),
            "page_size": limit + 1,
        },
        prepare=False,
    )
    rows = await cursor.fetchall()
    items = [
        ErrorGroup(
            service_name=service,
            error_type=error_type,
            fingerprint=f"{fingerprint % 2**64:016x}",
            span_name=span_name,
            message=message,
            error_count=error_count,
            first_seen_at=as_utc(first_seen_at),
            last_seen_at=rfc3339(int(last_start_ns)),
            trace_id=trace_id,
        )
        for (
            service,
            error_type,
            fingerprint,
            span_name,
            message,
            error_count,
            first_seen_at,
            last_start_ns,
            trace_id,
        ) in rows[:limit]
    ]
    if len(rows) <= limit:
        return Page(items, None)
    service, error_type, fingerprint, _, _, _, _, last_start_ns, _ = rows[limit - 1]
    return Page(
        items,
        {
            "ns": last_start_ns,
            "service": service,
            "type": error_type,
            "fingerprint": fingerprint,
        },
    )
