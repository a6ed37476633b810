"""Services that sent spans in a window."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from seamwatch.backend.api.readers.dashboard import rollup_range
from seamwatch.backend.api.readers.page import Page, Position
from seamwatch.backend.api.readers.times import as_utc
from seamwatch.backend.api.types import Service
from seamwatch.backend.api.window import Window
from seamwatch.backend.storage import queries

__all__ = ["read_services"]


async def read_services(
    connection: AsyncConnection[Any],
    window: Window,
    *,
    now: datetime,
    limit: int = 50,
    position: Position | None = None,
) -> Page[Service]:
    """A page of services by name; `last_seen_at` is the start of the newest span."""
    cursor = await connection.execute(
        queries.load("service_list"),
        {
            **rollup_range(window, now),
            "after": position["after"] if position else None,
            "page_size": limit + 1,
        },
        prepare=False,
    )
    rows = await cursor.fetchall()
    items = [
        Service(
            service_name=name,
            operation_count=operation_count,
            last_seen_at=as_utc(last_seen_at),
            span_count=span_count,
            request_count=request_count,
            requests_per_s=float(f"{request_count / window.duration_s:.4g}"),
            error_ratio=error_count / request_count if request_count else 0.0,
        )
        for name, operation_count, span_count, request_count, error_count, last_seen_at in rows[
            :limit
        ]
    ]
    has_more = len(rows) > limit
    return Page(items, {"after": items[-1].service_name} if has_more else None)
