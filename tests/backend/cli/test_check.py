"""`seamwatch check` finds what is wrong and says what to do, by its exit code too."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

import psycopg
import pytest

from seamwatch.backend.cli.main import main


@pytest.fixture
def check(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, dict[str, dict[str, object]]]]:
    def run(**environment: str) -> tuple[int, dict[str, dict[str, object]]]:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        code = main(["check", "--json"])
        return code, {entry["subject"]: entry for entry in json.loads(capsys.readouterr().out)}

    return run


def test_a_migrated_database_passes_every_check(check, database: str) -> None:  # type: ignore[no-untyped-def]
    code, found = check(SEAMWATCH_DATABASE_URL=database)

    assert code == 0, found
    assert {"connection", "version", "roles", "schema", "partitions", "clock", "encoding"} <= set(
        found
    )


def test_a_database_without_the_schema_is_told_with_the_command_to_run(
    check, empty_database: str
) -> None:  # type: ignore[no-untyped-def]
    code, found = check(SEAMWATCH_DATABASE_URL=empty_database)

    assert code == 1
    assert found["schema"]["ok"] is False
    assert "seamwatch migrate" in str(found["schema"]["remedy"])


def test_partitions_that_end_before_today_are_told(check, database: str) -> None:  # type: ignore[no-untyped-def]
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'seamwatch.span'::regclass"
        ).fetchall()
        for (name,) in rows:
            connection.execute(
                psycopg.sql.SQL("DROP TABLE {}").format(
                    psycopg.sql.Identifier(*str(name).split("."))
                )
            )

    code, found = check(SEAMWATCH_DATABASE_URL=database)

    assert (code, found["partitions"]["ok"]) == (1, False)


def test_a_dead_database_is_one_finding_with_its_address(check) -> None:  # type: ignore[no-untyped-def]
    code, found = check(
        SEAMWATCH_DATABASE_URL="host=/nonexistent user=x dbname=y connect_timeout=1"
    )

    assert code == 1
    assert "/nonexistent" in str(found["connection"]["fact"])


def test_a_wrong_setting_is_named_with_its_value(check) -> None:  # type: ignore[no-untyped-def]
    code, found = check(SEAMWATCH_RECEIVER_READERS="0")

    assert code == 1
    assert "SEAMWATCH_RECEIVER_READERS: must be > 0, got 0" in str(found["settings"]["fact"])


def test_a_taken_port_is_told_with_the_remedy(check, tmp_path) -> None:  # type: ignore[no-untyped-def]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"127.0.0.1:{taken.getsockname()[1]}"

        code, found = check(
            SEAMWATCH_STATE_DIR=str(tmp_path),
            SEAMWATCH_ADMIN_ENDPOINT=endpoint,
            SEAMWATCH_OTLP_GRPC_ENDPOINT="127.0.0.1:0",
            SEAMWATCH_OTLP_HTTP_ENDPOINT="127.0.0.1:0",
        )

    assert code == 1
    assert endpoint in str(found["port"]["fact"])
    assert "--auto-ports" in str(found["port"]["remedy"])
