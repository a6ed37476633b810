"""Turns Ctrl-C into a wish to stop, and a second one into the wish not to wait."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator

__all__ = ["SAME_WISH_S", "StopRequest"]

SAME_WISH_S = 0.5
"""Signals this close are one wish: `timeout` and some supervisors signal a process and then its group."""


class StopRequest:
    """Set by SIGINT, SIGTERM or SIGHUP while `installed`; may be asked from any thread."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._event = threading.Event()
        self._first_s: float | None = None
        self._is_urgent = False

    @property
    def is_set(self) -> bool:
        """Whether somebody asked to stop."""
        return self._event.is_set()

    @property
    def is_urgent(self) -> bool:
        """Whether somebody asked twice."""
        return self._is_urgent

    def request(self) -> None:
        """Ask to stop."""
        now_s = self._clock()
        if self._first_s is None:
            self._first_s = now_s
        elif now_s - self._first_s >= SAME_WISH_S:
            self._is_urgent = True
        self._event.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the wish, at most `timeout_s`; whether it was there."""
        return self._event.wait(timeout_s)

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Take the signals; only in the main thread."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, lambda *_: self.request()) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
