"""A server that grants no BYPASSRLS: a login without a right beyond its own database runs all of Seamwatch."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from tests.support.admin_reader import Reader
from tests.support.backend_process import BackendProcess
from tests.support.database import rollup_totals, stored_spans
from tests.support.otlp import rich_request, simple_request, truth
from tests.support.private_cluster import (
    create_login,
    login_without_rights,
    private_cluster,
    run_printed_roles,
    seamwatch,
)
from tests.support.senders import send_grpc, send_http

from seamwatch.backend.storage.roles import ROLES

SPANS = 300
START_NS = time.time_ns() - 10**9
LOGIN = "seamwatch_login"
DATABASE = "telemetry"


@pytest.fixture(scope="module")
def superuser() -> Iterator[str]:
    """A server of its own: roles belong to the whole server, and here the writer has no BYPASSRLS."""
    with private_cluster() as conninfo:
        yield conninfo


@pytest.fixture(scope="module")
def logins(superuser: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The migrated database's login, and the administrator, no superuser either, who made the roles."""
    state_dir = tmp_path_factory.mktemp("migrate") / "state"
    return login_without_rights(superuser, state_dir, name=LOGIN, database=DATABASE)


@pytest.fixture(scope="module")
def login(logins: tuple[str, str]) -> str:
    """Whom the backend logs in as."""
    return logins[0]


@pytest.fixture(scope="module")
def staging(login: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    """A backend over that login."""
    process = BackendProcess(
        tmp_path_factory.mktemp("staging") / "state", SEAMWATCH_DATABASE_URL=login
    )
    with contextlib.closing(process):
        process.start()
        yield process


@pytest.fixture(scope="module")
def copying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    """A backend whose writer copies straight into the partitions."""
    process = BackendProcess(tmp_path_factory.mktemp("copying") / "state")
    with contextlib.closing(process):
        process.start()
        yield process


def bodies() -> list[bytes]:
    """Requests with odd values, failures, out-of-range spans, re-sent bodies and re-batched spans."""
    many = simple_request(count=SPANS, start_ns=START_NS, failed=20)
    halves = [simple_request(start_ns=START_NS) for _ in range(2)]
    for index, half in enumerate(halves):
        half.CopyFrom(many)
        del half.resource_spans[0].scope_spans[0].spans[index::2]
    late = simple_request(count=5, start_ns=START_NS - 400 * 86_400 * 10**9, seed=2)
    requests = [many, *halves, rich_request(START_NS), late, many, rich_request(START_NS), late]
    return [request.SerializeToString() for request in requests]


@pytest.fixture(scope="module")
def sent(staging: BackendProcess, copying: BackendProcess) -> list[bytes]:
    """The same requests to both backends, over both transports."""
    made = bodies()
    for backend in (staging, copying):
        for index, body in enumerate(made):
            if index % 2:
                send_grpc(backend.grpc, body)
            else:
                assert send_http(backend.http_port, body)[0] == 200
    return made


def without_clock(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "received_at"} for row in rows]


def test_the_login_and_the_writer_hold_no_right_beyond_row_level_security(login: str) -> None:
    with psycopg.connect(login) as connection:
        rows = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'seamwatch%'"
            " AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb)"
        ).fetchall()

    assert rows == []


def test_spans_and_rollups_of_repeated_requests_equal_those_of_the_copying_writer(
    staging: BackendProcess, copying: BackendProcess, superuser: str, sent: list[bytes]
) -> None:
    # As the superuser: the login sees nothing past the policies.
    as_super = psycopg.conninfo.make_conninfo(superuser, dbname=DATABASE)
    requests = [simple_request(count=SPANS, start_ns=START_NS, failed=20), rich_request(START_NS)]

    stored = stored_spans(as_super)

    assert without_clock(stored) == without_clock(stored_spans(copying.conninfo()))
    assert len(stored) == len([span for request in requests for span in truth(request)])
    assert rollup_totals(as_super) == rollup_totals(copying.conninfo())
    spans, errors = rollup_totals(as_super)
    assert sum(row[6] for row in spans) == len(stored)
    assert sum(row[5] for row in errors) == 20 + 1
    with psycopg.connect(as_super) as connection:
        twin = connection.execute("SELECT count(*) FROM seamwatch.span_out_of_range").fetchone()
    assert twin == (5,)


def test_the_log_names_the_mode_and_check_says_it_too(
    staging: BackendProcess, login: str, sent: list[bytes]
) -> None:
    result = seamwatch(login, staging.state_dir, "check", "--json")

    findings = {finding["subject"]: finding for finding in json.loads(result.stdout)}
    assert result.returncode == 0, result.stdout
    assert "staging" in findings["roles"]["fact"]
    assert "staging" in staging.log()


def test_a_migrated_database_has_nothing_left_to_do(login: str, tmp_path: Path) -> None:
    result = seamwatch(login, tmp_path / "state", "migrate", "--json")

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"applied": []}


def test_the_reader_of_the_staging_backend_sees_what_was_sent(
    staging: BackendProcess, sent: list[bytes]
) -> None:
    reader = Reader(staging.ready["admin"], staging.admin_token())
    with contextlib.closing(reader):
        services = reader.get("/api/apm/services").json()["items"]

    counts = {service["service_name"]: service["span_count"] for service in services}
    assert counts == {"shop": SPANS, "checkout": 2, "unknown_service": 1}


def test_nobody_else_may_act_as_the_roles(superuser: str, login: str) -> None:
    stranger = create_login(superuser, "stranger")
    target = psycopg.conninfo.make_conninfo(stranger, dbname=DATABASE)
    assert conninfo_to_dict(target)["user"] == "stranger"
    with (
        psycopg.connect(target, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SET ROLE seamwatch_app")


def test_the_administrator_grants_a_tenant_sql_that_shows_its_rows_only(
    staging: BackendProcess, logins: tuple[str, str], sent: list[bytes], tmp_path: Path
) -> None:
    login, administrator = logins
    made = seamwatch(login, tmp_path, "tenant", "create", "other", "--json")
    assert made.returncode == 0, made.stderr
    counts = []
    for tenant in ("other", "default"):
        granted = seamwatch(administrator, tmp_path, "tenant", "grant-sql", tenant, "--json")
        assert granted.returncode == 0, granted.stderr
        with psycopg.connect(json.loads(granted.stdout)["conninfo"]) as connection:
            connection.execute("SET seamwatch.tenant_id = '1'")
            counts.append(connection.execute("SELECT count(*) FROM seamwatch.span").fetchone())

    assert counts == [(0,), (SPANS + 3,)]


def test_a_login_that_does_not_own_its_database_is_enough(
    logins: tuple[str, str], superuser: str, tmp_path: Path
) -> None:
    guest = create_login(superuser, "guest")
    host = create_login(superuser, "host", "CREATEROLE", owns="house")
    with psycopg.connect(superuser, autocommit=True) as connection:
        for role in ROLES:  # they are there: another administrator made them for another database
            connection.execute(
                sql.SQL("GRANT {} TO host WITH ADMIN OPTION").format(sql.Identifier(role))
            )
    run_printed_roles(host, tmp_path, login="guest")
    target = psycopg.conninfo.make_conninfo(guest, dbname="house")

    migrated = seamwatch(target, tmp_path, "migrate", "--json")
    checked = seamwatch(target, tmp_path, "check")

    assert migrated.returncode == 0, migrated.stderr
    assert len(json.loads(migrated.stdout)["applied"]) >= 7
    assert "mode staging" in checked.stdout
