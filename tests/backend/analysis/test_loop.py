"""The loop runner: one owner, woken by time and NOTIFY, alive after failures, stopped in time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import psycopg
import pytest

from seamwatch.backend.analysis.loop import LoopRunner, wake_channel
from seamwatch.backend.telemetry import MetricRegistry

Eventually = Callable[..., None]


class Counting:
    """A loop that counts its runs and does what it is told."""

    def __init__(
        self,
        name: str = "counting",
        interval_s: float = 0.02,
        work: Callable[[psycopg.Connection], object] = lambda connection: None,
    ) -> None:
        self.name = name
        self.interval_s = interval_s
        self.runs = 0
        self._work = work

    def run(self, connection: psycopg.Connection) -> None:
        self.runs += 1
        self._work(connection)


def _row(database: str, name: str) -> tuple[object, ...] | None:
    with psycopg.connect(database) as connection:
        return connection.execute(
            "SELECT last_success_at IS NOT NULL, last_duration_ms >= 0, last_error"
            " FROM seamwatch.analysis_loop WHERE name = %s",
            (name,),
        ).fetchone()


def test_a_loop_runs_at_its_interval_and_records_its_success(
    database: str, eventually: Eventually
) -> None:
    loop, metrics = Counting(), MetricRegistry()
    with LoopRunner(database, [loop], metrics):
        eventually(lambda: loop.runs >= 3)
        text = metrics.render()

    assert _row(database, "counting") == (True, True, None)
    assert 'seamwatch_loop_failures_total{loop="counting"} 0' in text
    assert 'seamwatch_loop_lag_seconds{loop="counting"}' in text
    assert 'seamwatch_loop_last_success_timestamp_seconds{loop="counting"}' in text


def test_a_loop_acts_as_the_analysis_role(database: str, eventually: Eventually) -> None:
    users: list[object] = []
    loop = Counting(work=lambda c: users.append(c.execute("SELECT current_user").fetchone()))
    with LoopRunner(database, [loop], MetricRegistry()):
        eventually(lambda: users)

    assert users[0] == ("seamwatch_analysis",)


def test_only_one_of_several_processes_runs_a_loop_and_another_takes_over(
    database: str, eventually: Eventually
) -> None:
    loops = [Counting(interval_s=0.01) for _ in range(3)]
    runners = [LoopRunner(database, [loop], MetricRegistry()) for loop in loops]
    for runner in runners:
        runner.start()
    try:
        eventually(lambda: max(loop.runs for loop in loops) >= 20)
        owners = [loop for loop in loops if loop.runs]
        assert len(owners) == 1

        runners[loops.index(owners[0])].stop()
        runs = owners[0].runs

        eventually(lambda: sum(loop.runs for loop in loops if loop is not owners[0]) >= 20)
        assert sum(loop.runs > 0 for loop in loops) == 2
        assert owners[0].runs == runs
    finally:
        for runner in runners:
            runner.stop()


def test_notify_wakes_a_loop_before_its_interval(database: str, eventually: Eventually) -> None:
    loop = Counting(interval_s=3_600.0)
    with (
        LoopRunner(database, [loop], MetricRegistry()),
        psycopg.connect(database, autocommit=True) as connection,
    ):
        eventually(lambda: loop.runs == 1)
        connection.execute(f"NOTIFY {wake_channel('counting')}")
        eventually(lambda: loop.runs == 2, timeout_s=5.0)


def test_a_storm_of_notify_does_not_make_a_loop_run_without_pause(
    database: str, eventually: Eventually
) -> None:
    loop = Counting(interval_s=3_600.0)
    with (
        LoopRunner(database, [loop], MetricRegistry()),
        psycopg.connect(database, autocommit=True) as connection,
    ):
        eventually(lambda: loop.runs == 1)
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            connection.execute(f"NOTIFY {wake_channel('counting')}")

        assert 2 <= loop.runs <= 8


def test_a_failed_round_is_counted_recorded_and_done_again(
    database: str, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    def fail_at_first(connection: psycopg.Connection) -> None:
        if loop.runs == 1:
            raise ValueError("no such\0 drift")
        if loop.runs == 2:
            connection.execute("SELECT 1 / 0")

    loop, metrics = Counting(work=fail_at_first), MetricRegistry()
    with LoopRunner(database, [loop], metrics):
        eventually(lambda: loop.runs >= 4)
        text = metrics.render()

    assert _row(database, "counting") == (True, True, "DivisionByZero: division by zero")
    assert 'seamwatch_loop_failures_total{loop="counting"} 2' in text
    assert "loop counting failed" in caplog.text


def test_a_loop_outlives_the_loss_of_its_connection(
    database: str, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    loop = Counting()
    with (
        LoopRunner(database, [loop], MetricRegistry()),
        psycopg.connect(database, autocommit=True) as connection,
    ):
        for _ in range(3):
            before = loop.runs
            eventually(lambda before=before: loop.runs > before + 2)
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE application_name = 'seamwatch loop counting'"
                " AND datname = current_database()"
            )
        before = loop.runs
        eventually(lambda: loop.runs > before + 2)

    assert "lost the database and reconnects" in caplog.text


def test_a_loop_starts_while_the_database_is_away(database: str) -> None:
    nowhere = psycopg.conninfo.make_conninfo(database, host="/nowhere/at/all")
    runner = LoopRunner(nowhere, [Counting()], MetricRegistry())

    runner.start()
    started = time.perf_counter()
    runner.stop()

    assert time.perf_counter() - started < 2.5


def test_a_stop_cancels_the_statement_under_way_within_two_seconds(
    database: str, eventually: Eventually
) -> None:
    loop = Counting(work=lambda connection: connection.execute("SELECT pg_sleep(60)"))
    runner = LoopRunner(database, [loop], MetricRegistry())
    runner.start()
    eventually(lambda: loop.runs == 1)

    started = time.perf_counter()
    runner.stop()

    assert time.perf_counter() - started < 2.5
    assert not [t for t in threading.enumerate() if t.name == "seamwatch-loop-counting"]


def test_a_stop_tells_a_loop_that_works_outside_the_database(
    database: str, eventually: Eventually
) -> None:
    told = threading.Event()

    class Waiting(Counting):
        def request_stop(self) -> None:
            told.set()

    loop = Waiting(work=lambda connection: told.wait(60))
    runner = LoopRunner(database, [loop], MetricRegistry())
    runner.start()
    eventually(lambda: loop.runs == 1)

    runner.stop()

    assert told.is_set()


def test_two_loops_of_one_name_are_refused(database: str) -> None:
    with pytest.raises(ValueError, match="share a name"):
        LoopRunner(database, [Counting(), Counting()], MetricRegistry())
