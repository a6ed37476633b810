"""Verdicts: one open row per subject, closed when the state changes."""

from __future__ import annotations

import datetime
import threading

import psycopg

from seamwatch.backend.analysis.verdict import open_verdicts, set_verdict
from seamwatch.backend.storage.roles import conninfo_as

NOON = datetime.datetime(2026, 3, 29, 12, tzinfo=datetime.UTC)
MINUTE = datetime.timedelta(minutes=1)


def _rows(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    connection.execute("SET timezone = 'UTC'")
    return connection.execute(
        "SELECT tenant_id, subject, state, since, until, evidence FROM seamwatch.verdict"
        " ORDER BY verdict_id"
    ).fetchall()


def test_a_change_closes_the_open_verdict_where_the_next_begins(
    analysis: psycopg.Connection,
) -> None:
    changes = [
        set_verdict(analysis, 1, "health", "shop", state, {"ratio": ratio}, NOON + n * MINUTE)
        for n, (state, ratio) in enumerate([("healthy", 0.0), ("healthy", 0.1), ("failing", 0.9)])
    ]

    assert changes == [True, False, True]
    assert _rows(analysis) == [
        (1, "shop", "healthy", NOON, NOON + 2 * MINUTE, {"ratio": 0.0}),
        (1, "shop", "failing", NOON + 2 * MINUTE, None, {"ratio": 0.9}),
    ]
    assert open_verdicts(analysis, "health") == {(1, "shop"): "failing"}


def test_subjects_kinds_and_tenants_have_verdicts_of_their_own(
    database: str, analysis: psycopg.Connection
) -> None:
    for tenant_id, kind, subject in ((1, "a", "x"), (2, "a", "x"), (1, "b", "x"), (1, "a", "y")):
        assert set_verdict(analysis, tenant_id, kind, subject, "s", {}, NOON)

    assert len(_rows(analysis)) == 4


def test_a_verdict_never_ends_before_it_began(analysis: psycopg.Connection) -> None:
    set_verdict(analysis, 1, "health", "shop", "healthy", {}, NOON)
    set_verdict(analysis, 1, "health", "shop", "failing", {}, NOON - MINUTE)

    assert [row[4] for row in _rows(analysis)] == [NOON, None]


def test_many_sessions_at_once_leave_one_open_verdict(
    database: str, analysis: psycopg.Connection
) -> None:
    conninfo = conninfo_as(database, "seamwatch_analysis", application_name="test")

    def judge(state: str) -> None:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            for n in range(20):
                set_verdict(connection, 1, "health", "shop", f"{state}{n}", {}, NOON)

    threads = [threading.Thread(target=judge, args=(state,)) for state in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert [row[4] for row in _rows(analysis)].count(None) == 1


def test_two_long_subjects_stay_apart_and_fit_their_index(analysis: psycopg.Connection) -> None:
    long = "\U0001f98a" * 4_000
    for ending in ("a", "b"):
        assert set_verdict(analysis, 1, "health", long + ending, "s", {}, NOON)
        assert not set_verdict(analysis, 1, "health", long + ending, "s", {}, NOON)

    assert {len(str(row[1])) for row in _rows(analysis)} == {200}


def test_a_subject_with_a_nul_is_stored(analysis: psycopg.Connection) -> None:
    assert set_verdict(analysis, 1, "health", "a\0b", "s", {}, NOON)

    assert _rows(analysis)[0][1] == "a\ufffdb"
