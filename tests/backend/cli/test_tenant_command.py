"""``seamwatch tenant``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from seamwatch.backend.storage.tenants import revoke_sql

Seamwatch = Callable[..., Any]


@pytest.fixture
def granted(seamwatch: Seamwatch, database: str) -> Iterator[Any]:
    """A tenant with an SQL login; the login belongs to the whole server and must go."""
    seamwatch("tenant", "create", "cli-grants")
    yield seamwatch("tenant", "grant-sql", "cli-grants", "--json")
    revoke_sql(database, "cli-grants", actor="test")


def test_made_tenant_is_listed_and_takes_tokens(seamwatch: Seamwatch) -> None:
    made = seamwatch("tenant", "create", "acme", "--json")
    token = seamwatch("token", "create", "--role", "ingest", "--tenant", "acme", "--json")
    listed, table = seamwatch("tenant", "list", "--json"), seamwatch("tenant", "list")

    assert (made.code, made.json["name"]) == (0, "acme")
    assert token.json["tenant"] == "acme"
    assert [tenant["name"] for tenant in listed.json] == ["default", "acme"]
    assert table.out.splitlines()[0].split()[:2] == ["NAME", "CREATED"]


@pytest.mark.parametrize("name", ["default", "Acme", "-x", "a" * 64, ""])
def test_name_that_is_taken_or_malformed_is_refused_in_one_line(
    seamwatch: Seamwatch, name: str
) -> None:
    done = seamwatch("tenant", "create", "--", name)

    assert done.code == 1
    assert done.err.startswith("seamwatch: tenant")
    assert done.err.count("\n") == 1


def test_granted_login_reads_its_tenant_only(granted: Any) -> None:
    with psycopg.connect(granted.json["conninfo"]) as connection:
        row = connection.execute(
            "SELECT session_user, seamwatch.current_tenant() IS NOT NULL"
        ).fetchone()

    assert row == (granted.json["login"], True)


def test_granted_login_s_conninfo_holds_nothing_of_the_privileged_login(
    granted: Any, database: str
) -> None:
    privileged, own = conninfo_to_dict(database), conninfo_to_dict(granted.json["conninfo"])

    assert own["user"] != privileged["user"]
    assert own["password"] != privileged.get("password")
    assert "options" not in own


def test_grant_to_a_tenant_that_does_not_exist_is_refused(seamwatch: Seamwatch) -> None:
    done = seamwatch("tenant", "grant-sql", "nobody")

    assert (done.code, done.out) == (1, "")
    assert "nobody" in done.err
