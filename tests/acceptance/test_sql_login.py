"""The SQL login that `tenant grant-sql` hands out sees its tenant's rows only, whatever it tries, while spans arrive."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.support.admin_reader import Reader
from tests.support.backend_process import BackendProcess
from tests.support.otlp import add_attributes, simple_request
from tests.support.polling import wait_for
from tests.support.senders import send_grpc

OWN, FOREIGN = "zqown", "zqforeign"
SPANS = 200
NOW_NS = time.time_ns()
DENIED = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedFile,
    psycopg.errors.FeatureNotSupported,
    psycopg.errors.InvalidParameterValue,
    psycopg.errors.CantChangeRuntimeParam,
    psycopg.errors.WrongObjectType,
)
RELATIONS = [
    "span",
    "span_out_of_range",
    "resource",
    "scope",
    "span_rollup",
    "span_rollup_part",
    "span_rollup_minute",
    "span_rollup_hour",
    "error_rollup",
    "error_rollup_part",
    "error_rollup_minute",
    "verdict",
]


def command(backend: BackendProcess, *words: str) -> dict[str, Any]:
    """Run the command beside the running backend, as an administrator does."""
    result = subprocess.run(
        [sys.executable, "-m", "seamwatch.backend.cli", *words, "--json"],
        env=backend.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def body_of(word: str) -> bytes:
    """Spans whose every text holds the word, and one attribute too large to stay in the row; five of another age."""
    request = simple_request(
        count=SPANS, start_ns=NOW_NS, service=f"{word}-shop", name=f"{word} order", failed=20
    )
    late = simple_request(
        count=5, start_ns=NOW_NS - 400 * 86_400 * 10**9, service=f"{word}-late", seed=7
    )
    request.resource_spans.append(late.resource_spans[0])
    for resource_spans in request.resource_spans:
        resource_spans.scope_spans[0].scope.name = f"{word}-scope"
        for index, span in enumerate(resource_spans.scope_spans[0].spans):
            add_attributes(span.attributes, {"secret": word, "large": f"{word}-{index}-" * 2000})
            span.status.message = f"{word} is gone" if span.status.code else ""
    return request.SerializeToString()


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    process = BackendProcess(
        tmp_path_factory.mktemp("sql") / "state", SEAMWATCH_INGEST_AUTH="required"
    )
    with contextlib.closing(process):
        process.start()
        for tenant, word in (("a", OWN), ("b", FOREIGN)):
            command(process, "tenant", "create", tenant)
            token = command(process, "token", "create", "--role", "ingest", "--tenant", tenant)
            send_grpc(process.grpc, body_of(word), token=token["token"])
        yield process


@pytest.fixture(scope="module")
def granted(backend: BackendProcess) -> dict[str, Any]:
    """What `tenant grant-sql a` prints; the foreign tenant has a login too."""
    command(backend, "tenant", "grant-sql", "b")
    return command(backend, "tenant", "grant-sql", "a")


@pytest.fixture
def login(granted: dict[str, Any]) -> Iterator[psycopg.Connection]:
    """A session of that login that may write what it may, over the server's socket."""
    with psycopg.connect(granted["conninfo"], autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        yield connection


def everything(connection: psycopg.Connection, relation: str) -> list[str]:
    """Every row as one text."""
    rows = connection.execute(f"SELECT r::text FROM seamwatch.{relation} r").fetchall()  # noqa: S608
    return [row[0] for row in rows]


def execute_each(connection: psycopg.Connection, statements: str) -> None:
    """One statement after the other, each in a transaction of its own unless they say otherwise."""
    for statement in statements.split("; "):
        connection.execute(statement.encode())


def assert_sees_exactly_its_own(connection: psycopg.Connection) -> None:
    rows = everything(connection, "span")
    assert len(rows) == SPANS
    assert all(OWN in row and FOREIGN not in row for row in rows)
    assert connection.execute("SELECT sum(span_count) FROM seamwatch.span_rollup").fetchone() == (
        SPANS,
    )


def test_it_reads_all_of_its_own_and_nothing_else(login: psycopg.Connection) -> None:
    found = {relation: everything(login, relation) for relation in RELATIONS}

    assert_sees_exactly_its_own(login)
    assert len(found["span_out_of_range"]) == 5
    for relation in set(RELATIONS) - {"verdict", "span_rollup_hour"}:
        assert found[relation] or "part" in relation or "minute" in relation, relation
    assert FOREIGN not in str(found)
    assert all(OWN in row for relation in ("span", "resource") for row in found[relation])


def test_every_relation_it_may_read_is_in_the_list_of_this_test(login: psycopg.Connection) -> None:
    rows = login.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'seamwatch' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
        " AND has_table_privilege(c.oid, 'SELECT')"
    ).fetchall()

    of_other_signals = {"log_record", "metric_point", "metric_rollup_minute"}
    of_other_signals |= {"log_record_out_of_range", "metric_point_out_of_range"}
    assert {name for (name,) in rows} == set(RELATIONS) | of_other_signals


