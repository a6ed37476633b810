"""The oldest PostgreSQL that is supported, as Debian packages it: everything that the newest is asked, once."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.backend.storage import test_isolation_catalogue as catalogue
from tests.support.admin_reader import Reader, fill, guarded_routes
from tests.support.backend_process import BackendProcess
from tests.support.database import rollup_totals, stored_spans
from tests.support.otlp import rich_request, simple_request, truth
from tests.support.private_cluster import login_without_rights, private_cluster, seamwatch
from tests.support.senders import send_grpc, send_http

from seamwatch.backend.auth.roles import Role
from seamwatch.backend.storage.tenants import create_tenant, grant_sql

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
SPANS = 100
NOW_NS = time.time_ns()

# Under CI a skip is a failure: .ci/run installs it.
pytestmark = pytest.mark.skipif(
    not (DEBIAN_15 / "initdb").is_file(),
    reason=f"no PostgreSQL 15 in {DEBIAN_15}: apt-get install postgresql-15",
)


def requests() -> list[bytes]:
    """Ordinary and odd spans, twice, the ordinary ones also as another body."""
    many = simple_request(count=SPANS, start_ns=NOW_NS, failed=10)
    half = simple_request(count=SPANS // 2, start_ns=NOW_NS, failed=10)
    bodies = [request.SerializeToString() for request in (many, half, rich_request(NOW_NS))]
    return bodies + bodies


def send(backend: BackendProcess) -> None:
    for index, body in enumerate(requests()):
        if index % 2:
            send_grpc(backend.grpc, body)
        else:
            assert send_http(backend.http_port, body)[0] == 200


def assert_stored_once(conninfo: str) -> None:
    stored = sorted(stored_spans(conninfo), key=lambda row: (row["trace_id"], row["span_id"]))
    wanted = [simple_request(count=SPANS, start_ns=NOW_NS, failed=10), rich_request(NOW_NS)]
    expected = sorted(
        (row for request in wanted for row in truth(request)),
        key=lambda row: (row["trace_id"], row["span_id"]),
    )
    assert [(row["trace_id"], row["attributes"]) for row in stored] == [
        (row["trace_id"], row["attributes"]) for row in expected
    ]
    spans, errors = rollup_totals(conninfo)
    assert sum(row[6] for row in spans) == SPANS + 3
    assert sum(row[5] for row in errors) == 10 + 1


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    """`serve` with its own database, run by Debian's programs."""
    process = BackendProcess(
        tmp_path_factory.mktemp("fifteen") / "state", SEAMWATCH_POSTGRES_BIN_DIR=str(DEBIAN_15)
    )
    with contextlib.closing(process):
        process.start()
        send(process)
        yield process


def test_the_server_is_version_15(backend: BackendProcess) -> None:
    with psycopg.connect(backend.conninfo()) as connection:
        assert connection.info.server_version // 10_000 == 15


def test_what_is_sent_twice_and_rebatched_is_stored_once_and_survives_a_restart(
    backend: BackendProcess,
) -> None:
    assert_stored_once(backend.conninfo())

    assert backend.stop() == 0
    backend.start()
    send(backend)

    assert_stored_once(backend.conninfo())


def test_every_route_answers(backend: BackendProcess) -> None:
    trace_id = truth(rich_request(NOW_NS))[0]["trace_id"].hex()
    values = {"trace_id": trace_id, "span_id": "eee19b7ec3c1b174"}
    reader = Reader(backend.ready["admin"], backend.admin_token())
    routes = [r for r in guarded_routes() if r.method == "GET" and Role.ADMIN in r.roles]
    with contextlib.closing(reader):
        statuses = {route.path: reader.get(fill(route, values)).status for route in routes}

    assert len(statuses) >= 15
    assert statuses == dict.fromkeys(statuses, 200)


def test_the_catalogue_shows_the_same_isolation(backend: BackendProcess) -> None:
    conninfo = backend.conninfo()

    catalogue.test_row_level_security_is_enabled_and_forced_on_every_tenant_relation_and_partition(
        conninfo
    )
    for role in catalogue.READERS:
        catalogue.test_every_readable_relation_has_a_policy_of_its_reader(conninfo, role)
        catalogue.test_no_policy_but_the_tenants_own_applies_to_a_reader(conninfo, role)
        catalogue.test_a_partition_is_not_readable_by_its_own_name(conninfo, role)
    catalogue.test_every_view_asks_with_the_rights_of_its_reader(conninfo)
    catalogue.test_no_role_but_the_owner_holds_a_right_on_a_partition(conninfo)
    catalogue.test_functions_with_the_owners_rights_are_known_and_pin_their_search_path(conninfo)
    catalogue.test_every_key_of_a_tenant_relation_holds_the_tenant(conninfo)


def test_a_tenants_login_sees_its_rows_only(backend: BackendProcess) -> None:
    conninfo = backend.conninfo()
    create_tenant(conninfo, "other", actor="test")
    granted = grant_sql(conninfo, "other", actor="test")
    default = grant_sql(conninfo, "default", actor="test")
    counts = []
    for login in (granted, default):
        own = make_conninfo(conninfo, user=login.login, password=login.password)
        with psycopg.connect(own, autocommit=True) as connection:
            connection.execute("SET seamwatch.tenant_id = '1'")
            row = connection.execute("SELECT count(*) FROM seamwatch.span").fetchone()
            counts.append(row)
            for role in ("seamwatch_app", "seamwatch_writer", "seamwatch_owner"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"SET ROLE {role}".encode())

    assert counts == [(0,), (SPANS + 3,)]


def test_a_login_without_rights_runs_in_mode_staging(tmp_path: Path) -> None:
    with private_cluster(DEBIAN_15) as superuser:
        login, _ = login_without_rights(
            superuser, tmp_path / "migrate", name="plain", database="telemetry"
        )
        process = BackendProcess(tmp_path / "state", SEAMWATCH_DATABASE_URL=login)
        with contextlib.closing(process):
            process.start()
            send(process)
            checked = seamwatch(login, process.state_dir, "check", "--json")

        assert_stored_once(make_conninfo(superuser, dbname="telemetry"))
        findings = {finding["subject"]: finding for finding in json.loads(checked.stdout)}
        assert checked.returncode == 0, checked.stdout
        assert "mode staging" in findings["roles"]["fact"]
        assert findings["version"]["fact"] == "PostgreSQL 15"
