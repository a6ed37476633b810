"""The ring buffer: bounds, order of loss, when a lane is due."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from seamwatch.exporters.ring import RingBuffer


@pytest.fixture
def ring(clock: Any) -> RingBuffer[str]:
    return RingBuffer(capacity=6, batch_size=3, interval_s=30.0, fast_interval_s=0.2, clock=clock)


def test_ring_never_holds_more_than_its_capacity(ring: RingBuffer[str]) -> None:
    for number in range(100):
        ring.append(str(number), is_urgent=number % 3 == 0)

    assert (len(ring), ring.dropped) == (6, 94)


def test_full_ring_drops_the_oldest_of_the_batch_lane_before_any_urgent_item(
    ring: RingBuffer[str],
) -> None:
    ring.append("error", is_urgent=True)
    for name in ("a", "b", "c", "d", "e", "f", "g"):
        ring.append(name)

    assert [ring.take(everything=True) for _ in range(4)] == [
        ["error"],
        ["c", "d", "e"],
        ["f", "g"],
        [],
    ]


def test_ring_full_of_urgent_items_drops_the_oldest_of_them(ring: RingBuffer[str]) -> None:
    for number in range(8):
        ring.append(str(number), is_urgent=True)

    assert ring.take(everything=True) == ["2", "3", "4"]


def test_batch_lane_is_due_when_its_interval_has_passed(clock: Any, ring: RingBuffer[str]) -> None:
    ring.append("a")
    clock.advance(29.9)
    too_early = ring.take()
    clock.advance(0.1)

    assert (too_early, ring.take()) == ([], ["a"])


def test_fast_lane_leaves_the_batch_lane_behind(clock: Any, ring: RingBuffer[str]) -> None:
    ring.append("slow")
    ring.append("error", is_urgent=True)
    clock.advance(0.2)

    assert [ring.take(), ring.take()] == [["error"], []]


def test_full_batch_is_due_at_once_and_what_is_left_begins_a_new_interval(
    clock: Any, ring: RingBuffer[str]
) -> None:
    for name in ("a", "b"):
        ring.append(name)
    clock.advance(20.0)
    for name in ("c", "d"):
        ring.append(name)

    assert [ring.take(), ring.take(), ring.next_due()] == [
        ["a", "b", "c"],
        [],
        clock.monotonic() + 30.0,
    ]


def test_append_asks_for_attention_at_the_first_item_and_at_a_full_batch(
    ring: RingBuffer[str],
) -> None:
    assert [ring.append(name) for name in ("a", "b", "c", "d")] == [True, False, True, False]


def test_empty_ring_is_never_due(ring: RingBuffer[str]) -> None:
    assert ring.next_due() is None


def test_no_item_is_lost_or_doubled_between_threads(clock: Any) -> None:
    ring: RingBuffer[int] = RingBuffer(
        capacity=100_000, batch_size=64, interval_s=1.0, fast_interval_s=1.0, clock=clock
    )
    taken: list[int] = []
    writers = [
        threading.Thread(
            target=lambda first=first: [
                ring.append(number, is_urgent=number % 7 == 0)
                for number in range(first, first + 5000)
            ]
        )
        for first in range(0, 20_000, 5000)
    ]

    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers) or len(ring):
        taken += ring.take(everything=True)

    assert sorted(taken) == list(range(20_000))
