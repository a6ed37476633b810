"""Stores when tokens were last used, beside the requests and at most once a minute each."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from seamwatch.core import Clock, UnavailableError

__all__ = ["LastUsedRecorder"]

_EVERY_S = 60.0
_MAX_PENDING = 10_000

_log = logging.getLogger(__name__)


class LastUsedRecorder:
    """Collects uses in memory; a daemon thread, begun with the first use, stores them every minute.

    Safe from any thread. What is not stored when the process dies is lost: the column is a hint for people.
    """

    def __init__(
        self, store: Callable[[Iterable[tuple[str, datetime]]], None], *, clock: Clock
    ) -> None:
        self._store = store
        self._clock = clock
        self._pending: dict[
            str, int
        ] = {}  # token id -> unix nanoseconds of its first use since the last flush
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def record(self, token_id: str) -> None:
        """Note a use; costs a dictionary look-up where it was noted within the minute."""
        if token_id in self._pending or len(self._pending) >= _MAX_PENDING:
            return
        with self._lock:
            self._pending.setdefault(token_id, self._clock.time_ns())
            if self._thread is None and not self._stopped.is_set():
                self._thread = threading.Thread(
                    target=self._run, name="seamwatch-last-used", daemon=True
                )
                self._thread.start()

    def flush(self) -> None:
        """Store what is pending; kept for the next time where the database is away."""
        with self._lock:
            pending, self._pending = self._pending, {}
        if not pending:
            return
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        try:
            self._store(
                (token_id, epoch + timedelta(microseconds=used_ns // 1000))
                for token_id, used_ns in pending.items()
            )
        except UnavailableError as error:
            with self._lock:
                self._pending = {**self._pending, **pending}
            _log.info("last_used_at of %d tokens is stored later: %s", len(pending), error)

    def close(self) -> None:
        """Stop the thread and store what is left."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)
        self.flush()

    def _run(self) -> None:
        while not self._stopped.wait(_EVERY_S):
            self.flush()
