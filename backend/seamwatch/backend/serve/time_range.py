"""Which start times have a partition, as the decoder needs it: read from the catalogue now and then."""

from __future__ import annotations

import datetime
import logging
import threading

import psycopg

from seamwatch.backend.analysis.loop import wake_channel
from seamwatch.backend.analysis.retention import Retention
from seamwatch.backend.receiver.decode_traces import TimeRange
from seamwatch.backend.storage.partitions import partition_range
from seamwatch.core import Clock, SystemClock, UnavailableError

__all__ = ["PartitionTimes"]

_LOG = logging.getLogger(__name__)
_REFRESH_S = 60.0
_RETRY_S = 0.5  # while today has no partition
_EMPTY = TimeRange(0, 0)


class PartitionTimes:
    """Calling it gives the current `TimeRange`; safe from any thread.

    The catalogue is asked once a minute by a thread of its own. While the database is away the last answer
    stands: partitions are made days ahead and dropped only when they have expired.

    Args:
        conninfo: The privileged login.
        clock: Says whether the range reaches today.
    """

    def __init__(self, conninfo: str, clock: Clock | None = None) -> None:
        self._conninfo = conninfo
        self._clock = clock or SystemClock()
        self._range = _EMPTY
        self._stopped = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(
            target=self._refresh, name="seamwatch-partitions", daemon=True
        )

    def __call__(self) -> TimeRange:
        """Nanoseconds that have a partition.

        Raises:
            UnavailableError: Today has none, as after days of sleep: its spans would count as out of range.
        """
        found = self._range
        if self._clock.time_ns() >= found.end_ns:
            self._wake.set()
            raise UnavailableError("the partition of today is being made", retry_after_s=2.0)
        return found

    def start(self) -> None:
        """Read it now and keep it current; before that nothing is in range.

        Raises:
            psycopg.Error: The database does not answer.
        """
        self._range = self._read()
        if not self._thread.is_alive():  # a server's start that lost its database comes here again
            self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._wake.set()

    def _refresh(self) -> None:
        while True:
            self._wake.wait(_REFRESH_S)
            self._wake.clear()
            if self._stopped.is_set():
                return
            try:
                self._range = self._read()
                if self._clock.time_ns() >= self._range.end_ns:
                    self._wake_maintenance()
                    self._stopped.wait(_RETRY_S)
                    self._wake.set()
            except psycopg.Error as error:
                _LOG.warning(
                    "the partitions' range was not read, the last one stands: %s",
                    str(error).strip(),
                )
                self._stopped.wait(_RETRY_S)

    def _wake_maintenance(self) -> None:
        """Let the loop that makes partitions run now, in whichever process it is."""
        with psycopg.connect(self._conninfo, autocommit=True, connect_timeout=5) as connection:
            connection.execute("SELECT pg_notify(%s, '')", (wake_channel(Retention.name),))

    def _read(self) -> TimeRange:
        first, end = partition_range(self._conninfo)
        return _EMPTY if first == end else TimeRange(_midnight_ns(first), _midnight_ns(end))


def _midnight_ns(day: datetime.date) -> int:
    return (
        int(datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC).timestamp())
        * 1_000_000_000
    )
