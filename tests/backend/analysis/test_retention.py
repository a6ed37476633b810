"""The retention loop: what is older than the settings say goes, the rest stays."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from seamwatch.backend.analysis.retention import Retention, RetentionConfig
from seamwatch.backend.storage.partitions import partition_range
from seamwatch.backend.telemetry import MetricRegistry
from seamwatch.core import ConfigurationError

DAY = datetime.timedelta(days=1)
CONFIG = RetentionConfig(retention_days=10, aggregate_retention_days=20)


class TodayClock:
    """Now, until it is advanced: partitions of the test's database lie around today."""

    def __init__(self) -> None:
        self.now = datetime.datetime.now(datetime.UTC)

    def time_ns(self) -> int:
        return int(self.now.timestamp() * 1e9)

    def monotonic(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def today_clock() -> TodayClock:
    return TodayClock()


def _ages(
    connection: psycopg.Connection, relation: str, column: str, now: datetime.datetime
) -> list[int]:
    """Whole days of the rows left, oldest first."""
    rows = connection.execute(f"SELECT {column}::timestamptz FROM seamwatch.{relation}")  # noqa: S608
    return sorted(((now - row[0]).days for row in rows), reverse=True)


def test_partitions_are_made_and_dropped_as_days_go_by(
    database: str, analysis: psycopg.Connection, today_clock: TodayClock
) -> None:
    lines: list[str] = []
    metrics = MetricRegistry()
    loop = Retention(database, CONFIG, metrics, clock=today_clock, progress=lines.append)
    today = today_clock.now.date()

    loop.run(analysis)
    assert partition_range(database) == (today - 10 * DAY, today + 3 * DAY)
    today_clock.now += 2 * DAY
    loop.run(analysis)

    assert partition_range(database) == (today - 8 * DAY, today + 5 * DAY)
    assert f"retention: span_p{today - 9 * DAY:%Y%m%d} dropped" in lines
    assert "seamwatch_partitions 44\n" in metrics.render()  # 3 of 13 days and one of 5
    assert "seamwatch_retention_undropped_partitions 0\n" in metrics.render()


def test_rollups_go_after_their_own_retention(
    database: str, analysis: psycopg.Connection, today_clock: TodayClock
) -> None:
    now = today_clock.now
    with psycopg.connect(database) as writer:
        for age in (0, 9, 19, 21, 400):
            for relation in ("span_rollup_minute", "span_rollup_hour"):
                writer.execute(
                    f"INSERT INTO seamwatch.{relation} VALUES"  # noqa: S608
                    " (1, %s, 's', 'n', 2, true, 1, 0, 1, '{1}', '{1}', 1, '\\x01')",
                    (now - age * DAY,),
                )
            writer.execute(
                "INSERT INTO seamwatch.error_rollup_minute VALUES (1, %s, 's', 'E', 1, 'n', 'm', 1, 1, '')",
                (now - age * DAY,),
            )
    lines: list[str] = []

    Retention(database, CONFIG, MetricRegistry(), clock=today_clock, progress=lines.append).run(
        analysis
    )

    for relation in ("span_rollup_minute", "span_rollup_hour", "error_rollup_minute"):
        assert _ages(analysis, relation, "minute", now) == [19, 9, 0]
        assert f"retention: {relation}: 2 rows deleted" in lines


def test_more_rows_than_one_chunk_are_deleted(
    database: str,
    analysis: psycopg.Connection,
    today_clock: TodayClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("seamwatch.backend.analysis.retention._CHUNK_ROWS", 7)
    with psycopg.connect(database) as writer:
        writer.execute("INSERT INTO seamwatch.tenant (name) VALUES ('two')")
        writer.execute(
            "INSERT INTO seamwatch.span_rollup_minute SELECT 1 + n % 2,"
            " '2020-01-01 00:00+00'::timestamptz + n * interval '1 min', 's', 'n', 2, true, 1, 0, 1,"
            " '{1}', '{1}', 1, '\\x01' FROM generate_series(1, 50) n"
        )

    metrics = MetricRegistry()
    Retention(database, CONFIG, metrics, clock=today_clock).run(analysis)

    assert _ages(analysis, "span_rollup_minute", "minute", today_clock.now) == []
    assert "seamwatch_retention_deleted_rows_total 50\n" in metrics.render()


def test_records_out_of_range_go_by_their_arrival_and_not_by_their_own_time(
    database: str, analysis: psycopg.Connection, today_clock: TodayClock
) -> None:
    now = today_clock.now
    with psycopg.connect(database) as writer:
        for age in (0, 9, 11):
            writer.execute(
                "INSERT INTO seamwatch.span_out_of_range (tenant_id, trace_id, span_id, start_time, start_ns,"
                " duration_ns, service_name, name, name_key, kind, status_code, flags, resource_id, scope_id,"
                " attributes, received_at) VALUES"
                " (1, %s, '\\x01', '1970-01-01', 0, 1, 's', 'n', 1, 1, 0, 0, 1, 1, '{}', %s)",
                (bytes([age]), now - age * DAY),
            )

    Retention(database, CONFIG, MetricRegistry(), clock=today_clock).run(analysis)

    assert _ages(analysis, "span_out_of_range", "received_at", now) == [9, 0]


def test_dictionary_entries_outlive_the_last_record_that_uses_them(
    database: str, analysis: psycopg.Connection, today_clock: TodayClock
) -> None:
    now = today_clock.now
    with psycopg.connect(database) as writer:
        for age in (0, 12, 14, 15):
            writer.execute(
                "INSERT INTO seamwatch.resource (tenant_id, resource_id, service_name, attributes, last_used_on)"
                " VALUES (1, %s, 's', '{}', %s)",
                (age, now.date() - age * DAY),
            )

    Retention(database, CONFIG, MetricRegistry(), clock=today_clock).run(analysis)

    # A span may start two days after its receipt and is kept ten days from then: twelve at least.
    rows = analysis.execute("SELECT resource_id FROM seamwatch.resource ORDER BY 1").fetchall()
    assert rows == [(0,), (12,), (14,)]


def test_expired_sessions_and_links_go_and_the_others_stay(
    database: str, analysis: psycopg.Connection, today_clock: TodayClock
) -> None:
    now = today_clock.now
    with psycopg.connect(database) as writer:
        writer.execute(
            "INSERT INTO seamwatch.access_token (token_id, tenant_id, secret_hash, roles)"
            " VALUES ('a', 1, '', '{viewer}')"
        )
        for minutes in (-1, 1):
            expires_at = now + datetime.timedelta(minutes=minutes)
            key = b"live" if minutes > 0 else b"dead"
            writer.execute(
                "INSERT INTO seamwatch.browser_session (session_hash, token_id, tenant_id, expires_at)"
                " VALUES (%s, 'a', 1, %s)",
                (key, expires_at),
            )
            writer.execute(
                "INSERT INTO seamwatch.sign_in_link (link_hash, token_id, tenant_id, expires_at)"
                " VALUES (%s, 'a', 1, %s)",
                (key, expires_at),
            )

    Retention(database, CONFIG, MetricRegistry(), clock=today_clock).run(analysis)

    with psycopg.connect(database) as reader:
        sessions = reader.execute("SELECT session_hash FROM seamwatch.browser_session").fetchall()
        links = reader.execute("SELECT link_hash FROM seamwatch.sign_in_link").fetchall()
    assert sessions == links == [(b"live",)]


def test_an_open_verdict_is_never_too_old(
    database: str, analysis: psycopg.Connection, today_clock: TodayClock
) -> None:
    now = today_clock.now
    with psycopg.connect(database) as writer:
        for subject, since, until in (
            ("open", 400, None),
            ("ended long ago", 400, 21),
            ("ended lately", 400, 19),
        ):
            writer.execute(
                "INSERT INTO seamwatch.verdict (tenant_id, kind, subject, state, since, until)"
                " VALUES (1, 'k', %s, 's', %s, %s)",
                (subject, now - since * DAY, None if until is None else now - until * DAY),
            )

    Retention(database, CONFIG, MetricRegistry(), clock=today_clock).run(analysis)

    rows = analysis.execute("SELECT subject FROM seamwatch.verdict ORDER BY subject").fetchall()
    assert rows == [("ended lately",), ("open",)]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SEAMWATCH_RETENTION_DAYS", "0"),
        ("SEAMWATCH_RETENTION_DAYS", "10000"),
        ("SEAMWATCH_RETENTION_DAYS", "a week"),
        ("SEAMWATCH_AGGREGATE_RETENTION_DAYS", "29"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=variable):
        RetentionConfig.from_environment({variable: value})


def test_settings_come_from_their_variables() -> None:
    environ = {"SEAMWATCH_RETENTION_DAYS": "7", "SEAMWATCH_AGGREGATE_RETENTION_DAYS": "14"}

    assert RetentionConfig.from_environment({}) == RetentionConfig(
        retention_days=30, aggregate_retention_days=90
    )
    assert RetentionConfig.from_environment(environ) == RetentionConfig(
        retention_days=7, aggregate_retention_days=14
    )


def test_a_resource_used_again_while_it_is_being_deleted_stays(
    database: str,
    analysis: psycopg.Connection,
    today_clock: TodayClock,
    eventually: Callable[..., None],
) -> None:
    long_ago = today_clock.now.date() - 100 * DAY
    loop = Retention(database, CONFIG, MetricRegistry(), clock=today_clock)
    with (
        psycopg.connect(database, autocommit=True) as watching,
        ThreadPoolExecutor() as executor,
        psycopg.connect(database) as writing,
    ):
        watching.execute(
            "INSERT INTO seamwatch.resource (tenant_id, resource_id, service_name, attributes, last_used_on) "
            "VALUES (1, 7, 'shop', '{}', %s)",
            (long_ago,),
        )
        writing.execute(
            "UPDATE seamwatch.resource SET last_used_on = %s WHERE resource_id = 7",
            (today_clock.now.date(),),
        )
        deleting = executor.submit(loop.run, analysis)
        eventually(
            lambda: watching.execute(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                "AND datname = current_database()"
            ).fetchone()
        )

        writing.commit()
        deleting.result(20)

        assert _ages(watching, "resource", "last_used_on", today_clock.now) == [0]
