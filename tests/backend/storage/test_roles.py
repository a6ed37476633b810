"""The database roles and the connection strings that act as them."""

from __future__ import annotations

import secrets

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from seamwatch.backend.storage.migrate import migrate, pending
from seamwatch.backend.storage.roles import (
    ROLES,
    conninfo_as,
    create_roles,
    reserve_advisory_locks,
    roles_sql,
    writer_bypasses_rls,
)


def test_no_role_can_log_in_and_only_the_writer_bypasses_row_level_security(database: str) -> None:
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT rolname, rolbypassrls FROM pg_roles WHERE rolname = ANY (%s)"
            " AND NOT rolcanlogin AND NOT rolsuper AND NOT rolcreaterole",
            (list(ROLES),),
        ).fetchall()

    assert dict(rows) == {role: role == "seamwatch_writer" for role in ROLES}
    assert writer_bypasses_rls(database)


def test_making_the_roles_again_changes_nothing(database: str) -> None:
    create_roles(database)
    create_roles(database)


def test_no_role_is_a_member_of_another(database: str) -> None:
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT member::regrole::text FROM pg_auth_members"
            " WHERE member::regrole::text = ANY (%s)",
            (list(ROLES),),
        ).fetchall()

    assert rows == []


@pytest.mark.parametrize("reset", ["RESET ROLE", "DISCARD ALL", "RESET ALL"])
@pytest.mark.parametrize("role", ["seamwatch_app", "seamwatch_writer"])
def test_a_reset_comes_back_to_the_role_and_not_to_the_login(
    database: str, role: str, reset: str
) -> None:
    conninfo = conninfo_as(database, role, application_name="test")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        before = connection.execute("SELECT current_user, current_setting('application_name')")
        assert before.fetchone() == (role, "test")

        connection.execute(reset)

        assert connection.execute("SELECT current_user").fetchone() == (role,)


def test_options_that_were_given_stay(database: str) -> None:
    given = make_conninfo(database, options="-c statement_timeout=1234")
    conninfo = conninfo_as(given, "seamwatch_app", application_name="test")
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(
            "SELECT current_setting('statement_timeout'), current_user"
        ).fetchone()

    assert row == ("1234ms", "seamwatch_app")


def test_a_role_that_is_not_ours_is_refused(database: str) -> None:
    with pytest.raises(ValueError, match="expected one of seamwatch_owner"):
        conninfo_as(database, "postgres", application_name="test")


def test_a_login_with_createrole_that_owns_the_database_is_enough(
    empty_database: str, postgres_server: str
) -> None:
    name = f"seamwatch_test_admin_{secrets.token_hex(4)}"
    password = secrets.token_hex(8)
    database_name = str(conninfo_to_dict(empty_database)["dbname"])
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        create_roles(postgres_server)
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD {}").format(
                sql.Identifier(name), sql.Literal(password)
            )
        )
        # PostgreSQL 16 and later: a login grants only roles it made or was given to grant.
        for role in ROLES:
            connection.execute(
                sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(
                    sql.Identifier(role), sql.Identifier(name)
                )
            )
        connection.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
                sql.Identifier(database_name), sql.Identifier(name)
            )
        )
    login = make_conninfo(empty_database, user=name, password=password)
    try:
        create_roles(login)
        migrate(login)

        assert pending(login) == []
        with psycopg.connect(
            conninfo_as(login, "seamwatch_app", application_name="test")
        ) as connection:
            connection.execute("SELECT set_config('seamwatch.tenant_id', '1', true)")
            row = connection.execute("SELECT name FROM seamwatch.tenant").fetchone()
        assert row == ("default",)
    finally:
        with psycopg.connect(empty_database, autocommit=True) as connection:
            connection.execute(
                sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(sql.Identifier(name))
            )
            connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_the_printed_sql_is_what_is_run() -> None:
    assert "CREATE ROLE %I NOLOGIN" in roles_sql()
    assert all(role in roles_sql() for role in ROLES)


def test_reserved_advisory_locks_are_left_to_our_roles(database: str) -> None:
    reserve_advisory_locks(database)
    reserve_advisory_locks(database)

    query = """
        SELECT grantee::regrole::text, count(*)
          FROM pg_proc p CROSS JOIN LATERAL aclexplode(p.proacl) g
         WHERE p.proname ~ 'advisory' AND p.proname !~ 'unlock' AND g.grantee <> p.proowner
         GROUP BY 1
    """
    with psycopg.connect(database) as connection:
        rows = connection.execute(query).fetchall()
    assert dict(rows) == dict.fromkeys(
        ("seamwatch_owner", "seamwatch_analysis", "seamwatch_auth"), 16
    )
    assert migrate(database) == []
