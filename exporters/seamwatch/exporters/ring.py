"""Bounded buffer of ended spans with a fast and a batch lane."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

from seamwatch.core import Clock

__all__ = ["RingBuffer"]

_Item = TypeVar("_Item")


class RingBuffer(Generic[_Item]):
    """Holds at most `capacity` items; when full, the oldest of the batch lane goes first.

    An item of the fast lane is due `fast_interval_s` after its lane was empty, one of the batch
    lane after `interval_s`; a lane that holds `batch_size` items is due at once.

    Safe from any thread, and reentrant, so that a signal handler or a finalizer that interrupts
    `append` may append as well.
    """

    def __init__(
        self,
        *,
        capacity: int,
        batch_size: int,
        interval_s: float,
        fast_interval_s: float,
        clock: Clock,
    ) -> None:
        self._capacity = capacity
        self._batch_size = batch_size
        self._interval_s = interval_s
        self._fast_interval_s = fast_interval_s
        self._monotonic = clock.monotonic
        self.reset()

    def reset(self) -> None:
        """Forget all items and counts; for the child after a fork, when no thread holds the lock."""
        self._lock = threading.RLock()
        self._fast: deque[_Item] = deque()
        self._batch: deque[_Item] = deque()
        self._fast_due = 0.0
        self._batch_due = 0.0
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._fast) + len(self._batch)

    @property
    def dropped(self) -> int:
        """Items pushed out by newer ones since the start."""
        return self._dropped

    def append(self, item: _Item, *, is_urgent: bool = False) -> bool:
        """Add an item; true if whoever sends must look, as its lane has begun or is full."""
        with self._lock:
            if is_urgent:
                lane = self._fast
                if not lane:
                    self._fast_due = self._monotonic() + self._fast_interval_s
            else:
                lane = self._batch
                if not lane:
                    self._batch_due = self._monotonic() + self._interval_s
            lane.append(item)
            while len(self._fast) + len(self._batch) > self._capacity:
                (self._batch or self._fast).popleft()
                self._dropped += 1
            size = len(lane)
            return size == 1 or size == self._batch_size

    def next_due(self) -> float | None:
        """Monotonic time at which `take` will return something; None while nothing waits."""
        with self._lock:
            due = [
                0.0 if len(lane) >= self._batch_size else lane_due
                for lane, lane_due in ((self._fast, self._fast_due), (self._batch, self._batch_due))
                if lane
            ]
            return min(due, default=None)

    def take(self, *, everything: bool = False) -> list[_Item]:
        """Remove and return one batch that is due, oldest first, the fast lane before the other.

        Args:
            everything: Whether to take items that are not due yet.

        Returns:
            At most `batch_size` items; empty when nothing is due.
        """
        with self._lock:
            now = self._monotonic()
            if self._is_due(self._fast, self._fast_due, now, everything):
                items = self._pop(self._fast)
                if now < self._fast_due:  # what is left behind a full batch is younger
                    self._fast_due = now + self._fast_interval_s
            elif self._is_due(self._batch, self._batch_due, now, everything):
                items = self._pop(self._batch)
                if now < self._batch_due:
                    self._batch_due = now + self._interval_s
            else:
                items = []
            return items

    def clear(self) -> int:
        """Remove all items and return how many there were."""
        with self._lock:
            size = len(self)
            self._fast.clear()
            self._batch.clear()
            return size

    def _is_due(self, lane: deque[_Item], due: float, now: float, everything: bool) -> bool:
        return bool(lane) and (everything or now >= due or len(lane) >= self._batch_size)

    def _pop(self, lane: deque[_Item]) -> list[_Item]:
        return [lane.popleft() for _ in range(min(len(lane), self._batch_size))]
