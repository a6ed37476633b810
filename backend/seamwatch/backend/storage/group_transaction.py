"""One transaction for a group of requests: digests, dictionaries, rows, twins, aggregates, COMMIT.

Rows go in by an optimistic binary COPY. Where that meets a row that is already there, or where the writer may not
COPY past row level security, they go through a temporary table and ``INSERT … ON CONFLICT DO NOTHING RETURNING``,
and the aggregates are summed again from what was really inserted.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import Enum
from itertools import chain
from typing import Any

import psycopg
from psycopg import errors, sql

from seamwatch.backend.storage import queries
from seamwatch.backend.storage.copy_format import HEADER, TRAILER, CopyTarget
from seamwatch.backend.storage.name_limit import NameLimit
from seamwatch.backend.storage.row_kind import Aggregates, Batch, DictionaryRow, RowKind

__all__ = ["REFUSED", "Committed", "GroupTransaction", "StoreResult", "WriterMode"]

REFUSED = "refused_by_database"

_REMEMBERED = 100_000
_ATTEMPTS = 3  # of two writers that meet in a deadlock one gets through


class WriterMode(Enum):
    """How rows get past row level security."""

    COPY = (
        "copy"  # the writer role has BYPASSRLS: COPY straight in, temporary table only on conflict
    )
    STAGING = "staging"  # BYPASSRLS cannot be granted: always through the temporary table


@dataclass(frozen=True, slots=True)
class StoreResult:
    """What became of one request.

    Attributes:
        is_replay: The same body had been stored before; nothing was added.
        rows: Rows really inserted, where known for the request alone (else those it brought).
        rejected: Rows refused by the database or by a cap, by reason.
    """

    is_replay: bool = False
    rows: int = 0
    rejected: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Committed:
    """A durable group: results in the order of its batches, and the sums of it (see `SinkObserver.committed`)."""

    results: list[StoreResult]
    rows: int
    duplicates: int
    conflicting: int
    replays: int
    seconds: float


class GroupTransaction:
    """Runs groups on one connection (autocommit on); used by one thread."""

    def __init__(
        self,
        connection: psycopg.Connection,
        mode: WriterMode,
        max_out_of_range: int,
        names: NameLimit,
    ) -> None:
        self._names = names
        self._connection = connection
        self._mode = mode
        self._max_out_of_range = max_out_of_range
        self._known: set[tuple[str, int, int, date]] = set()
        self._is_staged_next = mode is WriterMode.STAGING

    def store(self, batches: Sequence[Batch]) -> Committed:
        """Store a group of one kind; the optimistic way first.

        Raises:
            psycopg.Error: Nothing of the group is stored; call `roll_back`.
        """
        started = time.perf_counter()
        is_staged, attempts_left = self._is_staged_next, _ATTEMPTS
        while True:
            attempts_left -= 1
            try:
                committed = self._attempt(batches, started, is_staged=is_staged)
                break
            except (errors.UniqueViolation, errors.DeadlockDetected):
                if not attempts_left:
                    raise
                self.roll_back()
                is_staged = True
        # After a conflict more are likely (a sender repeats itself): stay on the safe way until a group has none.
        self._is_staged_next = self._mode is WriterMode.STAGING or committed.duplicates > 0
        return committed

    def store_without_bad_rows(self, batch: Batch) -> Committed:
        """Store a request some of whose rows the database refuses: those are found by halves and left out.

        Raises:
            psycopg.DataError: What the rows need is refused too, so that none of them can be stored.
            psycopg.Error: The fault is not in the rows; nothing is stored.
        """
        rejected = 0
        for target, rows in (
            (batch.kind.target, batch.rows),
            (batch.kind.out_of_range, batch.out_of_range_rows),
        ):
            good: list[bytes] = []
            rejected += self._probe(target, rows, good)
            rows[:] = good
        committed = self._attempt([batch], time.perf_counter(), is_staged=True)
        if rejected:
            result = committed.results[0]
            committed.results[0] = StoreResult(
                result.is_replay, result.rows, {**result.rejected, REFUSED: rejected}
            )
        return committed

    def notify(self, channel: str) -> None:
        """Wake whoever listens, outside any transaction; a broken connection is the caller's next step to find."""
        try:
            self._connection.execute("SELECT pg_notify(%s, '')", (channel,))
        except psycopg.Error:
            self.roll_back()

    def roll_back(self) -> None:
        """End a failed transaction; a broken connection stays broken and is replaced by the caller."""
        self._known.clear()
        try:
            if not self._connection.closed:
                self._connection.execute("ROLLBACK")
        except psycopg.Error:
            self._connection.close()

    def _attempt(self, batches: Sequence[Batch], started: float, *, is_staged: bool) -> Committed:
        kind = batches[0].kind
        fresh = self._begin(kind, batches)
        results: list[StoreResult] = []
        accepted: list[Batch] = []
        for batch, is_fresh in zip(batches, fresh, strict=True):
            results.append(
                StoreResult(is_replay=not is_fresh, rows=len(batch.rows) if is_fresh else 0)
            )
            if is_fresh:
                accepted.append(batch)
        known = self._dictionaries(accepted)
        offered = sum(len(batch.rows) for batch in accepted)
        conflicting = 0
        if is_staged:
            inserted = self._insert_staged(kind, accepted) if offered else []
            stored = len(inserted)
            aggregates = kind.aggregate_inserted(row[:-1] for row in inserted)
            conflicting = sum(row[-1] for row in inserted)
        else:
            stored = offered
            if offered:
                self._copy(kind.target, chain.from_iterable(batch.rows for batch in accepted))
            aggregates = _merged(kind, accepted)
        for index, batch in enumerate(batches):
            if fresh[index] and batch.out_of_range_rows:
                refused = self._insert_out_of_range(batch)
                if refused:
                    results[index] = StoreResult(
                        False, results[index].rows, {"out_of_range_full": refused}
                    )
        for target, rows in aggregates.copy_rows(self._names):
            self._write_rows(target, rows)
        self._connection.execute("COMMIT")
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        self._known |= known
        return Committed(
            results,
            rows=stored,
            duplicates=offered - stored,
            conflicting=conflicting,
            replays=fresh.count(False),
            seconds=time.perf_counter() - started,
        )

    def _begin(self, kind: RowKind, batches: Sequence[Batch]) -> list[bool]:
        """Open the transaction and tell, per batch, whether its body is new."""
        tenants = [batch.tenant_id for batch in batches]
        digests = [batch.digest for batch in batches]
        with self._connection.pipeline():
            self._connection.execute("BEGIN")
            cursor = self._connection.execute(
                queries.load("digest_insert"),
                {"tenants": tenants, "signal": kind.signal, "digests": digests},
            )
            inserted = {(tenant, bytes(digest)) for tenant, digest in cursor.fetchall()}
        fresh: list[bool] = []
        for key in zip(tenants, digests, strict=True):
            fresh.append(key in inserted)
            inserted.discard(key)  # the same body twice in one group: the second is a replay
        return fresh

    def _dictionaries(self, batches: Sequence[Batch]) -> set[tuple[str, int, int, date]]:
        """Insert resources and scopes not known to be there; returns what is known once this commits."""
        today = datetime.now(UTC).date()
        known: set[tuple[str, int, int, date]] = set()
        for table, query in (("resource", "resource_upsert"), ("scope", "scope_upsert")):
            new: dict[tuple[int, int], DictionaryRow] = {}
            for batch in batches:
                rows = batch.resources if table == "resource" else batch.scopes
                for row_id, row in rows.items():
                    if (table, batch.tenant_id, row_id, today) not in self._known:
                        new[(batch.tenant_id, row_id)] = row
            if not new:
                continue
            keys = sorted(new)  # one order everywhere: two writers cannot wait for each other
            self._connection.execute(
                queries.load(query),
                {
                    "tenants": [tenant for tenant, _ in keys],
                    "ids": [row_id for _, row_id in keys],
                    "names": [new[key].name for key in keys],
                    "versions": [new[key].version for key in keys],
                    "attributes": [new[key].attributes for key in keys],
                    "dropped": [new[key].dropped_attributes_count for key in keys],
                    "schema_urls": [new[key].schema_url for key in keys],
                    "today": today,
                },
            )
            known |= {(table, tenant, row_id, today) for tenant, row_id in keys}
        return known

    def _copy(
        self, target: CopyTarget, rows: Iterable[bytes], *, schema: str = "seamwatch"
    ) -> None:
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
            sql.Identifier(schema, target.relation),
            sql.SQL(", ").join(map(sql.Identifier, target.columns)),
        )
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(b"".join((HEADER, *rows, TRAILER)))

    def _write_rows(self, target: CopyTarget, rows: list[bytes]) -> None:
        """Insert-only rows without a key: straight in, or through a temporary table where COPY is refused."""
        if self._mode is WriterMode.COPY:
            self._copy(target, rows)
            return
        self._fill_staging(target, rows)
        self._connection.execute(
            sql.SQL("INSERT INTO {} ({columns}) SELECT {columns} FROM {}").format(
                sql.Identifier("seamwatch", target.relation),
                sql.Identifier("pg_temp", f"{target.relation}_staging"),
                columns=sql.SQL(", ").join(map(sql.Identifier, target.columns)),
            )
        )

    def _fill_staging(self, target: CopyTarget, rows: Iterable[bytes]) -> None:
        """Fill the temporary twin of a relation, made once per connection and emptied by each COMMIT."""
        staging = f"{target.relation}_staging"
        self._connection.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE IF NOT EXISTS {} (LIKE {} INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"
            ).format(sql.Identifier(staging), sql.Identifier("seamwatch", target.relation))
        )
        self._copy(CopyTarget(staging, target.columns), rows, schema="pg_temp")

    def _insert_staged(self, kind: RowKind, batches: Sequence[Batch]) -> list[Any]:
        """Insert the rows that are not there yet; returns their `returning` columns and whether each conflicts.

        A row conflicts where an older one has its identity at another time, looked for within an hour so that one
        or two partitions are read. The statement sees what was there before it.
        """
        self._fill_staging(kind.target, chain.from_iterable(batch.rows for batch in batches))
        statement = sql.SQL(
            "WITH inserted AS ("
            "INSERT INTO {relation} ({columns}) SELECT {columns} FROM {staging} ON CONFLICT DO NOTHING "
            "RETURNING {kept}) "
            "SELECT {returning}, EXISTS (SELECT FROM {relation} AS older WHERE {same} "
            "AND older.{time} >= inserted.{time} - interval '1 hour' "
            "AND older.{time} <= inserted.{time} + interval '1 hour') FROM inserted"
        ).format(
            relation=sql.Identifier("seamwatch", kind.target.relation),
            staging=sql.Identifier("pg_temp", f"{kind.target.relation}_staging"),
            columns=sql.SQL(", ").join(map(sql.Identifier, kind.target.columns)),
            kept=sql.SQL(", ").join(
                map(sql.Identifier, dict.fromkeys((*kind.returning, *kind.identity, kind.time)))
            ),
            returning=sql.SQL(", ").join(map(sql.Identifier, kind.returning)),
            same=sql.SQL(" AND ").join(
                sql.SQL("older.{0} = inserted.{0}").format(sql.Identifier(column))
                for column in kind.identity
            ),
            time=sql.Identifier(kind.time),
        )
        return self._connection.execute(statement).fetchall()

    def _insert_out_of_range(self, batch: Batch) -> int:
        """Insert a batch's rows into the twin unless it is full for the tenant; returns how many are refused."""
        target = batch.kind.out_of_range
        held = self._connection.execute(
            sql.SQL(
                "SELECT count(*) FROM (SELECT FROM {} WHERE tenant_id = %s LIMIT %s) AS held"
            ).format(sql.Identifier("seamwatch", target.relation)),
            (batch.tenant_id, self._max_out_of_range),
        ).fetchone()
        if held is None or held[0] + len(batch.out_of_range_rows) > self._max_out_of_range:
            return len(batch.out_of_range_rows)
        self._fill_staging(target, batch.out_of_range_rows)
        columns = sql.SQL(", ").join(map(sql.Identifier, target.columns))
        staging = sql.Identifier("pg_temp", f"{target.relation}_staging")
        self._connection.execute(
            sql.SQL(
                "INSERT INTO {} ({columns}) SELECT {columns} FROM {} ON CONFLICT DO NOTHING"
            ).format(sql.Identifier("seamwatch", target.relation), staging, columns=columns)
        )
        self._connection.execute(sql.SQL("DELETE FROM {}").format(staging))
        return 0

    def _probe(self, target: CopyTarget, rows: list[bytes], good: list[bytes]) -> int:
        """Sort rows into those that the database takes and a count of those it refuses, by halves."""
        if not rows:
            return 0
        self._connection.execute("BEGIN")
        try:
            self._fill_staging(target, rows)
        except psycopg.Error as error:
            is_data_error = isinstance(error, psycopg.DataError)
            self.roll_back()
            if not is_data_error or self._connection.closed:
                raise
            if len(rows) == 1:
                return 1
            middle = len(rows) // 2
            return self._probe(target, rows[:middle], good) + self._probe(
                target, rows[middle:], good
            )
        self.roll_back()
        good += rows
        return 0


def _merged(kind: RowKind, batches: Sequence[Batch]) -> Aggregates:
    if len(batches) == 1:
        return batches[0].aggregates
    aggregates = kind.new_aggregates()
    for batch in batches:
        aggregates.merge(batch.aggregates)
    return aggregates
