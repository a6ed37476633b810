"""Runs analysis loops: one owner of each in all processes, woken by a timer or by NOTIFY."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import psycopg
from psycopg import sql

from seamwatch.backend.storage.queries import load
from seamwatch.backend.storage.roles import conninfo_as
from seamwatch.backend.telemetry import MetricRegistry
from seamwatch.core import Clock, SystemClock

__all__ = ["AnalysisLoop", "LoopRunner", "StoppableLoop", "wake_channel"]

_LOCK_CLASS = 0x5EA3  # first half of the advisory lock's key; the second is the loop's
_TAKE_OVER_S = 1.0  # a process that is not the owner asks this often whether it may be
_LISTEN_STEP_S = 0.2  # how soon a waiting thread sees that it shall stop
_SPACING_S = 0.2  # NOTIFY is open to every login: it makes a loop run early, never without pause
_RECONNECT_S = (0.1, 0.2, 0.5, 1.0, 2.0)
_STOP_S = 2.0
_ERROR_CHARACTERS = 2_000

_logger = logging.getLogger(__name__)


class AnalysisLoop(Protocol):
    """Work that is done again and again by one process at a time."""

    @property
    def name(self) -> str:
        """Lower-case letters, digits and ``_``; also its channel, lock and row."""
        ...

    @property
    def interval_s(self) -> float:
        """Longest time from one run's end to the next one's start."""
        ...

    def run(self, connection: psycopg.Connection) -> None:
        """Do one round on an autocommit connection as `seamwatch_analysis`.

        What must happen together goes into ``connection.transaction()``. The process can die or
        lose the database at any statement: a round left half-way is done again.
        """
        ...


@runtime_checkable
class StoppableLoop(AnalysisLoop, Protocol):
    """A loop that does more than statements on its connection, and is told to hurry."""

    def request_stop(self) -> None:
        """Make a `run` under way return within a second; called from another thread."""
        ...


def wake_channel(name: str) -> str:
    """The NOTIFY channel that makes the loop `name` run early."""
    return f"seamwatch_{name}"


class LoopRunner:
    """One thread per loop; a loop runs in the process that holds its advisory lock.

    A failed round is logged, counted, written to `seamwatch.analysis_loop` and done again; a lost
    database is connected to again, from 0.1 s to 2 s apart.

    Args:
        conninfo: The privileged login; loops act as `seamwatch_analysis`.
        loops: Of different names.
        metrics: Gets `seamwatch_loop_…`, labelled by loop.
        clock: For the metrics; waiting is real.
    """

    def __init__(
        self,
        conninfo: str,
        loops: Sequence[AnalysisLoop],
        metrics: MetricRegistry,
        clock: Clock | None = None,
    ) -> None:
        if len({loop.name for loop in loops}) != len(loops):
            raise ValueError(f"two loops share a name: {[loop.name for loop in loops]}")
        self._workers = [
            _Worker(
                conninfo_as(
                    conninfo, "seamwatch_analysis", application_name=f"seamwatch loop {loop.name}"
                ),
                loop,
                _LoopMetrics(metrics, loop.name, clock or SystemClock()),
            )
            for loop in loops
        ]

    def start(self) -> None:
        """Start every loop; returns at once, also while the database is away."""
        for worker in self._workers:
            worker.thread.start()

    def stop(self) -> None:
        """End every loop within two seconds; a statement under way is cancelled."""
        give_up_at = time.monotonic() + _STOP_S
        for worker in self._workers:
            worker.request_stop()
        for worker in self._workers:
            worker.join(max(0.0, give_up_at - time.monotonic()))

    def __enter__(self) -> LoopRunner:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


class _LoopMetrics:
    """What one loop shows in `/metrics`."""

    def __init__(self, metrics: MetricRegistry, name: str, clock: Clock) -> None:
        self._clock = clock
        self._last_success_s: float | None = None
        labels = ("loop",)
        self._failures = metrics.counter(
            "seamwatch_loop_failures", "Rounds of an analysis loop that failed.", labels=labels
        ).with_labels(loop=name)
        self._failures.add(0)
        self._duration = metrics.histogram(
            "seamwatch_loop_duration_seconds", "Rounds of an analysis loop.", labels=labels
        ).with_labels(loop=name)
        metrics.gauge(
            "seamwatch_loop_last_success_timestamp_seconds",
            "End of the last good round; only in the process that owns the loop.",
            labels=labels,
        ).with_labels(loop=name).set_callback(lambda: self._last_success_s)
        metrics.gauge(
            "seamwatch_loop_lag_seconds",
            "Time since the last good round; only in the process that owns the loop.",
            labels=labels,
        ).with_labels(loop=name).set_callback(self._lag_s)

    def succeeded(self, duration_s: float) -> None:
        self._last_success_s = self._clock.time_ns() / 1e9
        self._duration.record(duration_s)

    def failed(self) -> None:
        self._failures.add()

    def disowned(self) -> None:
        """Another process may be the owner now: what this one knows is no news any more."""
        self._last_success_s = None

    def _lag_s(self) -> float | None:
        if self._last_success_s is None:
            return None
        return max(0.0, self._clock.time_ns() / 1e9 - self._last_success_s)


class _Worker:
    """The thread of one loop and its connection."""

    def __init__(self, conninfo: str, loop: AnalysisLoop, metrics: _LoopMetrics) -> None:
        self._conninfo = conninfo
        self._loop = loop
        self._metrics = metrics
        self._stopping = threading.Event()
        self._connection: psycopg.Connection | None = None
        self._attempt = 0
        self.thread = threading.Thread(
            target=self._work, name=f"seamwatch-loop-{loop.name}", daemon=True
        )

    def request_stop(self) -> None:
        self._stopping.set()
        if isinstance(self._loop, StoppableLoop):
            self._loop.request_stop()
        connection = self._connection
        if connection is not None and not connection.closed:
            try:
                connection.cancel_safe(timeout=0.5)
            except psycopg.Error:
                _logger.debug("loop %s: nothing left to cancel", self._loop.name, exc_info=True)

    def join(self, timeout_s: float) -> None:
        if self.thread.ident is None:
            return
        self.thread.join(timeout_s)
        if self.thread.is_alive():
            _logger.warning("loop %s did not stop in time; its connection is left", self._loop.name)

    def _work(self) -> None:
        """Connect, serve, and after a lost connection again."""
        while not self._stopping.is_set():
            try:
                with psycopg.connect(
                    self._conninfo, autocommit=True, connect_timeout=5
                ) as connection:
                    self._connection = connection
                    self._serve(connection)
            except psycopg.Error as error:
                if not self._stopping.is_set():
                    self._lost(error)
            finally:
                self._connection = None
                self._metrics.disowned()

    def _lost(self, error: psycopg.Error) -> None:
        """Say it once, then wait longer each time."""
        if self._attempt == 0:
            _logger.warning("loop %s lost the database and reconnects: %s", self._loop.name, error)
        self._metrics.failed()
        self._stopping.wait(_RECONNECT_S[min(self._attempt, len(_RECONNECT_S) - 1)])
        self._attempt += 1

    def _serve(self, connection: psycopg.Connection) -> None:
        """Become the owner, then run, wait, run."""
        channel = sql.Identifier(wake_channel(self._loop.name))
        connection.execute(sql.SQL("LISTEN {}").format(channel))
        while not self._stopping.is_set() and not self._become_owner(connection):
            self._stopping.wait(_TAKE_OVER_S)
        while not self._stopping.is_set():
            self._run_once(connection)
            self._attempt = 0
            self._wait(connection)

    def _become_owner(self, connection: psycopg.Connection) -> bool:
        row = connection.execute(
            "SELECT pg_try_advisory_lock(%s, %s)", (_LOCK_CLASS, _lock_key(self._loop.name))
        ).fetchone()
        return bool(row and row[0])

    def _run_once(self, connection: psycopg.Connection) -> None:
        """One round and its record; only a lost connection leaves here."""
        name = self._loop.name
        started = time.monotonic()
        try:
            self._loop.run(connection)
        except Exception as error:
            if self._stopping.is_set() or connection.broken:
                _raise_if_database(error)
                return
            self._metrics.failed()
            _logger.exception(
                "loop %s failed; it runs again in %.1f s", name, self._loop.interval_s
            )
            text = f"{type(error).__name__}: {error}".replace("\0", "")[:_ERROR_CHARACTERS]
            connection.execute(load("loop_failed"), {"name": name, "error": text})
            return
        duration_s = time.monotonic() - started
        connection.execute(
            load("loop_succeeded"), {"name": name, "duration_ms": duration_s * 1_000}
        )
        self._metrics.succeeded(duration_s)

    def _wait(self, connection: psycopg.Connection) -> None:
        """Until the interval is over, a NOTIFY came, or the runner stops."""
        due = time.monotonic() + self._loop.interval_s
        self._stopping.wait(min(_SPACING_S, self._loop.interval_s))
        while not self._stopping.is_set():
            left_s = due - time.monotonic()
            if left_s <= 0:
                return
            for _ in connection.notifies(timeout=min(left_s, _LISTEN_STEP_S), stop_after=1):
                return


def _raise_if_database(error: Exception) -> None:
    """Let a database's error out to whoever reconnects; anything else ended because of the stop."""
    if isinstance(error, psycopg.Error):
        raise error


def _lock_key(name: str) -> int:
    """The loop's half of the advisory lock's key, the same in every process and release."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big", signed=True)
