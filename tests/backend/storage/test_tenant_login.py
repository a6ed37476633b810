"""A tenant's own SQL login sees its rows and no other, whatever it sets."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from seamwatch.backend.storage.tenants import Tenant

Tenants = tuple[Tenant, Tenant]
InsertSpan = Callable[..., bytes]


@pytest.fixture(scope="module")
def database(make_database: Callable[[str | None], str], database_template: str) -> str:
    """One database for all tests of this file: each looks at rows of its own tenants."""
    return make_database(database_template)


@pytest.fixture
def own_trace(tenants: Tenants, insert_span: InsertSpan) -> bytes:
    """The one trace of the login's tenant; another tenant and `default` have one too."""
    insert_span(1)
    insert_span(tenants[1].tenant_id)
    return insert_span(tenants[0].tenant_id)


def _traces(connection: psycopg.Connection) -> list[bytes]:
    return [bytes(row[0]) for row in connection.execute("SELECT trace_id FROM seamwatch.span")]


def test_the_login_sees_its_tenants_rows_without_setting_anything(
    as_tenant: psycopg.Connection, own_trace: bytes
) -> None:
    assert _traces(as_tenant) == [own_trace]
    assert [bytes(r[0]) for r in as_tenant.execute("SELECT trace_id FROM span")] == [own_trace]


@pytest.mark.parametrize("scope", ["SESSION", "LOCAL"])
def test_setting_another_tenant_changes_nothing(
    as_tenant: psycopg.Connection, own_trace: bytes, tenants: Tenants, scope: str
) -> None:
    with as_tenant.transaction():
        as_tenant.execute(f"SET {scope} seamwatch.tenant_id = '{tenants[1].tenant_id}'")

        assert _traces(as_tenant) == [own_trace]


@pytest.mark.parametrize(
    "role",
    [
        "seamwatch_app",
        "seamwatch_writer",
        "seamwatch_owner",
        "seamwatch_analysis",
        "seamwatch_auth",
        "pg_read_all_data",
    ],
)
@pytest.mark.parametrize("how", ["SET ROLE", "SET SESSION AUTHORIZATION"])
def test_the_login_becomes_no_other_role(
    as_tenant: psycopg.Connection, own_trace: bytes, role: str, how: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_tenant.execute(f"{how} {role}")

    assert _traces(as_tenant) == [own_trace]


def test_its_group_role_gives_it_no_other_rows(
    as_tenant: psycopg.Connection, own_trace: bytes
) -> None:
    as_tenant.execute("SET ROLE seamwatch_reader")

    assert _traces(as_tenant) == [own_trace]


def test_row_security_off_is_an_error_and_no_way_around(
    as_tenant: psycopg.Connection, own_trace: bytes
) -> None:
    as_tenant.execute("SET row_security = off")

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _traces(as_tenant)


def test_no_partition_is_readable_by_its_name(
    as_tenant: psycopg.Connection, own_trace: bytes
) -> None:
    partitions = as_tenant.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits"
        " JOIN pg_class c ON c.oid = inhrelid WHERE c.relkind = 'r'"
        " AND c.relnamespace = 'seamwatch'::regnamespace"
    ).fetchall()

    assert len(partitions) >= 20
    for (name,) in partitions:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_tenant.execute(f"SELECT count(*) FROM {name}")  # noqa: S608


def test_a_function_and_a_table_planted_in_pg_temp_are_not_used_by_the_policy(
    as_tenant: psycopg.Connection, own_trace: bytes
) -> None:
    as_tenant.execute("SET default_transaction_read_only = off")
    as_tenant.execute("CREATE TEMP TABLE tenant_login (login name, tenant_id integer)")
    as_tenant.execute("INSERT INTO pg_temp.tenant_login SELECT session_user, 1")
    as_tenant.execute(
        "CREATE FUNCTION pg_temp.current_tenant() RETURNS integer LANGUAGE sql AS 'SELECT 1'"
    )
    as_tenant.execute(
        "CREATE FUNCTION pg_temp.pg_has_role(name, text, text) RETURNS boolean"
        " LANGUAGE sql AS 'SELECT true'"
    )
    as_tenant.execute("SET search_path = pg_temp, seamwatch, pg_catalog")
    as_tenant.execute("SET seamwatch.tenant_id = '1'")

    assert _traces(as_tenant) == [own_trace]


