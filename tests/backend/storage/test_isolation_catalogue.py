"""Row level security as the catalogue shows it: no relation is forgotten."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from seamwatch.backend.storage.roles import conninfo_as

# Without tenant data. Whoever adds a relation here says why it holds no tenant's rows.
WITHOUT_TENANT = {
    "schema_migration",  # names and checksums of our own files
    "analysis_loop",  # names and times of our own loops
}
READABLE_WITHOUT_POLICY = {("seamwatch_app", "analysis_loop")}
READERS = ["seamwatch_app", "seamwatch_reader"]
DEFINER_FUNCTIONS = {"current_tenant"}

_TABLES = """
    SELECT c.relname, c.relispartition, c.relrowsecurity, c.relforcerowsecurity,
           (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid)
      FROM pg_class c
     WHERE c.relnamespace = 'seamwatch'::regnamespace AND c.relkind IN ('r', 'p')
"""


@pytest.fixture(scope="module")
def database(make_database: Callable[[str | None], str], database_template: str) -> str:
    """One database for all tests of this file: each looks at rows of its own tenants."""
    return make_database(database_template)


def test_row_level_security_is_enabled_and_forced_on_every_tenant_relation_and_partition(
    database: str,
) -> None:
    with psycopg.connect(database) as connection:
        rows = connection.execute(_TABLES).fetchall()

    assert sum(is_partition for _, is_partition, *_ in rows) >= 4 * 5
    unprotected = {
        name for name, _, enabled, forced, policies in rows if not (enabled and forced and policies)
    }
    assert unprotected == WITHOUT_TENANT


@pytest.mark.parametrize("role", READERS)
def test_every_readable_relation_has_a_policy_of_its_reader(database: str, role: str) -> None:
    query = """
        SELECT n.nspname, c.relname, c.relkind
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
           AND c.relkind IN ('r', 'p', 'm', 'f')
           AND (has_table_privilege(%(role)s, c.oid, 'SELECT')
                OR has_any_column_privilege(%(role)s, c.oid, 'SELECT'))
           AND NOT (c.relrowsecurity AND c.relforcerowsecurity
                AND EXISTS (SELECT FROM pg_policy p
                             WHERE p.polrelid = c.oid AND %(role)s::regrole = ANY (p.polroles)
                               AND pg_get_expr(p.polqual, p.polrelid) LIKE '%%current_tenant()%%'))
    """
    with psycopg.connect(database) as connection:
        rows = connection.execute(query, {"role": role}).fetchall()

    assert {(role, name) for _, name, _ in rows} == {
        allowed for allowed in READABLE_WITHOUT_POLICY if allowed[0] == role
    }


@pytest.mark.parametrize("role", READERS)
def test_no_policy_but_the_tenants_own_applies_to_a_reader(database: str, role: str) -> None:
    query = """
        SELECT DISTINCT p.polname FROM pg_policy p
         WHERE 0 = ANY (p.polroles) OR EXISTS (
            SELECT FROM unnest(p.polroles) r WHERE pg_has_role(%s, r, 'MEMBER'))
    """
    with psycopg.connect(database) as connection:
        rows = connection.execute(query, (role,)).fetchall()

    assert rows == [("tenant_isolation",)]


def test_every_view_asks_with_the_rights_of_its_reader(database: str) -> None:
    query = """
        SELECT c.relname FROM pg_class c
         WHERE c.relnamespace = 'seamwatch'::regnamespace AND c.relkind = 'v'
           AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false)
    """
    with psycopg.connect(database) as connection:
        assert connection.execute(query).fetchall() == []


def test_no_role_but_the_owner_holds_a_right_on_a_partition(database: str) -> None:
    query = """
        SELECT c.relname, g.grantee::regrole::text
          FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) g
         WHERE c.relispartition AND c.relnamespace = 'seamwatch'::regnamespace
           AND c.relkind = 'r' AND g.grantee <> c.relowner
    """
    with psycopg.connect(database) as connection:
        assert connection.execute(query).fetchall() == []


def test_functions_with_the_owners_rights_are_known_and_pin_their_search_path(
    database: str,
) -> None:
    query = """
        SELECT p.proname, coalesce('search_path=seamwatch, pg_temp' = ANY (p.proconfig), false)
          FROM pg_proc p WHERE p.pronamespace = 'seamwatch'::regnamespace AND p.prosecdef
    """
    with psycopg.connect(database) as connection:
        rows = connection.execute(query).fetchall()

    assert dict(rows) == dict.fromkeys(DEFINER_FUNCTIONS, True)


def test_every_key_of_a_tenant_relation_holds_the_tenant(database: str) -> None:
    # Otherwise a conflict with a foreign row would tell that the row is there.
    query = """
        SELECT i.indrelid::regclass::text
          FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
         WHERE c.relnamespace = 'seamwatch'::regnamespace AND i.indisunique
           AND NOT EXISTS (SELECT FROM pg_attribute a
                            WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
                              AND a.attname = 'tenant_id')
    """
    own = {"tenant", "tenant_login", "access_token", "browser_session", "sign_in_link"}
    with psycopg.connect(database) as connection:
        rows = connection.execute(query).fetchall()

    # Those of sign-in are looked up by a secret before a tenant is known; no tenant inserts there.
    assert {name.removeprefix("seamwatch.") for (name,) in rows} == own | WITHOUT_TENANT


@pytest.mark.parametrize("role", READERS)
def test_without_a_tenant_there_is_no_row(
    database: str, role: str, insert_span: object, tenants: object
) -> None:
    insert_span(1)
    with psycopg.connect(
        conninfo_as(database, role, application_name="test"), autocommit=True
    ) as connection:
        row = connection.execute("SELECT count(*) FROM seamwatch.span").fetchone()

    assert row == (0,)


@pytest.mark.parametrize("role", ["seamwatch_app", "seamwatch_reader", "seamwatch_analysis"])
def test_a_partition_is_not_readable_by_its_own_name(database: str, role: str) -> None:
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT min(inhrelid::regclass::text) FROM pg_inherits"
            " WHERE inhparent = 'seamwatch.span'::regclass"
        ).fetchone()
    assert row is not None
    with (
        psycopg.connect(
            conninfo_as(database, role, application_name="test"), autocommit=True
        ) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(f"SELECT count(*) FROM {row[0]}")  # noqa: S608


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE seamwatch.audit_entry SET actor = 'nobody'",
        "DELETE FROM seamwatch.audit_entry",
        "TRUNCATE seamwatch.audit_entry",
    ],
)
@pytest.mark.parametrize("role", [None, "seamwatch_owner", "seamwatch_auth", "seamwatch_app"])
def test_the_audit_trail_refuses_to_be_changed(
    database: str, statement: str, role: str | None
) -> None:
    conninfo = conninfo_as(database, role, application_name="test") if role else database
    with psycopg.connect(conninfo, autocommit=True) as connection:
        if role in (None, "seamwatch_auth"):
            connection.execute(
                "INSERT INTO seamwatch.audit_entry (tenant_id, actor, action, target)"
                " VALUES (1, 'test', 'test', 'test')"
            )

        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
