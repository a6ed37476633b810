"""Which start times have a partition: never a stale answer for today's spans."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator

import psycopg
import pytest

from seamwatch.backend.analysis.loop import LoopRunner
from seamwatch.backend.analysis.retention import Retention, RetentionConfig
from seamwatch.backend.receiver.decode_traces import TimeRange
from seamwatch.backend.serve.time_range import PartitionTimes
from seamwatch.backend.telemetry import MetricRegistry
from seamwatch.core import SystemClock, UnavailableError

DAY_NS = 86_400 * 10**9
TODAY_NS = SystemClock().time_ns() // DAY_NS * DAY_NS


class LaterClock(SystemClock):
    """The system's clock, some days ahead once it is told so."""

    days = 0

    def time_ns(self) -> int:
        return super().time_ns() + self.days * DAY_NS


@pytest.fixture
def clock() -> LaterClock:
    return LaterClock()


@pytest.fixture
def times(database: str, clock: LaterClock) -> Iterator[PartitionTimes]:
    made = PartitionTimes(database, clock)
    made.start()
    yield made
    made.stop()


def test_the_range_reaches_from_the_first_partition_to_the_end_of_the_last(
    times: PartitionTimes,
) -> None:
    assert times() == TimeRange(TODAY_NS - 2 * DAY_NS, TODAY_NS + 3 * DAY_NS)


def test_before_it_was_read_nothing_is_taken_for_out_of_range(database: str) -> None:
    with pytest.raises(UnavailableError, match="partition"):
        PartitionTimes(database)()


def test_after_days_of_sleep_spans_of_today_wait_for_their_partition_instead_of_going_astray(
    database: str, times: PartitionTimes, clock: LaterClock, eventually: Callable[..., None]
) -> None:
    retention = Retention(
        database, RetentionConfig(retention_days=2), MetricRegistry(), clock=clock
    )
    with LoopRunner(database, [retention], MetricRegistry()):
        eventually(lambda: succeeded(database), what="the loop did not run at its start")
        clock.days = 5

        with pytest.raises(UnavailableError, match="partition"):
            times()

        eventually(lambda: reaches(times, TODAY_NS + 8 * DAY_NS), what="partitions were not made")


def succeeded(database: str) -> bool:
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT FROM seamwatch.analysis_loop WHERE last_success_at IS NOT NULL"
        ).fetchone()
    return row is not None


def reaches(times: PartitionTimes, end_ns: int) -> bool:
    try:
        return times().end_ns == end_ns
    except UnavailableError:
        return False


def test_a_database_without_partitions_is_no_range_at_all(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        day = datetime.datetime.now(datetime.UTC).date()
        for offset in range(-2, 3):
            name = (day + datetime.timedelta(days=offset)).strftime("seamwatch.span_p%Y%m%d")
            connection.execute(f"DROP TABLE {name}".encode())
    times = PartitionTimes(database)
    times.start()

    with pytest.raises(UnavailableError, match="partition"):
        times()

    times.stop()


def test_starting_again_reads_again(times: PartitionTimes) -> None:
    times.start()

    assert times().first_ns == TODAY_NS - 2 * DAY_NS
