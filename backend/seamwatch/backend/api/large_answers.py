"""Sends large answers piece by piece, and no more of them at a time than memory allows."""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from seamwatch.backend.api.problem import ProblemError
from seamwatch.backend.api.problem_response import problem_response

__all__ = ["LargeAnswers"]

_PIECE_BYTES = 256 * 1024
_MAX_BYTES = 128 * 1024 * 1024
_SEND_S = 60.0


class LargeAnswers:
    """Bounds what callers that read slowly, or not at all, keep in memory. For one event loop.

    A body given to the server whole would lie in the connection's buffer, uncounted, until it is read.

    Args:
        max_bytes: Of all bodies that are being sent; small ones are not counted.
        send_s: Longest time for sending one; then the connection is closed.
    """

    def __init__(self, *, max_bytes: int = _MAX_BYTES, send_s: float = _SEND_S) -> None:
        self._max_bytes = max_bytes
        self._send_s = send_s
        self._bytes = 0

    async def send(self, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
        """Send `response`, or 503 where too much is being sent.

        Raises:
            TimeoutError: It was not read in time; the server closes the connection.
        """
        body_bytes = len(response.body)
        if body_bytes <= _PIECE_BYTES:
            await response(scope, receive, send)
            return
        if self._bytes and self._bytes + body_bytes > self._max_bytes:
            await _TOO_MUCH(scope, receive, send)
            return
        self._bytes += body_bytes
        try:
            async with asyncio.timeout(self._send_s):
                await response(scope, receive, _in_pieces(send))
        finally:
            self._bytes -= body_bytes


def _in_pieces(send: Send) -> Send:
    """`send`, which waits between the pieces of a body until the connection takes more."""

    async def send_pieces(message: Message) -> None:
        body = message.get("body", b"")
        if len(body) <= _PIECE_BYTES:
            await send(message)
            return
        for start in range(0, len(body), _PIECE_BYTES):
            end = start + _PIECE_BYTES
            await send({**message, "body": body[start:end], "more_body": end < len(body)})

    return send_pieces


_TOO_MUCH = problem_response(
    ProblemError(
        503,
        "Busy",
        detail="too many large answers are being sent",
        remedy="retry after 2 s, and read answers to their end",
        headers={"Retry-After": "2"},
    )
)
