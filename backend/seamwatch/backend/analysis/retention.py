"""Keeps what the settings say, and the partitions of the days ahead: the loop `retention`."""

from __future__ import annotations

import datetime
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql

from seamwatch.backend.storage.partitions import (
    drop_expired,
    ensure_partitions,
    partition_count,
)
from seamwatch.backend.storage.queries import load
from seamwatch.backend.telemetry import MetricRegistry
from seamwatch.core import Clock, ConfigurationError, SystemClock, read_settings

__all__ = ["Retention", "RetentionConfig"]

_CHUNK_ROWS = 10_000  # a longer transaction would hold back vacuum
# A span may be two days ahead of the day its resource was used; one more for the days' borders.
_DICTIONARY_SLACK_DAYS = 4
_MAX_DAYS = 3_650

_ROLLUPS = (
    "span_rollup_minute",
    "span_rollup_hour",
    "error_rollup_minute",
    "metric_rollup_minute",
)
_TWINS = ("span_out_of_range", "log_record_out_of_range", "metric_point_out_of_range")
_DICTIONARIES = ("resource", "scope")
_SIGN_IN = ("browser_session", "sign_in_link")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RetentionConfig:
    """How long records and their aggregates are kept.

    Attributes:
        retention_days: Whole days of spans, log records and metric points before today.
        aggregate_retention_days: Days of rollups and ended verdicts; not fewer than of records.
    """

    retention_days: int = 30
    aggregate_retention_days: int = 90

    def __post_init__(self) -> None:
        if not 1 <= self.retention_days <= _MAX_DAYS:
            raise ConfigurationError(
                f"SEAMWATCH_RETENTION_DAYS: must be 1 to {_MAX_DAYS}, got {self.retention_days}"
            )
        if not self.retention_days <= self.aggregate_retention_days <= _MAX_DAYS:
            raise ConfigurationError(
                f"SEAMWATCH_AGGREGATE_RETENTION_DAYS: must be SEAMWATCH_RETENTION_DAYS "
                f"({self.retention_days}) to {_MAX_DAYS}, got {self.aggregate_retention_days}"
            )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> RetentionConfig:
        """Read the ``SEAMWATCH_…`` variables."""
        return read_settings(cls, environ, prefix="SEAMWATCH_")


class Retention:
    """The loop `retention`, each hour and at start.

    Partitions first (they are made and dropped as `seamwatch_owner`), then chunks of rows.

    Args:
        conninfo: The privileged login.
        config: What is kept.
        metrics: Gets `seamwatch_partitions` and `seamwatch_retention_…`.
        clock: Says which day it is.
        progress: Gets a line per step; default: the log.
    """

    name = "retention"

    def __init__(
        self,
        conninfo: str,
        config: RetentionConfig,
        metrics: MetricRegistry,
        *,
        clock: Clock | None = None,
        interval_s: float = 3_600.0,
        progress: Callable[[str], None] = _logger.info,
    ) -> None:
        self.interval_s = interval_s
        self._conninfo = conninfo
        self._config = config
        self._clock = clock or SystemClock()
        self._progress = progress
        self._stopping = threading.Event()
        self._partitions = metrics.gauge("seamwatch_partitions", "Partitions attached now.")
        self._undropped = metrics.gauge(
            "seamwatch_retention_undropped_partitions",
            "Expired partitions that a long reader still holds.",
        )
        self._deleted = metrics.counter(
            "seamwatch_retention_deleted_rows", "Rows deleted by retention, partitions not counted."
        )

    def request_stop(self) -> None:
        """End after the statement under way, a second at most."""
        self._stopping.set()

    def run(self, connection: psycopg.Connection) -> None:
        """Make and drop partitions, then delete what is older than it may be."""
        now = datetime.datetime.fromtimestamp(self._clock.time_ns() / 1e9, datetime.UTC)
        days = self._config.retention_days
        ensure_partitions(
            self._conninfo, today=now.date(), retention_days=days, progress=self._progress
        )
        _, remaining = drop_expired(
            self._conninfo,
            today=now.date(),
            retention_days=days,
            progress=self._progress,
            is_stopping=self._stopping.is_set,
        )
        self._partitions.set(partition_count(connection))
        self._undropped.set(remaining)
        self._delete_rows(connection, now)

    def _delete_rows(self, connection: psycopg.Connection, now: datetime.datetime) -> None:
        records = now - datetime.timedelta(days=self._config.retention_days)
        aggregates = now - datetime.timedelta(days=self._config.aggregate_retention_days)
        unused = records.date() - datetime.timedelta(days=_DICTIONARY_SLACK_DAYS)
        for relation in _ROLLUPS:
            self._delete(connection, "retention_rollup", relation, aggregates)
        self._delete(connection, "retention_verdict", "verdict", aggregates)
        for relation in _TWINS:
            self._delete(connection, "retention_out_of_range", relation, records)
        for relation in _DICTIONARIES:
            self._delete(connection, "retention_dictionary", relation, unused)
        for relation in _SIGN_IN:
            self._delete(connection, "retention_expired", relation, now)

    def _delete(
        self,
        connection: psycopg.Connection,
        query: LiteralString,
        relation: str,
        before: datetime.date,
    ) -> None:
        """Chunk after chunk until none is left."""
        statement = sql.SQL(load(query)).format(relation=sql.Identifier("seamwatch", relation))
        deleted = 0
        while not self._stopping.is_set():
            cursor = connection.execute(statement, {"before": before, "row_limit": _CHUNK_ROWS})
            deleted += cursor.rowcount
            if cursor.rowcount < _CHUNK_ROWS:
                break
        if deleted:
            self._deleted.add(deleted)
            self._progress(f"retention: {relation}: {deleted} rows deleted")
