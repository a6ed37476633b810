"""Who may be read now: slots for reading, bytes in flight, and a word from the database before a body is touched."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from seamwatch.core import UnavailableError

__all__ = ["Admission"]


class Admission:
    """Bounds what the receiver holds in memory, over both transports; safe from any thread.

    A request first needs a slot (its body is unread until then), then its bytes are counted until they are
    committed or refused.

    Args:
        slots: Requests that are read and decoded at a time.
        max_bytes: Bodies read but not finished, in bytes; one body may exceed it when nothing else is in flight.
        is_available: Whether storage can take anything now.
    """

    def __init__(self, *, slots: int, max_bytes: int, is_available: Callable[[], bool]) -> None:
        self._free = slots
        self._max_bytes = max_bytes
        self._is_available = is_available
        self._lock = threading.Lock()
        self._queue: deque[Future[None]] = deque()
        self._bytes = 0
        self._is_stopping = False

    @property
    def bytes_in_flight(self) -> int:
        """Bytes of bodies that are read but not finished."""
        return self._bytes

    @property
    def waiting(self) -> int:
        """Requests that wait unread for a slot."""
        return len(self._queue)

    def check(self) -> None:
        """Refuse at once what cannot be stored now.

        Raises:
            UnavailableError: Stopping, or the database is away, or too many bytes are in flight.
        """
        if self._is_stopping:
            raise UnavailableError("the server is stopping", retry_after_s=1.0)
        if not self._is_available():
            raise UnavailableError("the database cannot be reached now; nothing was read")
        if self._bytes >= self._max_bytes:
            raise UnavailableError(
                f"more than {self._max_bytes} bytes wait for their commit; nothing was read"
            )

    def acquire(self) -> Future[None]:
        """Ask for a slot; the future ends when it is granted. Give up with `abandon`, give back with `release`."""
        future: Future[None] = Future()
        with self._lock:
            if self._free > 0:
                self._free -= 1
                future.set_result(None)
            else:
                self._queue.append(future)
        return future

    def abandon(self, future: Future[None]) -> None:
        """Stop waiting for a slot; one granted meanwhile goes to the next."""
        with self._lock:
            try:
                self._queue.remove(future)
                return
            except ValueError:
                pass
        self.release()

    def release(self) -> None:
        """Give a slot back; the longest waiting request gets it."""
        with self._lock:
            while self._queue:
                future = self._queue.popleft()
                if not future.cancelled():
                    break
            else:
                self._free += 1
                return
        future.set_result(None)

    def add_bytes(self, count: int) -> None:
        """Count a body as in flight."""
        with self._lock:
            self._bytes += count

    def remove_bytes(self, count: int) -> None:
        """Count a body as finished."""
        with self._lock:
            self._bytes -= count

    def stop(self) -> None:
        """Refuse all new requests from now on."""
        self._is_stopping = True
