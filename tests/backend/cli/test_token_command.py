"""``seamwatch token``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from seamwatch.backend.auth.authenticator import Authenticator
from seamwatch.backend.auth.errors import UnauthenticatedError

Seamwatch = Callable[..., Any]


def test_made_token_is_printed_as_json_with_the_documented_keys(seamwatch: Seamwatch) -> None:
    made = seamwatch("token", "create", "--role", "viewer,ingest", "--json").json

    assert sorted(made) == ["expires_at", "id", "roles", "tenant", "token"]
    assert made["token"].startswith(f"swk_{made['id']}_")
    assert (made["tenant"], made["roles"], made["expires_at"]) == (
        "default",
        ["ingest", "viewer"],
        None,
    )


def test_made_token_alone_is_on_standard_output(seamwatch: Seamwatch) -> None:
    done = seamwatch("token", "create", "--role", "ingest")

    assert done.out.count("\n") == 1
    assert done.out.startswith("swk_")
    assert done.out.strip()[17:] not in done.err


def test_made_token_is_accepted_until_it_is_revoked(seamwatch: Seamwatch, database: str) -> None:
    made = seamwatch("token", "create", "--role", "ingest", "--json").json
    header = f"Bearer {made['token']}"
    with Authenticator(database) as authenticator:
        accepted = authenticator.authenticate(header, peer="192.0.2.1")

    revoked = seamwatch("token", "revoke", made["id"], "--json")

    assert accepted.token_id == made["id"]
    assert revoked.json == {"id": made["id"], "revoked": True, "was_active": True}
    with Authenticator(database) as authenticator:
        try:
            authenticator.authenticate(header, peer="192.0.2.1")
        except UnauthenticatedError:
            return
    raise AssertionError("a revoked token was accepted")


def test_expiry_in_days_counts_from_now(seamwatch: Seamwatch) -> None:
    made = seamwatch("token", "create", "--role", "ingest", "--expires", "90d", "--json").json

    expires_at = datetime.fromisoformat(made["expires_at"])
    assert abs(expires_at - datetime.now(UTC) - timedelta(days=90)) < timedelta(minutes=1)


def test_list_shows_tokens_without_their_secrets(seamwatch: Seamwatch) -> None:
    made = seamwatch("token", "create", "--role", "auditor", "--label", "yearly", "--json").json

    listed, table = seamwatch("token", "list", "--json"), seamwatch("token", "list")

    assert [(token["id"], token["roles"], token["label"]) for token in listed.json] == [
        (made["id"], ["auditor"], "yearly")
    ]
    assert made["id"] in table.out
    assert made["token"][17:] not in listed.out + table.out


def test_token_of_a_tenant_that_does_not_exist_is_refused_with_the_remedy(
    seamwatch: Seamwatch,
) -> None:
    done = seamwatch("token", "create", "--role", "ingest", "--tenant", "acme")

    assert (done.code, done.out) == (1, "")
    assert "seamwatch tenant create acme" in done.err


def test_token_pasted_whole_to_revoke_is_not_repeated(seamwatch: Seamwatch) -> None:
    secret = "b" * 49

    done = seamwatch("token", "revoke", f"swk_AAAAAAAAAAAA_{secret}")

    assert done.code == 1
    assert "AAAAAAAAAAAA" in done.err
    assert secret not in done.err


def test_who_made_a_token_is_in_the_audit_log(seamwatch: Seamwatch, database: str) -> None:
    import getpass

    seamwatch("token", "create", "--role", "ingest")

    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT actor, action FROM seamwatch.audit_entry").fetchone()
    assert row == (f"cli:{getpass.getuser()}", "token.create")
