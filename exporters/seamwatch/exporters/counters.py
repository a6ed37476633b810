"""Counts of what happened to the spans of one exporter."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["ExportCounters", "ExportStatistics"]


@dataclass(frozen=True, kw_only=True)
class ExportStatistics:
    """One reading of the counters; ``sent + rejected + sum(dropped)`` never exceeds what ended.

    Attributes:
        queued: Spans that wait now.
        in_flight: Spans of the batch that is being sent now.
        sent: Spans that the far end has accepted.
        rejected: Spans that the far end has refused one by one (``partial_success``).
        retries: Requests sent again.
        dropped: Spans lost, by reason: ``queue_full``, ``refused`` (the far end will never take
            them), ``too_large``, ``retry_limit``, ``unencodable``, ``shutdown``, ``error``.
    """

    queued: int
    in_flight: int
    sent: int
    rejected: int
    retries: int
    dropped: Mapping[str, int]


class ExportCounters:
    """Plain integers behind a lock; safe from any thread."""

    def __init__(self) -> None:
        # Reentrant: a signal handler may end a span while this thread counts another.
        self._lock = threading.RLock()
        self._sent = 0
        self._rejected = 0
        self._retries = 0
        self._in_flight = 0
        self._dropped: Counter[str] = Counter()

    def add_sent(self, spans: int, *, rejected: int = 0) -> None:
        """Count spans that were accepted and those refused one by one."""
        with self._lock:
            self._sent += spans
            self._rejected += rejected

    def add_dropped(self, reason: str, spans: int) -> None:
        """Count spans that are lost."""
        if spans:
            with self._lock:
                self._dropped[reason] += spans

    def add_retry(self) -> None:
        """Count a request that is sent again."""
        with self._lock:
            self._retries += 1

    def set_in_flight(self, spans: int) -> None:
        """Say how many spans are being sent now."""
        with self._lock:
            self._in_flight = spans

    def read(self, *, queued: int) -> ExportStatistics:
        """One consistent reading."""
        with self._lock:
            return ExportStatistics(
                queued=queued,
                in_flight=self._in_flight,
                sent=self._sent,
                rejected=self._rejected,
                retries=self._retries,
                dropped=MappingProxyType(dict(self._dropped)),
            )
