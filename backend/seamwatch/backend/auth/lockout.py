"""Slows down who keeps presenting refused credentials: a token bucket per key, in bounded memory."""

from __future__ import annotations

import threading
from collections import OrderedDict

from seamwatch.core import Clock

__all__ = ["LockOut"]


class LockOut:
    """Allows `failures` refused attempts per `window_s` and key, then asks to wait. Safe from any thread.

    The bucket of a key starts full, loses one for each failure and refills evenly, so that a locked key
    gets one attempt back every ``window_s / failures`` seconds. At most `capacity` keys are remembered;
    beyond it the key whose last failure is oldest is forgotten.
    """

    def __init__(
        self, *, failures: int, window_s: float, clock: Clock, capacity: int = 10_000
    ) -> None:
        if failures < 1 or window_s <= 0 or capacity < 1:
            raise ValueError(
                f"expected failures, window_s, capacity > 0, got {failures}, {window_s}, {capacity}"
            )
        self._failures = failures
        self._refill_per_s = failures / window_s
        self._clock = clock
        self._capacity = capacity
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key -> (level, at)

    def __len__(self) -> int:
        return len(self._buckets)

    def retry_after_s(self, key: str) -> float | None:
        """Seconds until `key` may try again; None where it may try now."""
        if key not in self._buckets:  # the usual case takes no lock
            return None
        with self._lock:
            level = self._level(key, self._clock.monotonic())
        return None if level >= 1 else (1 - level) / self._refill_per_s

    def has_failures(self, key: str) -> bool:
        """Whether `key` has failed and not yet refilled."""
        if key not in self._buckets:
            return False
        with self._lock:
            return self._level(key, self._clock.monotonic()) < self._failures

    def record_failure(self, key: str) -> None:
        """Count one refused attempt of `key`."""
        with self._lock:
            now = self._clock.monotonic()
            level = self._level(key, now)
            self._buckets[key] = (max(0.0, level - 1), now)
            self._buckets.move_to_end(key)
            while len(self._buckets) > self._capacity:
                self._buckets.popitem(last=False)

    def _level(self, key: str, now: float) -> float:
        level, at = self._buckets.get(key, (float(self._failures), now))
        return min(float(self._failures), level + (now - at) * self._refill_per_s)
