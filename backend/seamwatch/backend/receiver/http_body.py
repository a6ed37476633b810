"""Reads a request's body within a size and a pace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from seamwatch.backend.receiver.ingest_protocol import TooLargeError
from seamwatch.core import SeamwatchError

__all__ = ["BodyPace", "ClientGoneError", "Receive", "SlowBodyError", "read_body"]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class ClientGoneError(SeamwatchError):
    """The sender closed the connection before its body was complete: nobody waits for an answer."""


class SlowBodyError(SeamwatchError):
    """The body came too slowly."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BodyPace:
    """How slowly a body may come; the clock runs only while it is being read, not while it waits for a reader.

    After `grace_s` seconds the mean rate must be at least `min_bytes_per_s`, and `total_s` ends it anyway.
    """

    grace_s: float = 5.0
    min_bytes_per_s: float = 1024.0
    total_s: float = 30.0

    def allowed_s(self, received_bytes: int) -> float:
        """How long a body may have taken that has delivered so many bytes."""
        return min(self.total_s, self.grace_s + received_bytes / self.min_bytes_per_s)


async def read_body(receive: Receive, max_bytes: int, pace: BodyPace) -> list[bytes]:
    """Read the body to its end, as the chunks in which it came.

    Raises:
        TooLargeError: More than `max_bytes`; the rest is left unread.
        SlowBodyError: Slower than `pace` allows.
        ClientGoneError: The connection was lost.
    """
    loop = asyncio.get_running_loop()
    start = loop.time()
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout_at(start + pace.allowed_s(0)) as deadline:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError("the sender closed the connection within its body")
                chunk = message.get("body", b"")
                if chunk:
                    size += len(chunk)
                    if size > max_bytes:
                        raise TooLargeError(f"the body is larger than {max_bytes} bytes")
                    chunks.append(chunk)
                if not message.get("more_body", False):
                    return chunks
                deadline.reschedule(start + pace.allowed_s(size))
    except TimeoutError:
        raise SlowBodyError(
            f"the body came too slowly: {size} bytes in {loop.time() - start:.1f} s"
        ) from None