@pytest.mark.parametrize(
    "statement",
    [
        "SET seamwatch.tenant_id = '1'",
        "SELECT set_config('seamwatch.tenant_id', '3', false)",
        "SET seamwatch.login = 'postgres'",
        "SET ROLE seamwatch_reader",
        "SET ROLE NONE",
        "RESET ROLE",
        "RESET ALL",
        "DISCARD ALL",
        "RESET SESSION AUTHORIZATION",
        "SET row_security = on",
        "SET search_path = pg_temp, seamwatch",
        "SET plan_cache_mode = force_generic_plan",
        "SET enable_indexscan = off; SET enable_seqscan = on",
        "SET max_parallel_workers_per_gather = 4; SET parallel_setup_cost = 0;"
        " SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0",
    ],
)
def test_what_it_may_set_changes_nothing(login: psycopg.Connection, statement: str) -> None:
    execute_each(login, statement)

    assert_sees_exactly_its_own(login)


@pytest.mark.parametrize(
    "statement",
    [
        "SET SESSION AUTHORIZATION seamwatch_app",
        "SET SESSION AUTHORIZATION seamwatch_t_b",
        "SET ROLE seamwatch_app",
        "SET ROLE seamwatch_t_b",
        "SET ROLE seamwatch_writer",
        "SET ROLE pg_read_all_data",
        "SET session_replication_role = replica",
        "SET row_security = off; SELECT count(*) FROM seamwatch.span",
        "ALTER ROLE CURRENT_USER BYPASSRLS",
        "ALTER TABLE seamwatch.span NO FORCE ROW LEVEL SECURITY",
        "CREATE POLICY mine ON seamwatch.span USING (true)",
        "GRANT seamwatch_writer TO CURRENT_USER",
        "COPY seamwatch.span TO PROGRAM 'cat'",
        "COPY seamwatch.span TO '/tmp/span'",
        "COPY (SELECT 1) TO '/tmp/one'",
        "CREATE TEMP TABLE t (line text); COPY t FROM '/etc/passwd'",
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT pg_ls_dir('.')",
        "SELECT pg_stat_file('PG_VERSION')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT * FROM pg_authid",
        "SELECT * FROM pg_statistic",
        "SELECT * FROM pg_largeobject",
        "SELECT * FROM pg_hba_file_rules",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> current_user",
        "SELECT pg_logical_slot_get_changes('x', NULL, NULL)",
        "SELECT pg_create_physical_replication_slot('x')",
        "SELECT * FROM pg_ls_waldir()",
        "CREATE EXTENSION pageinspect",
        "CREATE EXTENSION pg_stat_statements",
        "CREATE EXTENSION file_fdw",
        "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE c AS 'x', 'y'",
        "CREATE SCHEMA mine",
        "CREATE TABLE public.mine (n int)",
        "CREATE PUBLICATION p FOR ALL TABLES",
        "CREATE VIEW seamwatch.mine AS SELECT 1",
        "BEGIN; LOCK TABLE seamwatch.span IN SHARE MODE",
        "TRUNCATE seamwatch.span",
        "INSERT INTO seamwatch.span SELECT * FROM seamwatch.span",
        "SELECT * FROM seamwatch.tenant",
        "SELECT * FROM seamwatch.tenant_login",
        "SELECT * FROM seamwatch.access_token",
        "SELECT * FROM seamwatch.audit_entry",
        "SELECT * FROM seamwatch.batch_digest",
        "CREATE TEMP TABLE t (LIKE seamwatch.span); ALTER TABLE seamwatch.span ATTACH PARTITION t DEFAULT",
        "CREATE TEMP TABLE t () INHERITS (seamwatch.span)",
        "VACUUM (VERBOSE) seamwatch.span; SELECT * FROM seamwatch.tenant",
    ],
)
def test_what_would_go_further_is_refused(login: psycopg.Connection, statement: str) -> None:
    with pytest.raises(DENIED):
        execute_each(login, statement)

    login.rollback()
    login.execute("RESET row_security")
    assert_sees_exactly_its_own(login)


