"""Keeps the embedded server running: a postmaster that dies is started again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from seamwatch.backend.postgres.processes import ProcessWatch

__all__ = ["Supervisor", "prune_logs"]

_LOGGER = logging.getLogger(__name__)
_HOUSEKEEPING_S = 60.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_KEPT_LOGS = 8  # of 16 MB each


class Supervisor:
    """A thread that waits for the postmaster's end and calls for the next one.

    `process`, `restart_count` and `last_error` may be read from any thread.
    """

    def __init__(
        self,
        process: ProcessWatch,
        restart: Callable[[threading.Event], ProcessWatch],
        *,
        log_dir: Path,
    ) -> None:
        self.process = process
        self.restart_count = 0
        self.last_error: Exception | None = None
        self._restart = restart
        self._log_dir = log_dir
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="seamwatch-postgres", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def finish(self, stop: Callable[[ProcessWatch], object]) -> None:
        """Stop watching, then stop the server with `stop`; returns when the thread has ended."""
        self._stopping.set()
        if not self.process.has_ended():
            stop(self.process)
        self._thread.join()
        # A restart that was under way when we were called may have started another one.
        if not self.process.has_ended():
            stop(self.process)
        self.process.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if self.process.wait(_HOUSEKEEPING_S):
                self._bring_back()
            prune_logs(self._log_dir)

    def _bring_back(self) -> None:
        """Restart until it works or we are told to stop; the pause grows after each failure."""
        pause_s = _FIRST_PAUSE_S
        while not self._stopping.is_set():
            _LOGGER.warning("PostgreSQL (pid %d) ended by itself: restarting", self.process.pid)
            try:
                successor = self._restart(self._stopping)
            except Exception as error:  # reported by last_error and the log; tried again
                self.last_error = error
                _LOGGER.error("PostgreSQL does not start, next try in %.1f s: %s", pause_s, error)
                self._stopping.wait(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
                continue
            self.process.close()
            self.process = successor
            self.restart_count += 1
            self.last_error = None
            _LOGGER.warning("PostgreSQL is back (pid %d)", successor.pid)
            return


def prune_logs(log_dir: Path, *, kept: int = _KEPT_LOGS) -> None:
    """Remove the oldest log files; the server bounds the size of each one."""
    try:
        for path in sorted(log_dir.glob("postgresql-*.log"))[:-kept]:
            path.unlink(missing_ok=True)
    except OSError as error:
        _LOGGER.warning("cannot remove old logs of PostgreSQL: %s", error)
