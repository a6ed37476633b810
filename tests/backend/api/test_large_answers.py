"""Callers that do not read their answers keep a bounded part of memory."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.responses import Response

from seamwatch.backend.api.large_answers import LargeAnswers

_SCOPE = {"type": "http", "method": "GET", "headers": []}
_MIB = 1024 * 1024


class _Reader:
    """A connection; it takes `pieces` messages and then nothing more."""

    def __init__(self, pieces: int | None = None) -> None:
        self.messages: list[dict[str, Any]] = []
        self._pieces = pieces

    async def __call__(self, message: Any) -> None:
        if self._pieces is not None and len(self.messages) >= self._pieces:
            await asyncio.Event().wait()
        self.messages.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)


async def _receive() -> Any:
    return {"type": "http.disconnect"}


def test_large_body_arrives_whole_in_pieces() -> None:
    reader, body = _Reader(), bytes(range(256)) * 4096 + b"end"

    asyncio.run(LargeAnswers().send(Response(body), _SCOPE, _receive, reader))

    pieces = reader.messages[1:]
    assert reader.body == body
    assert max(len(piece["body"]) for piece in pieces) <= 256 * 1024
    assert [piece["more_body"] for piece in pieces] == [True] * (len(pieces) - 1) + [False]


def test_beyond_the_bytes_being_sent_large_answers_are_refused_and_small_ones_are_not() -> None:
    async def ask() -> list[int]:
        answers = LargeAnswers(max_bytes=3 * _MIB)
        slow = asyncio.create_task(
            answers.send(Response(b"x" * 2 * _MIB), _SCOPE, _receive, _Reader(pieces=2))
        )
        await asyncio.sleep(0)
        readers = [_Reader(), _Reader(), _Reader()]
        await answers.send(Response(b"x" * 2 * _MIB), _SCOPE, _receive, readers[0])
        await answers.send(Response(b"x"), _SCOPE, _receive, readers[1])
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        await answers.send(Response(b"x" * 2 * _MIB), _SCOPE, _receive, readers[2])
        return [reader.messages[0]["status"] for reader in readers]

    assert asyncio.run(ask()) == [503, 200, 200]


def test_answer_that_nobody_reads_is_given_up() -> None:
    async def ask() -> None:
        answers = LargeAnswers(max_bytes=_MIB, send_s=0.01)
        for _ in range(2):  # the first one's bytes are free again
            with pytest.raises(TimeoutError):
                await answers.send(Response(b"x" * _MIB), _SCOPE, _receive, _Reader(pieces=1))

    asyncio.run(ask())
