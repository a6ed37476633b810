"""Tenants and their SQL logins."""

from __future__ import annotations

import secrets

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from seamwatch.backend.storage.tenants import (
    Tenant,
    TenantError,
    create_tenant,
    grant_sql,
    list_tenants,
    login_name,
    revoke_sql,
    tenant_by_name,
)

Tenants = tuple[Tenant, Tenant]


def _audit(database: str, tenant: Tenant) -> list[tuple[str, str, str]]:
    with psycopg.connect(database) as connection:
        return connection.execute(
            "SELECT actor, action, target FROM seamwatch.audit_entry WHERE tenant_id = %s"
            " ORDER BY audit_id",
            (tenant.tenant_id,),
        ).fetchall()


def test_a_new_database_has_the_tenant_default(database: str) -> None:
    assert [(tenant.tenant_id, tenant.name) for tenant in list_tenants(database)] == [
        (1, "default")
    ]


def test_a_tenant_is_found_by_its_name_and_its_making_is_audited(database: str) -> None:
    tenant = create_tenant(database, "shop-1", actor="cli:ada")

    assert tenant_by_name(database, "shop-1") == tenant
    assert _audit(database, tenant) == [("cli:ada", "tenant.create", "shop-1")]


@pytest.mark.parametrize("name", ["", "Shop", "-shop", "a b", "a" * 64, "ä", 'a"; DROP', "a\n"])
def test_a_name_of_another_form_is_refused(database: str, name: str) -> None:
    with pytest.raises(TenantError, match="expected lower-case letters"):
        create_tenant(database, name, actor="test")


def test_a_name_is_given_once(database: str) -> None:
    create_tenant(database, "shop", actor="test")

    with pytest.raises(TenantError, match="shop: there is one"):
        create_tenant(database, "shop", actor="test")


def test_an_unknown_tenant_is_an_error_that_names_it(database: str) -> None:
    with pytest.raises(TenantError, match="tenant nobody: not found"):
        tenant_by_name(database, "nobody")


def test_two_long_names_have_two_logins() -> None:
    first, second = login_name("a" * 62 + "b"), login_name("a" * 62 + "c")

    assert first != second
    assert {len(first), len(second)} == {63}


def test_a_second_grant_gives_the_same_login_a_new_password(
    database: str, tenants: Tenants
) -> None:
    name = tenants[0].name
    try:
        first, second = (grant_sql(database, name, actor="test") for _ in range(2))

        assert first.login == second.login == f"seamwatch_t_{name}"
        assert first.password != second.password
        assert tenant_by_name(database, name).login == first.login
        assert first.password not in repr(first)
    finally:
        revoke_sql(database, name, actor="test")
    assert [action for _, action, _ in _audit(database, tenants[0])] == [
        "tenant.create",
        "tenant.grant_sql",
        "tenant.grant_sql",
        "tenant.revoke_sql",
    ]


def test_the_login_has_no_right_beyond_reading(database: str, tenants: Tenants) -> None:
    login = grant_sql(database, tenants[0].name, actor="test")
    try:
        with psycopg.connect(database) as connection:
            role = connection.execute(
                "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolcanlogin"
                " FROM pg_roles WHERE rolname = %s",
                (login.login,),
            ).fetchone()
            password = connection.execute(
                "SELECT rolpassword FROM pg_authid WHERE rolname = %s", (login.login,)
            ).fetchone()
        assert role == (False, False, False, False, False, True)
        assert password is not None
        assert password[0].startswith("SCRAM-SHA-256$")
    finally:
        revoke_sql(database, tenants[0].name, actor="test")


def test_a_revoked_login_is_gone_with_its_sessions(database: str, tenants: Tenants) -> None:
    login = grant_sql(database, tenants[0].name, actor="test")
    conninfo = make_conninfo(database, user=login.login, password=login.password)
    with psycopg.connect(conninfo, autocommit=True) as session:
        assert revoke_sql(database, tenants[0].name, actor="test")

        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(conninfo)
    assert not revoke_sql(database, tenants[0].name, actor="test")


def test_a_role_of_that_name_that_is_not_ours_is_left_alone(
    database: str, tenants: Tenants
) -> None:
    login = login_name(tenants[0].name)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {login}")
        try:
            with pytest.raises(TenantError, match=f"DROP ROLE {login}"):
                grant_sql(database, tenants[0].name, actor="test")
        finally:
            connection.execute(f"DROP ROLE {login}")


def test_a_failed_grant_leaves_no_login(
    database: str, tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "token_urlsafe", lambda count: "x" * count)
    monkeypatch.setattr("seamwatch.backend.storage.tenants._audit", _refuse)

    with pytest.raises(RuntimeError, match="no audit"):
        grant_sql(database, tenants[0].name, actor="test")

    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT to_regrole(%s)", (login_name(tenants[0].name),)).fetchone()
    assert row == (None,)


def _refuse(*args: object) -> None:
    raise RuntimeError("no audit, no act")
