"""The clock as a value that is passed down, so that tests can advance it."""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Wall and monotonic time; safe from any thread."""

    def time_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never running backwards."""
        ...


class SystemClock:
    """The machine's own clock."""

    def time_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never running backwards."""
        return time.monotonic()
