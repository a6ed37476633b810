"""Keeps the last dashboards, so that many viewers and unchanged numbers cost next to nothing."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from starlette.responses import Response

from seamwatch.backend.api.answer import Asked, body_answer, etag_of
from seamwatch.backend.api.types import Dashboard
from seamwatch.backend.storage import queries

if TYPE_CHECKING:
    from psycopg import AsyncConnection

__all__ = ["DashboardCache"]

_FRESH_S = 1.0
_MAX_ENTRIES = 512
_MAX_BYTES = 16 * 1024 * 1024


class _Caller(Asked, Protocol):
    """A call that may read as its tenant."""

    def transaction(self) -> AbstractAsyncContextManager[AsyncConnection[Any]]:
        """A read-only transaction of the call's tenant."""
        ...


@dataclass(slots=True)
class _Entry:
    body: bytes
    etag: str
    content: bytes  # digest of everything but generated_at
    snapshot: str
    minute: datetime
    checked_at: float


class DashboardCache:
    """Bodies of dashboards by tenant and window. For one event loop.

    Within a second of its making a body is used again as it is. After that the database is asked for
    its snapshot: while no transaction has written and the minute is the same, so is the answer. Where
    something was written but the numbers came out equal, body and ETag stay too: `generated_at` says
    when these numbers were first computed.

    Args:
        monotonic: Seconds; replaced in tests.
        max_bytes: Of all bodies, the last one apart. A viewer may ask for any window and a tenant have 2,000
            services, so a number of entries alone would be no bound.
    """

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, *, max_bytes: int = _MAX_BYTES
    ) -> None:
        self._monotonic = monotonic
        self._max_bytes = max_bytes
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._bytes = 0  # of all bodies
        self._locks: dict[Hashable, asyncio.Lock] = {}

    async def answer(
        self,
        call: _Caller,
        *,
        key: Hashable,
        minute: datetime,
        read: Callable[[AsyncConnection[Any]], Awaitable[Dashboard]],
    ) -> Response:
        """The response for `key`, which holds the tenant; `read` computes it where it may differ."""
        entry = self._entries.get(key)
        if entry is None or not self._is_fresh(entry):
            lock = self._locks.setdefault(key, asyncio.Lock())
            try:
                async with lock:  # viewers that ask at the same moment share one computation
                    entry = self._entries.get(key)
                    if entry is None or not self._is_fresh(entry):
                        entry = await self._refresh(call, key, entry, minute, read)
            finally:
                if not lock.locked():
                    self._locks.pop(key, None)
        return body_answer(call, entry.body, entry.etag)

    def _is_fresh(self, entry: _Entry) -> bool:
        return self._monotonic() - entry.checked_at < _FRESH_S

    async def _refresh(
        self,
        call: _Caller,
        key: Hashable,
        old: _Entry | None,
        minute: datetime,
        read: Callable[[AsyncConnection[Any]], Awaitable[Dashboard]],
    ) -> _Entry:
        """Compute the answer, unless it must be the same as before."""
        checked_at = self._monotonic()
        async with call.transaction() as connection:
            # Before the numbers: what is written in between changes the next look, not this one.
            cursor = await connection.execute(queries.load("snapshot_version"))
            row = await cursor.fetchone()
            snapshot = str(row[0]) if row else ""
            if old is not None and (old.snapshot, old.minute) == (snapshot, minute):
                old.checked_at = checked_at
                return old
            dashboard = await read(connection)
        content = hashlib.blake2b(
            msgspec.json.encode((dashboard.window, dashboard.services, dashboard.seams)),
            digest_size=16,
        ).digest()
        if old is not None and old.content == content:
            old.snapshot, old.minute, old.checked_at = snapshot, minute, checked_at
            return old
        body = msgspec.json.encode(dashboard)
        entry = _Entry(body, etag_of(body), content, snapshot, minute, checked_at)
        self._keep(key, entry)
        return entry

    def _keep(self, key: Hashable, entry: _Entry) -> None:
        """Keep a new answer; beyond the bounds the oldest ones go."""
        replaced = self._entries.pop(key, None)
        self._entries[key] = entry
        self._bytes += len(entry.body) - (len(replaced.body) if replaced else 0)
        while len(self._entries) > _MAX_ENTRIES or (
            self._bytes > self._max_bytes and len(self._entries) > 1
        ):
            _, oldest = self._entries.popitem(last=False)
            self._bytes -= len(oldest.body)
