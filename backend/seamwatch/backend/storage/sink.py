"""Group commit: concurrent requests share a transaction, and each is answered only after COMMIT.

While one transaction is on its way to disk the next requests gather, so that the cost of a commit is shared by
whatever arrived meanwhile and nobody waits for a timer. Writers are threads with a connection each; psycopg lets go
of the interpreter while PostgreSQL works.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from seamwatch.backend.storage.group_transaction import (
    REFUSED,
    Committed,
    GroupTransaction,
    StoreResult,
    WriterMode,
)
from seamwatch.backend.storage.name_limit import NameLimit
from seamwatch.backend.storage.row_kind import Batch
from seamwatch.core import UnavailableError

__all__ = ["Sink", "SinkConfig", "SinkObserver"]

_LOG = logging.getLogger(__name__)
_RECONNECT_S = (0.05, 0.1, 0.2, 0.5, 1.0)  # waits between attempts; the last one repeats
_RETRY_AFTER_S = 2.0
# SQLSTATE classes that say nothing about the rows: connection, transaction rollback, resources (disk full, memory,
# connections), operator intervention, system error. After any other error each request is tried alone.
_TRANSIENT = ("08", "25", "40", "53", "55", "57", "58")
_NO_PARTITION = "23514"
_PARTITIONS_CHANNEL = "seamwatch_retention"  # NOTIFY here makes the loop run that makes partitions
# A peer that vanished without a word is noticed in half a minute instead of in two hours.
_LIVENESS = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


@dataclass(frozen=True, kw_only=True)
class SinkConfig:
    """How the sink groups.

    Attributes:
        writers: Threads with a connection each.
        max_group_rows: Rows after which a group is closed.
        max_group_bytes: Request bytes after which a group is closed.
        statement_timeout_s: Longest statement of a writer; a database that hangs longer counts as away.
    """

    writers: int = 2
    max_group_rows: int = 8_192
    max_group_bytes: int = 8 * 1024 * 1024
    statement_timeout_s: float = 30.0


class SinkObserver:
    """What the sink tells of its work; every method may be called from any writer. The default does nothing."""

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
        """A group is durable: `rows` inserted, `duplicates` rows were already there, `replays` requests re-sent.

        `conflicting` of the inserted rows have the identity of an older row at another time.
        """

    def failed(self, reason: str, *, requests: int) -> None:
        """A group was refused; its senders were told to come back."""

    def rejected(self, kind: str, reason: str, rows: int) -> None:
        """Rows that the database refuses for good."""


@dataclass(slots=True)
class _Submitted:
    batch: Batch
    future: Future[StoreResult] = field(default_factory=Future)


class Sink:
    """Stores batches; safe from any thread.

    Args:
        conninfo: Connects as the writer role.
        mode: How rows get past row level security.
        config: Grouping.
        observer: Told of every group.
        connect: Opens a connection; a parameter so that a test can put a slow one in its place.
    """

    def __init__(
        self,
        conninfo: str,
        *,
        mode: WriterMode = WriterMode.COPY,
        config: SinkConfig | None = None,
        observer: SinkObserver | None = None,
        connect: Callable[[str], psycopg.Connection] | None = None,
        max_out_of_range: int = 100_000,
    ) -> None:
        self._conninfo = conninfo
        self._mode = mode
        self._config = config or SinkConfig()
        self._observer = observer or SinkObserver()
        self._connect = connect or self._open
        self._max_out_of_range = max_out_of_range
        self._names = NameLimit()
        self._waiting: deque[_Submitted] = deque()
        self._condition = threading.Condition()
        self._is_stopping = False
        # Not the condition: a writer that waits to connect again would swallow a wake-up meant for one that can store.
        self._stop_asked = threading.Event()
        self._connected = 0
        self._threads = [
            threading.Thread(target=self._write, name=f"seamwatch-writer-{index}", daemon=True)
            for index in range(self._config.writers)
        ]

    @property
    def is_available(self) -> bool:
        """Whether at least one writer holds a connection that worked when it was last used."""
        return self._connected > 0

    @property
    def waiting(self) -> int:
        """Requests that wait for a writer."""
        return len(self._waiting)

    def start(self, mode: WriterMode | None = None) -> None:
        """Start the writers; they connect by themselves and keep trying.

        Args:
            mode: Replaces the constructor's, where it could not be known before the database answered.
        """
        self._mode = mode or self._mode
        for thread in self._threads:
            thread.start()

    def submit(self, batch: Batch) -> Future[StoreResult]:
        """Hand a batch over; the future ends after COMMIT. Cancelling it works until a writer has taken it.

        The future raises:
            UnavailableError: It could not be stored now. It may have been stored when the answer was lost: sending
                the same body again is recognised.
        """
        submitted = _Submitted(batch)
        with self._condition:
            if self._is_stopping:
                submitted.future.set_exception(
                    UnavailableError("the server is stopping", retry_after_s=1.0)
                )
                return submitted.future
            self._waiting.append(submitted)
            self._condition.notify()
        return submitted.future

    def stop(self, timeout_s: float = 8.0) -> bool:
        """Store what waits, then end the writers; True when they ended in time."""
        with self._condition:
            self._is_stopping = True
            self._stop_asked.set()
            self._condition.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout_s / max(len(self._threads), 1))
        return not any(thread.is_alive() for thread in self._threads)

    def _open(self, conninfo: str) -> psycopg.Connection:
        liveness = {**_LIVENESS, **conninfo_to_dict(conninfo)}
        connection = psycopg.connect(make_conninfo("", **liveness), autocommit=True)
        connection.execute("SET synchronous_commit = on")
        connection.execute(
            "SELECT set_config('statement_timeout', %s, false)",
            (f"{round(self._config.statement_timeout_s * 1000)}",),
        )
        return connection

    def _write(self) -> None:
        """One writer's life: connect, then store group after group; connect again when the connection breaks."""
        attempt = 0
        while True:
            try:
                connection = self._connect(self._conninfo)
            except psycopg.Error as error:
                _LOG.debug("a writer cannot connect: %s", _first_line(error))
                if self._fail_waiting("the database cannot be reached"):
                    return
                wait_s = _RECONNECT_S[min(attempt, len(_RECONNECT_S) - 1)]
                attempt += 1
                self._stop_asked.wait(wait_s)
                continue
            attempt = 0
            with self._condition:
                self._connected += 1
            try:
                with connection:
                    if self._serve(connection):
                        return
            except psycopg.Error as error:
                _LOG.warning("a writer lost its database connection: %s", _first_line(error))
            except Exception:
                self._observer.failed("internal", requests=0)
                _LOG.exception("a writer met a fault of our own and begins anew")
            finally:
                with self._condition:
                    self._connected -= 1

    def _serve(self, connection: psycopg.Connection) -> bool:
        """Store groups until stopped (True) or until the connection is broken (False)."""
        transaction = GroupTransaction(connection, self._mode, self._max_out_of_range, self._names)
        while True:
            group = self._take()
            if group is None:
                return True
            if not group:
                continue
            try:
                self._store(transaction, group)
            finally:
                for item in group:  # whatever happened, nobody waits for an answer that cannot come
                    if not item.future.done():
                        item.future.set_exception(
                            UnavailableError("internal fault", retry_after_s=_RETRY_AFTER_S)
                        )
            if connection.broken or connection.closed:
                return False

    def _take(self) -> list[_Submitted] | None:
        """The next group of one kind, oldest first; None when stopping and nothing waits."""
        with self._condition:
            self._condition.wait_for(lambda: self._waiting or self._is_stopping)
            if not self._waiting:
                return None
            group: list[_Submitted] = []
            rows = size = 0
            while self._waiting:
                batch = self._waiting[0].batch
                rows += len(batch.rows)
                size += batch.size_bytes
                if group and (
                    rows > self._config.max_group_rows
                    or size > self._config.max_group_bytes
                    or batch.kind is not group[0].batch.kind
                ):
                    self._condition.notify()
                    break
                item = self._waiting.popleft()
                if item.future.set_running_or_notify_cancel():
                    group.append(item)
                else:  # its sender was told to come back meanwhile
                    rows -= len(batch.rows)
                    size -= batch.size_bytes
            return group

    def _store(self, transaction: GroupTransaction, group: list[_Submitted]) -> None:
        """Store one group and answer it; on an error that may be one request's, one request at a time."""
        try:
            committed = transaction.store([item.batch for item in group])
        except Exception as error:
            transaction.roll_back()
            if isinstance(error, psycopg.Error) and _is_transient(error):
                self._refuse(group, error)
            elif len(group) > 1:
                for item in group:
                    self._store(transaction, [item])
            elif not isinstance(error, psycopg.Error):
                # Our own mistake, not the database's: the writer lives on, and only the request that meets it waits.
                _LOG.exception("a request cannot be stored")
                self._observer.failed("internal", requests=1)
                group[0].future.set_exception(
                    UnavailableError("internal fault, try again", retry_after_s=_RETRY_AFTER_S)
                )
            elif error.sqlstate == _NO_PARTITION:
                transaction.notify(_PARTITIONS_CHANNEL)
                self._refuse(group, error)
            else:
                self._store_rows(transaction, group[0], error)
            return
        self._answer(group, committed)

    def _store_rows(
        self, transaction: GroupTransaction, item: _Submitted, error: psycopg.Error
    ) -> None:
        """A request whose rows the database refuses: find them by halves, store the rest with what was refused."""
        _LOG.warning(
            "the database refuses rows of a request, looking for them: %s", _first_line(error)
        )
        count = len(item.batch.rows) + len(item.batch.out_of_range_rows)
        try:
            committed = transaction.store_without_bad_rows(item.batch)
        except psycopg.DataError as again:
            # Not a row but what all of them need: it is refused the next time too.
            transaction.roll_back()
            _LOG.warning("the database refuses a request: %s", _first_line(again))
            self._observer.rejected(item.batch.kind.name, REFUSED, count)
            item.future.set_result(StoreResult(rejected={REFUSED: count}))
            return
        except psycopg.Error as again:
            transaction.roll_back()
            self._refuse([item], again)
            return
        for reason, refused in committed.results[0].rejected.items():
            self._observer.rejected(item.batch.kind.name, reason, refused)
        self._answer([item], committed)

    def _answer(self, group: list[_Submitted], committed: Committed) -> None:
        try:
            self._observer.committed(
                group[0].batch.kind.name,
                requests=len(group),
                rows=committed.rows,
                duplicates=committed.duplicates,
                conflicting=committed.conflicting,
                replays=committed.replays,
                seconds=committed.seconds,
            )
        finally:
            for item, result in zip(group, committed.results, strict=True):
                item.future.set_result(result)

    def _refuse(self, group: list[_Submitted], error: psycopg.Error) -> None:
        # A group may hold several tenants' requests: what the database says stays in the log.
        reason = (
            f"the database cannot store now (SQLSTATE {error.sqlstate or 'none: connection lost'})"
        )
        _LOG.warning(
            "%s, %d requests asked to come back: %s", reason, len(group), _first_line(error)
        )
        self._observer.failed(error.sqlstate or "connection", requests=len(group))
        for item in group:
            item.future.set_exception(UnavailableError(reason, retry_after_s=_RETRY_AFTER_S))

    def _fail_waiting(self, reason: str) -> bool:
        """Nobody is connected: answer all that wait instead of holding their memory; True when stopping."""
        with self._condition:
            if self._connected:
                return self._is_stopping  # what waits is the other writers'
            group = [item for item in self._waiting if item.future.set_running_or_notify_cancel()]
            self._waiting.clear()
            is_stopping = self._is_stopping
        if group:
            self._observer.failed("connection", requests=len(group))
        for item in group:
            item.future.set_exception(UnavailableError(reason, retry_after_s=_RETRY_AFTER_S))
        return is_stopping


def _is_transient(error: psycopg.Error) -> bool:
    state = error.sqlstate
    if state is None:  # not from the server: the connection, or a value that the driver cannot send
        return not isinstance(error, psycopg.DataError | psycopg.ProgrammingError)
    return state.startswith(_TRANSIENT)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0]
