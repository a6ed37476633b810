"""Daily partitions: made ahead, detached and dropped when they expire."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from seamwatch.backend.storage.queries import load
from seamwatch.backend.storage.roles import conninfo_as

__all__ = [
    "PARTITIONED",
    "PartitionedRelation",
    "drop_expired",
    "ensure_partitions",
    "partition_count",
    "partition_range",
]

DAYS_AHEAD = 2

_BATCH = (
    12  # partitions per transaction: one commit each costs 10 ms more, one for all holds locks long
)
_LOCK_KEY = 0x5EA3_0002  # one maintainer at a time in a database
_LOCK_TIMEOUT_MS = 1_000  # whoever queues behind our lock request waits no longer than this
_RETRY_PAUSE_S = 0.1


@dataclass(frozen=True)
class PartitionedRelation:
    """A relation of schema seamwatch that is partitioned by day.

    Attributes:
        name: Without the schema.
        kept_days: Whole days kept before today; None: the setting SEAMWATCH_RETENTION_DAYS.
    """

    name: str
    kept_days: int | None = None

    def first_day(self, today: datetime.date, retention_days: int) -> datetime.date:
        """The oldest day that is kept."""
        kept_days = retention_days if self.kept_days is None else self.kept_days
        return today - datetime.timedelta(days=kept_days)


PARTITIONED = (
    PartitionedRelation("span"),
    PartitionedRelation("log_record"),
    PartitionedRelation("metric_point"),
    PartitionedRelation("batch_digest", kept_days=2),  # 48 h at any time of day
)


def ensure_partitions(
    conninfo: str,
    *,
    today: datetime.date,
    retention_days: int,
    progress: Callable[[str], None] = lambda line: None,
) -> int:
    """Make the missing partitions from the retention's first day to two days after `today`.

    Takes no lock that stops ingest. Safe from several processes and safe to run again.

    Args:
        conninfo: A login that may act as `seamwatch_owner`.
        today: The UTC day.
        retention_days: Days kept before today.
        progress: Gets one line per relation that got partitions.

    Returns:
        How many were made.
    """
    made = 0
    with _connect(conninfo) as connection:
        for relation in PARTITIONED:
            first = relation.first_day(today, retention_days)
            count = (today - first).days + DAYS_AHEAD + 1
            wanted = [first + datetime.timedelta(days=offset) for offset in range(count)]
            there = {
                day for _, day, state in _partitions(connection, relation) if state != "detached"
            }
            missing = [day for day in wanted if day not in there]
            for batch in _batches(missing):
                made += _create(connection, relation, batch)
            if missing:
                progress(
                    f"partitions: {relation.name}: {len(missing)} made, "
                    f"{missing[0].isoformat()} to {missing[-1].isoformat()}"
                )
    return made


def drop_expired(
    conninfo: str,
    *,
    today: datetime.date,
    retention_days: int,
    progress: Callable[[str], None] = lambda line: None,
    patience_s: float = 30.0,
    is_stopping: Callable[[], bool] = lambda: False,
) -> tuple[int, int]:
    """Detach and drop the partitions before the retention's first day, oldest first.

    Ingest goes on: detaching is CONCURRENTLY, each lock is waited for at most one second and
    then tried again; what a long reader holds stays until a later call, which finishes it.

    Args:
        conninfo: A login that may act as `seamwatch_owner`.
        today: The UTC day.
        retention_days: Days kept before today.
        progress: Gets one line per partition.
        patience_s: How long one partition is tried.
        is_stopping: Asked between tries; true ends the call early.

    Returns:
        How many were dropped, and how many expired ones remain.
    """
    dropped = remaining = 0
    with _connect(conninfo) as connection:
        for relation in PARTITIONED:
            first = relation.first_day(today, retention_days)
            for name, day, state in _partitions(connection, relation):
                if day >= first and state == "attached":
                    continue
                if not is_stopping() and _drop(
                    connection, relation.name, name, state, patience_s, is_stopping
                ):
                    dropped += 1
                    progress(f"retention: {name} dropped")
                else:
                    remaining += 1
                    progress(f"retention: {name} is still read; it is tried again later")
    return dropped, remaining


def partition_range(conninfo: str, relation: str = "span") -> tuple[datetime.date, datetime.date]:
    """The days whose rows the relation takes: (first, last exclusive), without a gap between.

    Returns:
        Two equal days where there is no partition.
    """
    with _connect(conninfo) as connection:
        rows = _partitions(connection, PartitionedRelation(relation))
    days = sorted(day for _, day, state in rows if state == "attached")
    if not days:
        return datetime.date.min, datetime.date.min
    first = last = days.pop()
    one = datetime.timedelta(days=1)
    while days and days[-1] == first - one:
        first = days.pop()
    return first, last + one


def partition_count(connection: psycopg.Connection) -> int:
    """How many partitions are attached, of all relations."""
    return sum(
        state == "attached"
        for relation in PARTITIONED
        for _, _, state in _partitions(connection, relation)
    )


def _connect(conninfo: str) -> psycopg.Connection:
    """A connection outside any transaction, as the owner of the partitions."""
    connection = psycopg.connect(
        conninfo_as(conninfo, "seamwatch_owner", application_name="seamwatch partitions"),
        autocommit=True,
    )
    connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{_LOCK_TIMEOUT_MS}ms",))
    return connection


def _partitions(
    connection: psycopg.Connection, relation: PartitionedRelation
) -> list[tuple[str, datetime.date, str]]:
    """Name, day and state of each partition, oldest first."""
    return connection.execute(load("partition_list"), {"parent": relation.name}).fetchall()


def _create(
    connection: psycopg.Connection, relation: PartitionedRelation, days: Sequence[datetime.date]
) -> int:
    """Make one batch; a lock that another maintainer holds is waited for in short tries."""
    give_up_at = time.monotonic() + 30.0
    while True:
        try:
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
                rows = connection.execute(
                    load("partition_create"), {"parent": relation.name, "days": list(days)}
                ).fetchall()
            return sum(made for _, made in rows)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            if time.monotonic() > give_up_at:
                raise
            time.sleep(_RETRY_PAUSE_S)


def _drop(
    connection: psycopg.Connection,
    parent: str,
    name: str,
    state: str,
    patience_s: float,
    is_stopping: Callable[[], bool],
) -> bool:
    """Take one partition through pending and detached to gone; false where patience ran out."""
    give_up_at = time.monotonic() + patience_s
    while True:
        try:
            if state == "attached":
                _alter(connection, parent, name, "CONCURRENTLY")
            elif state == "pending":
                _alter(connection, parent, name, "FINALIZE")
            connection.execute(
                sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("seamwatch", name))
            )
            return True
        except (
            psycopg.errors.LockNotAvailable,
            psycopg.errors.DeadlockDetected,
            psycopg.errors.ObjectNotInPrerequisiteState,  # another one is pending, or this by another
            psycopg.errors.UndefinedTable,  # another maintainer was faster
        ):
            if time.monotonic() >= give_up_at or is_stopping():
                return False
            time.sleep(_RETRY_PAUSE_S)
        rows = _partitions(connection, PartitionedRelation(parent))
        states = {partition: state for partition, _, state in rows}
        if name not in states:
            return True
        state = states[name]


def _alter(connection: psycopg.Connection, parent: str, name: str, how: str) -> None:
    statement = sql.SQL("ALTER TABLE {} DETACH PARTITION {} {}").format(
        sql.Identifier("seamwatch", parent),
        sql.Identifier("seamwatch", name),
        sql.SQL("FINALIZE") if how == "FINALIZE" else sql.SQL("CONCURRENTLY"),
    )
    connection.execute(statement)


def _batches(days: list[datetime.date]) -> Iterator[list[datetime.date]]:
    for start in range(0, len(days), _BATCH):
        yield days[start : start + _BATCH]
