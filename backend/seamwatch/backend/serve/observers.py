"""Turns what receiver and sink tell of their work into metrics of the backend itself."""

from __future__ import annotations

from collections.abc import Callable

from seamwatch.backend.receiver.observer import ReceiverObserver
from seamwatch.backend.storage.sink import SinkObserver
from seamwatch.backend.telemetry import MetricRegistry

__all__ = ["ReceiverMetrics", "SinkMetrics", "watch_state"]

_COMMIT_BOUNDS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class ReceiverMetrics(ReceiverObserver):
    """Counts requests, items and bytes that come in, and everything that is turned away, by reason."""

    def __init__(self, metrics: MetricRegistry) -> None:
        self._requests = metrics.counter(
            "seamwatch_receiver_requests",
            "Requests decoded, not yet committed.",
            labels=("signal",),
        )
        self._accepted = metrics.counter(
            "seamwatch_receiver_accepted_items",
            "Items decoded for storage, not yet committed.",
            labels=("signal",),
        )
        self._out_of_range = metrics.counter(
            "seamwatch_receiver_out_of_range_items",
            "Items whose time lies outside the partitions, kept in the twin relation.",
            labels=("signal",),
        )
        self._bytes = metrics.counter(
            "seamwatch_receiver_bytes",
            "Bytes of decoded requests after decompression.",
            labels=("signal",),
        )
        self._rejected = metrics.counter(
            "seamwatch_receiver_rejected_items",
            "Items refused for good, by reason.",
            labels=("signal", "reason"),
        )
        self._refused = metrics.counter(
            "seamwatch_receiver_refused_requests",
            "Requests answered with an error, by transport and status.",
            labels=("transport", "status"),
        )
        self._closed = metrics.counter(
            "seamwatch_receiver_closed_connections",
            "HTTP connections closed by a limit, by reason.",
            labels=("reason",),
        )

    def accepted(
        self, kind: str, *, requests: int, rows: int, out_of_range: int, size_bytes: int
    ) -> None:
        """A request is decoded."""
        self._requests.with_labels(signal=kind).add(requests)
        self._accepted.with_labels(signal=kind).add(rows + out_of_range)
        self._bytes.with_labels(signal=kind).add(size_bytes)
        if out_of_range:
            self._out_of_range.with_labels(signal=kind).add(out_of_range)

    def rejected(self, kind: str, reason: str, rows: int) -> None:
        """Items are refused for good."""
        self._rejected.with_labels(signal=kind, reason=reason).add(rows)

    def refused(self, transport: str, reason: str) -> None:
        """A whole request is answered with an error."""
        self._refused.with_labels(transport=transport, status=reason).add()

    def count_http_answer(self, status: int) -> None:
        """An HTTP answer left; errors are counted."""
        if status >= 400:
            self.refused("http", str(status))

    def count_closed(self, reason: str) -> None:
        """A limit closed a connection."""
        self._closed.with_labels(reason=reason).add()


class SinkMetrics(SinkObserver):
    """Counts what became durable, how long a commit took, and what the database would not take."""

    def __init__(self, metrics: MetricRegistry) -> None:
        self._requests = metrics.counter(
            "seamwatch_sink_committed_requests", "Requests committed.", labels=("signal",)
        )
        self._rows = metrics.counter(
            "seamwatch_sink_committed_items", "Items committed.", labels=("signal",)
        )
        self._duplicates = metrics.counter(
            "seamwatch_sink_duplicate_items", "Items that were there already.", labels=("signal",)
        )
        self._conflicting = metrics.counter(
            "seamwatch_sink_conflicting_items",
            "Items stored under the identity of an older one at another time.",
            labels=("signal",),
        )
        self._replays = metrics.counter(
            "seamwatch_sink_replayed_requests",
            "Requests whose body had been stored before.",
            labels=("signal",),
        )
        self._commit = metrics.histogram(
            "seamwatch_sink_commit_seconds",
            "Time of one group's transaction.",
            bounds=_COMMIT_BOUNDS_S,
        )
        self._failed = metrics.counter(
            "seamwatch_sink_failed_requests",
            "Requests told to come back, by SQLSTATE.",
            labels=("sqlstate",),
        )
        self._rejected = metrics.counter(
            "seamwatch_sink_rejected_items",
            "Items the database refuses for good, by reason.",
            labels=("signal", "reason"),
        )

    def committed(
        self,
        kind: str,
        *,
        requests: int,
        rows: int,
        duplicates: int,
        conflicting: int,
        replays: int,
        seconds: float,
    ) -> None:
        """A group is durable."""
        self._requests.with_labels(signal=kind).add(requests)
        self._rows.with_labels(signal=kind).add(rows)
        self._commit.record(seconds)
        if duplicates:
            self._duplicates.with_labels(signal=kind).add(duplicates)
        if conflicting:
            self._conflicting.with_labels(signal=kind).add(conflicting)
        if replays:
            self._replays.with_labels(signal=kind).add(replays)

    def failed(self, reason: str, *, requests: int) -> None:
        """A group was refused."""
        self._failed.with_labels(sqlstate=reason).add(requests)

    def rejected(self, kind: str, reason: str, rows: int) -> None:
        """The database refuses rows."""
        self._rejected.with_labels(signal=kind, reason=reason).add(rows)


def watch_state(
    metrics: MetricRegistry,
    *,
    bytes_in_flight: Callable[[], float],
    requests_waiting: Callable[[], float],
    groups_waiting: Callable[[], float],
    is_storing: Callable[[], bool],
    database_restarts: Callable[[], float],
) -> None:
    """Register the gauges that are read when `/metrics` is."""
    for name, description, read in (
        (
            "seamwatch_receiver_in_flight_bytes",
            "Bytes read and not yet committed.",
            bytes_in_flight,
        ),
        (
            "seamwatch_receiver_waiting_requests",
            "Requests that wait unread for a reader.",
            requests_waiting,
        ),
        (
            "seamwatch_sink_waiting_requests",
            "Decoded requests that wait for a writer.",
            groups_waiting,
        ),
        ("seamwatch_sink_available", "1 while a writer is connected.", lambda: float(is_storing())),
        (
            "seamwatch_database_restarts",
            "Restarts of the embedded database by its supervisor.",
            database_restarts,
        ),
    ):
        metrics.gauge(name, description).set_callback(read)
