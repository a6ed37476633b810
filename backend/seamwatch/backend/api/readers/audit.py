"""The audit log of a tenant."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

from seamwatch.backend.api.readers.json_text import json_text
from seamwatch.backend.api.readers.page import Page, Position
from seamwatch.backend.api.readers.times import as_utc
from seamwatch.backend.api.types import AuditEntry
from seamwatch.backend.storage import queries

__all__ = ["read_audit"]

_NONE_YET = 2**63 - 1


async def read_audit(
    connection: AsyncConnection[Any],
    *,
    actor: str | None = None,
    action: str | None = None,
    limit: int = 50,
    position: Position | None = None,
) -> Page[AuditEntry]:
    """A page of audit entries, newest first; filters are equality, None stands for any."""
    cursor = await connection.execute(
        queries.load("audit_list"),
        {
            "actor": actor,
            "action": action,
            "before_id": position["id"] if position else _NONE_YET,
            "page_size": limit + 1,
        },
        prepare=False,
    )
    rows = await cursor.fetchall()
    items = [
        AuditEntry(
            audit_id=str(audit_id),
            at=as_utc(at),
            actor=who,
            action=what,
            target=target,
            detail=json_text(detail),
        )
        for audit_id, at, who, what, target, detail in rows[:limit]
    ]
    has_more = len(rows) > limit
    return Page(items, {"id": int(items[-1].audit_id)} if has_more else None)
