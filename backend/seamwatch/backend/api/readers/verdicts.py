"""Verdicts of the analyses."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

from seamwatch.backend.api.readers.json_text import json_text
from seamwatch.backend.api.readers.page import Page, Position
from seamwatch.backend.api.readers.times import as_utc
from seamwatch.backend.api.types import Verdict
from seamwatch.backend.storage import queries

__all__ = ["read_verdicts"]


async def read_verdicts(
    connection: AsyncConnection[Any],
    *,
    kind: str | None = None,
    subject: str | None = None,
    state: str | None = None,
    is_open: bool | None = None,
    limit: int = 50,
    position: Position | None = None,
) -> Page[Verdict]:
    """A page of verdicts, newest first; each filter is equality, None stands for any."""
    before: Position = position or {}
    cursor = await connection.execute(
        queries.load("verdict_list"),
        {
            "kind": kind,
            "subject": subject,
            "state": state,
            "is_open": is_open,
            "before_since": before.get("since"),
            "before_id": before.get("id", 0),
            "page_size": limit + 1,
        },
        prepare=False,
    )
    rows = await cursor.fetchall()
    items = [
        Verdict(
            verdict_id=str(verdict_id),
            kind=found_kind,
            subject=found_subject,
            state=found_state,
            since=as_utc(since),
            until=as_utc(until) if until else None,
            evidence=json_text(evidence),
        )
        for verdict_id, found_kind, found_subject, found_state, since, until, evidence in rows[
            :limit
        ]
    ]
    if len(rows) <= limit:
        return Page(items, None)
    last = items[-1]
    return Page(items, {"since": last.since.isoformat(), "id": int(last.verdict_id)})
