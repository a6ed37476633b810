"""Folds the rollup parts that ingest inserts into one row per minute and one per hour."""

from __future__ import annotations

import threading

import psycopg
from psycopg import sql

from seamwatch.backend.storage.queries import load
from seamwatch.backend.telemetry import MetricRegistry

__all__ = ["FoldRollups"]

_PARTS_PER_TRANSACTION = 20_000
_VACUUM_AFTER_PARTS = 60_000  # a fold reads the heap from its start, through what was deleted

# 400,000 buckets are sorted in memory in half the time that 4 MB takes; compiling never pays here.
_PLANNER_SETTINGS = "SET LOCAL work_mem = '64MB'; SET LOCAL jit = off"


class FoldRollups:
    """The loop `fold`: bounded transactions until no part is left, every two seconds.

    Sums seen through the views `span_rollup` and `error_rollup` never change by it. Two folds at
    once are correct too (parts are taken with SKIP LOCKED, rows locked in one order).
    """

    name = "fold"

    def __init__(
        self,
        metrics: MetricRegistry,
        *,
        interval_s: float = 2.0,
        parts_per_transaction: int = _PARTS_PER_TRANSACTION,
    ) -> None:
        self.interval_s = interval_s
        self._limit = parts_per_transaction
        self._stopping = threading.Event()
        self._since_vacuum = {"span_rollup_part": 0, "error_rollup_part": 0}
        self._folded = metrics.counter(
            "seamwatch_rollup_parts_folded", "Rollup parts moved into their minute."
        )

    def run(self, connection: psycopg.Connection) -> None:
        """Fold all parts that are there, then clean the parts' heaps where much was deleted."""
        self._fold_all(connection, "fold_spans", "span_rollup_part")
        self._fold_all(connection, "fold_errors", "error_rollup_part")

    def request_stop(self) -> None:
        """End after the transaction under way."""
        self._stopping.set()

    def _fold_all(self, connection: psycopg.Connection, query: str, parts: str) -> None:
        while not self._stopping.is_set():
            count = self._fold_once(connection, query)
            self._folded.add(count)
            self._since_vacuum[parts] += count
            if count < self._limit:
                break
        if self._since_vacuum[parts] >= _VACUUM_AFTER_PARTS:
            self._vacuum(connection, parts)

    def _fold_once(self, connection: psycopg.Connection, query: str) -> int:
        """One transaction; how many parts it took."""
        with connection.transaction():
            connection.execute(_PLANNER_SETTINGS)
            row = connection.execute(load(query), {"part_limit": self._limit}).fetchone()
        return int(row[0]) if row else 0

    def _vacuum(self, connection: psycopg.Connection, parts: str) -> None:
        """Autovacuum looks once a minute, which is 200,000 dead parts under full load."""
        # Truncating would lock ingest out for a moment; the space is used again at once anyway.
        statement = sql.SQL("VACUUM (TRUNCATE false, PROCESS_TOAST true) {}").format(
            sql.Identifier("seamwatch", parts)
        )
        connection.execute("SET ROLE seamwatch_owner")  # VACUUM is the owner's
        try:
            connection.execute(statement)
        finally:
            if not connection.closed:
                connection.execute("RESET ROLE")
        self._since_vacuum[parts] = 0
