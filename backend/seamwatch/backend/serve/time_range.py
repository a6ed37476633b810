"""Which start times have a partition, as the decoder needs it: read from the catalogue now and then."""

from __future__ import annotations

import datetime
import logging
import threading
import time

import psycopg

from seamwatch.backend.receiver.decode_traces import TimeRange
from seamwatch.backend.storage.partitions import partition_range

__all__ = ["PartitionTimes"]

_LOG = logging.getLogger(__name__)
_REFRESH_S = 60.0


class PartitionTimes:
    """Calling it gives the current `TimeRange`; safe from any thread.

    The catalogue is asked once a minute by a thread of its own. While the database is away the last answer
    stands: partitions are made days ahead and dropped only when they have expired.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._range = TimeRange(0, 0)
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._refresh, name="seamwatch-partitions", daemon=True
        )

    def __call__(self) -> TimeRange:
        """Nanoseconds that have a partition."""
        return self._range

    def start(self) -> None:
        """Read it now and keep it current; before that the range is empty."""
        self._range = self._read()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()

    def _refresh(self) -> None:
        while not self._stopped.wait(_REFRESH_S):
            try:
                self._range = self._read()
            except psycopg.Error as error:
                _LOG.warning(
                    "the partitions' range was not read, the last one stands: %s",
                    str(error).strip(),
                )

    def _read(self) -> TimeRange:
        first, end = partition_range(self._conninfo)
        return TimeRange(_midnight_ns(first), _midnight_ns(end))


def _midnight_ns(day: datetime.date) -> int:
    if day == datetime.date.min:
        return time.time_ns()  # no partition at all: an empty range
    return (
        int(datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC).timestamp())
        * 1_000_000_000
    )
