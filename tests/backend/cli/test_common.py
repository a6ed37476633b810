"""What commands share."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

import pytest

from seamwatch.backend.cli.common import open_database, parse_expiry, print_table
from seamwatch.backend.postgres import PostgresConfig, open_postgres, remove_cluster
from seamwatch.backend.storage.migrate import pending

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30m", datetime(2026, 3, 1, 12, 30, tzinfo=UTC)),
        ("12h", datetime(2026, 3, 2, 0, 0, tzinfo=UTC)),
        ("90d", datetime(2026, 5, 30, 12, 0, tzinfo=UTC)),
        ("2w", datetime(2026, 3, 15, 12, 0, tzinfo=UTC)),
        ("1Y", datetime(2027, 3, 1, 12, 0, tzinfo=UTC)),
        ("2026-12-31", datetime(2026, 12, 31, tzinfo=UTC)),
        ("2026-12-31T10:00:00", datetime(2026, 12, 31, 10, 0, tzinfo=UTC)),
        ("2026-12-31T10:00:00+02:00", datetime(2026, 12, 31, 8, 0, tzinfo=UTC)),
        ("2026-12-31T10:00:00Z", datetime(2026, 12, 31, 10, 0, tzinfo=UTC)),
        ("never", None),
    ],
)
def test_expiry_is_a_span_a_date_or_never(text: str, moment: datetime | None) -> None:
    assert parse_expiry(text, now=NOW) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0d",
        "-1d",
        "90",
        "d",
        "1.5d",
        "90 d",
        "2020-01-01",
        "soon",
        "999999y",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_expiry_that_is_none_of_these_or_past_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        parse_expiry(text, now=NOW)


def test_table_aligns_its_columns_and_marks_what_is_missing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("ID", "WHEN"), [("abcdef", NOW), ("b", None)])

    assert capsys.readouterr().out == "ID      WHEN\nabcdef  2026-03-01 12:00:00Z\nb       -\n"


def test_embedded_database_is_started_migrated_and_stopped_where_none_runs_and_shared_where_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state_dir = tmp_path / "state"
    monkeypatch.delenv("SEAMWATCH_DATABASE_URL", raising=False)
    monkeypatch.setenv("SEAMWATCH_STATE_DIR", str(state_dir))
    config = PostgresConfig(state_dir=state_dir)
    try:
        with open_database() as conninfo:
            lacking = pending(conninfo)
        with open_postgres(config) as server, open_database() as beside:
            shared = beside == server.conninfo

        assert lacking == []
        assert shared
    finally:
        remove_cluster(config)
