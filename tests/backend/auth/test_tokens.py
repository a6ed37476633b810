"""Making, listing and revoking tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from seamwatch.backend.auth import (
    Authenticator,
    NewToken,
    Role,
    create_token,
    list_tokens,
    revoke_token,
)
from seamwatch.backend.auth.token_format import parse_token
from seamwatch.core import RejectedError, UnavailableError

MakeToken = Callable[..., NewToken]


def test_only_the_digest_of_the_secret_is_stored(database: str, make_token: MakeToken) -> None:
    made = make_token()
    secret = made.token[17:60]

    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT t::text, secret_hash FROM seamwatch.access_token t"
        ).fetchone()

    assert row is not None
    assert secret not in row[0]
    assert row[1] == hashlib.sha256(secret.encode()).digest()


def test_new_token_is_listed_with_its_tenant_roles_label_and_expiry(database: str) -> None:
    expires_at = datetime(2099, 1, 1, tzinfo=UTC)
    made = create_token(
        database,
        roles=[Role.VIEWER, Role.INGEST],
        expires_at=expires_at,
        label="checkout",
        actor="cli:alice",
    )

    (listed,) = list_tokens(database)

    assert (listed.token_id, listed.tenant_name, listed.roles, listed.label) == (
        made.token_id,
        "default",
        ("ingest", "viewer"),
        "checkout",
    )
    assert (listed.expires_at, listed.revoked_at, listed.last_used_at) == (expires_at, None, None)


def test_token_of_the_last_hour_of_9999_is_read_in_any_time_zone(database: str) -> None:
    eastern = make_conninfo(database, options="-c timezone=Pacific/Auckland")
    expires_at = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    made = create_token(eastern, roles=[Role.VIEWER], expires_at=expires_at, actor="test")

    with Authenticator(eastern) as authenticator:
        access = authenticator.authenticate(f"Bearer {made.token}", peer="192.0.2.1")

    assert access.expires_at == expires_at
    assert [token.expires_at for token in list_tokens(eastern)] == [expires_at]


def test_list_of_another_tenant_does_not_show_the_token(
    database: str, make_token: MakeToken
) -> None:
    make_token()

    assert list_tokens(database, tenant_name="acme") == []


def test_making_and_revoking_stand_in_the_audit_log_without_the_secret(database: str) -> None:
    made = create_token(database, roles=[Role.ADMIN], actor="cli:alice")
    revoke_token(database, made.token_id, actor="cli:bob")

    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT actor, action, target FROM seamwatch.audit_entry ORDER BY audit_id"
        ).fetchall()
        text = str(
            connection.execute(
                "SELECT string_agg(a::text, '') FROM seamwatch.audit_entry a"
            ).fetchone()
        )

    assert rows == [
        ("cli:alice", "token.create", made.token_id),
        ("cli:bob", "token.revoke", made.token_id),
    ]
    assert made.token[17:] not in text


def test_second_revocation_changes_nothing(database: str, make_token: MakeToken) -> None:
    token_id = make_token().token_id

    answers = [
        revoke_token(database, token_id, actor="a"),
        revoke_token(database, token_id, actor="a"),
    ]

    assert answers == [True, False]


def test_revoking_a_token_that_does_not_exist_is_refused(database: str) -> None:
    with pytest.raises(RejectedError, match="AAAAAAAAAAAA"):
        revoke_token(database, "AAAAAAAAAAAA", actor="a")


def test_tenant_that_does_not_exist_is_refused_with_the_remedy(database: str) -> None:
    with pytest.raises(RejectedError, match="seamwatch tenant create acme"):
        create_token(database, roles=[Role.INGEST], tenant_name="acme", actor="a")


@pytest.mark.parametrize(
    ("roles", "expires_at", "label"),
    [
        ([], None, ""),
        ([Role.INGEST], datetime(2099, 1, 1), ""),
        ([Role.INGEST], None, "x" * 201),
        ([Role.INGEST], None, "two\nlines"),
    ],
)
def test_token_that_cannot_be_described_is_not_made(
    database: str, roles: list[Role], expires_at: datetime | None, label: str
) -> None:
    with pytest.raises(ValueError, match="expected"):
        create_token(database, roles=roles, expires_at=expires_at, label=label, actor="a")

    assert list_tokens(database) == []


def test_database_that_cannot_be_reached_is_unavailable() -> None:
    with pytest.raises(UnavailableError):
        list_tokens("host=/nonexistent-socket-folder user=nobody")


def test_made_token_is_well_formed_and_its_repr_leaves_it_out(make_token: MakeToken) -> None:
    made = make_token()

    assert parse_token(made.token) is not None
    assert made.token[17:] not in repr(made)