def test_it_takes_no_advisory_lock_so_that_migrations_and_loops_keep_theirs(
    login: psycopg.Connection, backend: BackendProcess
) -> None:
    held = login.execute("SELECT classid, objid FROM pg_locks WHERE locktype = 'advisory'")
    functions = login.execute(
        "SELECT p.oid::regprocedure::text, p.pronargs, p.proargtypes[0]::regtype::text FROM pg_proc p"
        " WHERE p.proname ~ 'advisory' AND p.proname !~ 'unlock'"
    ).fetchall()

    assert len(held.fetchall()) >= 3  # the loops', whose keys everybody may see
    assert len(functions) == 16
    for name, count, kind in functions:
        arguments = ", ".join([f"1::{kind}"] * count)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            login.execute(f"SELECT {name.partition('(')[0]}({arguments})".encode())


def test_no_partition_and_no_toast_relation_is_readable_by_its_name(
    login: psycopg.Connection,
) -> None:
    names = login.execute(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE (n.nspname = 'seamwatch' AND c.relispartition AND c.relkind = 'r')"
        "    OR (n.nspname = 'pg_toast' AND c.relkind = 't'"
        "        AND c.oid IN (SELECT reltoastrelid FROM pg_class p"
        "                       WHERE p.relnamespace = 'seamwatch'::regnamespace))"
    ).fetchall()

    assert sum("pg_toast" in name for (name,) in names) >= 10
    assert sum("span_p" in name for (name,) in names) >= 4
    for (name,) in names:
        for statement in (f"SELECT count(*) FROM {name}", f"COPY {name} TO STDOUT"):  # noqa: S608
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                login.execute(statement.encode())


def test_copy_of_a_query_gives_its_own_rows_and_of_the_relation_too(
    login: psycopg.Connection,
) -> None:
    for statement in (
        "COPY (SELECT * FROM seamwatch.span) TO STDOUT",
        "COPY (TABLE seamwatch.resource) TO STDOUT",
    ):
        with login.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            text = b"".join(bytes(part) for part in copy).decode()
        assert OWN in text
        assert FOREIGN not in text


LEAKS = [
    # what is called with a row's value and tells it: by a notice, an error, or a side effect
    "SELECT count(*) FROM seamwatch.span s WHERE pg_temp.leak(s.attributes::text)",
    "SELECT count(*) FROM seamwatch.span s WHERE pg_temp.leak(s::text) AND tenant_id > 0",
    "SELECT count(*) FROM seamwatch.span s WHERE s.service_name OPERATOR(pg_temp.===) 'x'",
    "SELECT count(*) FROM seamwatch.resource r WHERE pg_temp.leak(r::text) OR tenant_id = 0",
    "SELECT count(*) FROM seamwatch.span s JOIN seamwatch.resource r"
    " ON pg_temp.leak(s.name) AND pg_temp.leak(r.service_name)",
    "SELECT max(pg_temp.leak(s.name)::int) OVER () FROM seamwatch.span s",
    "SELECT count(*) FROM seamwatch.error_rollup e WHERE pg_temp.leak(e.message)",
    "SELECT count(*) FROM seamwatch.span s TABLESAMPLE SYSTEM (100) WHERE pg_temp.leak(s.name)",
    "SELECT 1 FROM seamwatch.span s ORDER BY pg_temp.leak(s.name) LIMIT 1",
    "EXPLAIN (ANALYZE, VERBOSE) SELECT 1 FROM seamwatch.span s WHERE pg_temp.leak(s.name)",
]


@pytest.mark.parametrize("statement", LEAKS)
def test_a_planted_function_is_called_with_own_values_only(
    login: psycopg.Connection, statement: str
) -> None:
    heard: list[str] = []
    login.add_notice_handler(lambda notice: heard.append(str(notice.message_primary)))
    login.execute(
        "CREATE FUNCTION pg_temp.leak(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001"
        " AS $$ BEGIN RAISE NOTICE '%', left(value, 2000); RETURN true; END $$"
    )
    login.execute(
        "CREATE FUNCTION pg_temp.leak_eq(a text, b text) RETURNS boolean LANGUAGE sql"
        " AS 'SELECT pg_temp.leak(a)'"
    )
    login.execute(
        "CREATE OPERATOR pg_temp.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_temp.leak_eq)"
    )

    rows = login.execute(statement.encode()).fetchall()

    assert heard
    assert FOREIGN not in str((heard, rows))
    assert any(OWN in text for text in heard)


