"""Wakes one thread; may be set by any other, by a signal handler, and by a greenlet."""

from __future__ import annotations

import contextlib
import threading

__all__ = ["WakeSignal"]


class WakeSignal:
    """A lock as a binary semaphore: `set` neither waits nor takes anything, so it is reentrant.

    `threading.Event` is not, and a waiting `queue.SimpleQueue` stops every greenlet of its thread:
    gevent replaces the locks of `threading`, not the queues that exist already. Make one at the
    same time as the thread that waits, so that both are of the same kind.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        """Let the present or the next `wait` return."""
        # RuntimeError: it is set already, perhaps by the code that this signal handler interrupted.
        with contextlib.suppress(RuntimeError):
            self._lock.release()

    def wait(self, timeout_s: float | None) -> None:
        """Wait until it is set, at most `timeout_s` (None: for ever), and clear it."""
        if timeout_s is None:
            self._lock.acquire()
        else:
            self._lock.acquire(timeout=min(max(0.0, timeout_s), threading.TIMEOUT_MAX))
