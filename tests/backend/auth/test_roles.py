"""The roles and what an access with them may do."""

from __future__ import annotations

import itertools

import pytest

from seamwatch.backend.auth import (
    READ_ROLES,
    Access,
    ForbiddenError,
    Role,
    parse_roles,
)


def access(*roles: Role) -> Access:
    return Access(token_id="A" * 12, tenant_id=1, tenant_name="default", roles=frozenset(roles))


def test_catalogue_of_roles_is_the_documented_one() -> None:
    assert [role.value for role in Role] == [
        "ingest",
        "control",
        "viewer",
        "operator",
        "admin",
        "privacy",
        "auditor",
        "integration",
    ]


@pytest.mark.parametrize(("held", "needed"), list(itertools.product(Role, Role)))
def test_no_role_includes_another(held: Role, needed: Role) -> None:
    is_allowed = access(held).has_any(needed)

    assert is_allowed is (held is needed)


def test_one_of_several_roles_is_enough() -> None:
    access(Role.VIEWER).require(Role.ADMIN, Role.VIEWER)


def test_refusal_names_the_roles_that_would_do() -> None:
    with pytest.raises(ForbiddenError, match="role admin or operator"):
        access(Role.INGEST).require(Role.OPERATOR, Role.ADMIN)


def test_no_needed_role_lets_nobody_in() -> None:
    with pytest.raises(ForbiddenError):
        access(*Role).require()


def test_writing_and_auditing_do_not_read_telemetry() -> None:
    assert READ_ROLES.isdisjoint({Role.INGEST, Role.CONTROL, Role.AUDITOR, Role.PRIVACY})


def test_roles_are_read_as_a_user_writes_them() -> None:
    assert parse_roles([" Ingest", "control"]) == {Role.INGEST, Role.CONTROL}


@pytest.mark.parametrize("names", [[], ["root"], ["ingest", ""]])
def test_unknown_or_missing_role_names_the_known_ones(names: list[str]) -> None:
    with pytest.raises(ValueError, match="ingest, control, viewer"):
        parse_roles(names)