def test_a_cheap_planted_function_is_called_with_own_rows_only(
    as_tenant: psycopg.Connection, own_trace: bytes
) -> None:
    as_tenant.execute("SET default_transaction_read_only = off")
    as_tenant.execute(
        "CREATE FUNCTION pg_temp.leak(bytea) RETURNS boolean LANGUAGE plpgsql COST 0.0000001"
        " AS $$ BEGIN RAISE NOTICE '%', encode($1, 'hex'); RETURN true; END $$"
    )
    seen: list[str] = []
    as_tenant.add_notice_handler(lambda notice: seen.append(str(notice.message_primary)))

    as_tenant.execute("SELECT count(*) FROM seamwatch.span WHERE pg_temp.leak(trace_id)")

    assert seen == [own_trace.hex()]


def test_views_and_rollups_show_own_rows_only(
    as_tenant: psycopg.Connection, database: str, tenants: Tenants
) -> None:
    with psycopg.connect(database) as connection:
        for tenant_id in (1, tenants[0].tenant_id, tenants[1].tenant_id):
            for relation in ("span_rollup_part", "span_rollup_minute"):
                connection.execute(
                    f"INSERT INTO seamwatch.{relation} VALUES"  # noqa: S608
                    " (%s, '2026-01-01 00:00+00', 's', 'n', 2, true, 1, 0, 1, '{1}', '{1}', 1, '\\x01')",
                    (tenant_id,),
                )

    for relation, count in (("span_rollup", 2), ("span_rollup_part", 1), ("span_rollup_minute", 1)):
        rows = as_tenant.execute(f"SELECT tenant_id FROM seamwatch.{relation}").fetchall()  # noqa: S608
        assert rows == [(tenants[0].tenant_id,)] * count


@pytest.mark.parametrize(
    "relation",
    [
        "access_token",
        "browser_session",
        "sign_in_link",
        "tenant",
        "tenant_login",
        "audit_entry",
        "batch_digest",
        "schema_migration",
    ],
)
def test_what_is_not_telemetry_is_closed_to_it(
    as_tenant: psycopg.Connection, relation: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_tenant.execute(f"SELECT count(*) FROM seamwatch.{relation}")  # noqa: S608


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM seamwatch.span",
        "UPDATE seamwatch.span SET tenant_id = 1",
        "TRUNCATE seamwatch.span",
        "CREATE TABLE seamwatch.mine ()",
        "DROP POLICY tenant_isolation ON seamwatch.span",
        "ALTER TABLE seamwatch.span DISABLE ROW LEVEL SECURITY",
        "SELECT seamwatch.isolate('seamwatch.span')",
        "SELECT seamwatch.create_daily_partition('seamwatch.span', '2020-01-01')",
        "COPY seamwatch.span TO PROGRAM 'cat'",
        "ALTER ROLE seamwatch_app LOGIN",
        "GRANT seamwatch_app TO CURRENT_USER",
    ],
)
def test_it_changes_nothing(as_tenant: psycopg.Connection, statement: str) -> None:
    as_tenant.execute("SET default_transaction_read_only = off")

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_tenant.execute(statement)


def test_statistics_show_it_no_foreign_value(
    as_tenant: psycopg.Connection, database: str, own_trace: bytes
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ANALYZE seamwatch.span")

    rows = as_tenant.execute(
        "SELECT most_common_vals::text, histogram_bounds::text FROM pg_stats"
        " WHERE schemaname = 'seamwatch' AND tablename LIKE 'span%'"
    ).fetchall()

    assert rows == []