def test_it_may_not_call_its_own_function_leakproof(login: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        login.execute(
            "CREATE FUNCTION pg_temp.l(text) RETURNS boolean LANGUAGE sql LEAKPROOF AS 'SELECT true'"
        )


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT (name)::int FROM seamwatch.span",
        "SELECT ('{' || service_name)::jsonb FROM seamwatch.span ORDER BY tenant_id DESC",
        "SELECT 1 / (CASE WHEN service_name LIKE 'zqf%' THEN 0 ELSE 1 END) FROM seamwatch.span",
        "SELECT name::regclass FROM seamwatch.resource r, seamwatch.span s",
    ],
)
def test_an_error_tells_no_foreign_value(login: psycopg.Connection, statement: str) -> None:
    try:
        rows: object = login.execute(statement.encode()).fetchall()
    except psycopg.Error as error:
        rows = (str(error), error.diag.message_detail, error.diag.context)

    assert FOREIGN not in str(rows)


def test_views_functions_and_cursors_of_its_own_show_its_own_rows(
    login: psycopg.Connection,
) -> None:
    login.execute("CREATE TEMP VIEW v AS SELECT * FROM seamwatch.span")
    login.execute(
        "CREATE FUNCTION pg_temp.f() RETURNS SETOF seamwatch.span LANGUAGE sql SECURITY DEFINER"
        " AS 'SELECT * FROM seamwatch.span'"
    )
    login.execute("PREPARE p AS SELECT count(*) FROM seamwatch.span")
    login.execute("CREATE TEMP TABLE taken AS SELECT * FROM seamwatch.span")
    with login.transaction():
        login.execute("DECLARE c CURSOR FOR SELECT s::text FROM seamwatch.span s")
        fetched = login.execute("FETCH ALL FROM c").fetchall()

    assert len(fetched) == SPANS
    for source in ("v", "pg_temp.f()", "taken"):
        rows = login.execute(f"SELECT t::text FROM {source} t").fetchall()  # noqa: S608
        assert len(rows) == SPANS
        assert FOREIGN not in str(rows)
    for _ in range(8):  # past the fifth run PostgreSQL may take a generic plan
        assert login.execute("EXECUTE p").fetchone() == (SPANS,)


def test_catalogue_and_activity_show_no_foreign_value(
    login: psycopg.Connection, backend: BackendProcess
) -> None:
    with psycopg.connect(backend.conninfo(), autocommit=True) as connection:
        connection.execute("ANALYZE seamwatch.span, seamwatch.resource")
        connection.execute(f"SELECT '{FOREIGN}'".encode())

        for view in ("pg_stats", "pg_stat_activity", "pg_stats_ext", "pg_prepared_statements"):
            rows = login.execute(f"SELECT t::text FROM {view} t").fetchall()  # noqa: S608
            assert FOREIGN not in str(rows), view


def test_a_plan_names_no_foreign_value(login: psycopg.Connection) -> None:
    rows = login.execute(
        "EXPLAIN (ANALYZE, VERBOSE, BUFFERS, SETTINGS) SELECT * FROM seamwatch.span"
        " WHERE attributes @> '{\"secret\": \"zq\"}' OR service_name > ''"
    ).fetchall()

    assert FOREIGN not in str(rows)


def test_a_new_password_ends_the_old_one_and_a_wrong_one_is_refused(
    backend: BackendProcess, granted: dict[str, Any]
) -> None:
    again = command(backend, "tenant", "grant-sql", "b")
    wrong = psycopg.conninfo.make_conninfo(granted["conninfo"], password=again["password"])

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    assert again["login"] == "seamwatch_t_b"


def test_writing_goes_on_while_it_holds_what_it_can_hold(
    login: psycopg.Connection, backend: BackendProcess
) -> None:
    token = command(backend, "token", "create", "--role", "ingest,viewer", "--tenant", "b")["token"]
    reader = Reader(backend.ready["admin"], token)
    body = simple_request(count=9, start_ns=NOW_NS, service="while-held", seed=3)
    with contextlib.closing(reader), login.transaction():
        login.execute("LOCK TABLE seamwatch.span IN ACCESS SHARE MODE")
        login.execute("SELECT count(*) FROM seamwatch.span a, seamwatch.span b")

        send_grpc(backend.grpc, body.SerializeToString(), token=token)

        def found() -> bool:
            services = reader.get("/api/apm/services").json()["items"]
            return "while-held" in {service["service_name"] for service in services}

        wait_for(found, "the service that sent meanwhile is seen")


def test_the_log_holds_no_password(backend: BackendProcess, granted: dict[str, Any]) -> None:
    logs = [Path(path) for path in backend.state_dir.rglob("*.log*")]
    texts = [backend.log(), *(path.read_text("utf-8", "replace") for path in logs)]

    assert granted["password"] not in "\n".join(texts)
