"""Size and pace of a body."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import MutableMapping
from typing import Any

import pytest

from seamwatch.backend.receiver.http_body import (
    BodyPace,
    ClientGoneError,
    SlowBodyError,
    read_body,
)
from seamwatch.backend.receiver.ingest_protocol import TooLargeError


def message(body: bytes, *, more: bool) -> MutableMapping[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


class Sender:
    """Delivers messages, each after a pause."""

    def __init__(self, *messages: MutableMapping[str, Any], pause_s: float = 0.0) -> None:
        self._messages = iter(messages)
        self._pause_s = pause_s
        self.delivered = 0

    async def receive(self) -> MutableMapping[str, Any]:
        await asyncio.sleep(self._pause_s)
        self.delivered += 1
        return next(self._messages)


def read(sender: Sender, *, max_bytes: int = 1000, pace: BodyPace | None = None) -> list[bytes]:
    return asyncio.run(read_body(sender.receive, max_bytes, pace or BodyPace()))


def test_a_body_comes_as_its_chunks_without_empty_ones() -> None:
    sender = Sender(message(b"a", more=True), message(b"", more=True), message(b"bc", more=False))

    assert read(sender) == [b"a", b"bc"]


def test_a_body_above_its_size_is_left_unread_from_there() -> None:
    sender = Sender(*(message(b"x" * 400, more=True) for _ in range(10)))

    with pytest.raises(TooLargeError, match="larger than 1000 bytes"):
        read(sender)
    assert sender.delivered == 3


def test_a_body_slower_than_its_rate_is_given_up_after_the_grace() -> None:
    pace = BodyPace(grace_s=0.1, min_bytes_per_s=1000.0, total_s=60.0)
    sender = Sender(*(message(b"x", more=True) for _ in range(1000)), pause_s=0.01)

    with pytest.raises(SlowBodyError, match="too slowly"):
        read(sender, pace=pace)
    assert 1 < sender.delivered < 30


def test_a_body_at_its_rate_is_given_up_when_its_whole_time_is_over() -> None:
    pace = BodyPace(grace_s=0.1, min_bytes_per_s=1.0, total_s=0.2)
    messages = itertools.repeat(message(b"x" * 10, more=True), 1000)
    sender = Sender(*messages, pause_s=0.01)

    with pytest.raises(SlowBodyError):
        read(sender, max_bytes=10**6, pace=pace)
    assert sender.delivered > 5


def test_a_body_may_take_its_grace_and_its_size_over_the_rate_but_no_more_than_the_whole() -> None:
    pace = BodyPace(grace_s=5.0, min_bytes_per_s=1024.0, total_s=30.0)

    assert [pace.allowed_s(size) for size in (0, 1024, 10_240, 10**9)] == [5.0, 6.0, 15.0, 30.0]


def test_a_lost_connection_ends_the_reading() -> None:
    with pytest.raises(ClientGoneError):
        read(Sender(message(b"a", more=True), {"type": "http.disconnect"}))
