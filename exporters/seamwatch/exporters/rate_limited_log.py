"""Log lines that repeat at most once a minute."""

from __future__ import annotations

import logging

from seamwatch.core import Clock

__all__ = ["RateLimitedLog"]

_INTERVAL_S = 60.0


class RateLimitedLog:
    """Writes one line per key and minute, and says how many it left out.

    Never raises: what a host has put into `logging` must not end our thread.
    """

    def __init__(self, logger: logging.Logger, clock: Clock) -> None:
        self._logger = logger
        self._clock = clock
        self._written_at: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def warning(self, key: str, message: str, *arguments: object) -> None:
        """Write `message` unless a line with the same `key` was written in the last minute."""
        now = self._clock.monotonic()
        last = self._written_at.get(key)
        if last is not None and now - last < _INTERVAL_S:
            self._left_out[key] = self._left_out.get(key, 0) + 1
            return
        self._written_at[key] = now
        left_out = self._left_out.pop(key, 0)
        if left_out:
            message += " (and %d more like it)"
            arguments = (*arguments, left_out)
        try:
            self._logger.warning(message, *arguments)
        except Exception:  # noqa: S110 - a host's handler or filter failed; there is nobody to tell
            pass
