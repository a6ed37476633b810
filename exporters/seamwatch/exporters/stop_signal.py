"""The request to stop, with the time by which all must have ended."""

from __future__ import annotations

import math
import threading

from seamwatch.core import Clock

__all__ = ["StopSignal"]


class StopSignal:
    """Lets one thread tell another to finish by a deadline; cuts its waiting short once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._event = threading.Event()
        self._deadline = math.inf

    @property
    def is_set(self) -> bool:
        """Whether the end was requested."""
        return self._event.is_set()

    @property
    def remaining_s(self) -> float:
        """Seconds until the deadline, infinite before the request, never negative."""
        return max(0.0, self._deadline - self._clock.monotonic())

    def set(self, *, timeout_s: float) -> None:
        """Request the end within `timeout_s` seconds."""
        self._deadline = self._clock.monotonic() + timeout_s
        self._event.set()

    def wait(self, delay_s: float) -> None:
        """Wait; a request that comes meanwhile ends it, one that came before only bounds it."""
        if self._event.is_set():
            threading.Event().wait(min(delay_s, self.remaining_s))
        else:
            self._event.wait(delay_s)
