"""Accepting and refusing credentials against a real database."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from seamwatch.backend.auth import LockedOutError, Role, UnauthenticatedError
from seamwatch.backend.auth.authenticator import Authenticator
from seamwatch.backend.auth.config import AuthConfig, IngestAuthMode
from seamwatch.backend.auth.token_format import ParsedToken, new_token
from seamwatch.backend.auth.tokens import NewToken, revoke_token
from seamwatch.core import UnavailableError

PEER = "192.0.2.7:4000"
UNREACHABLE = "host=/nonexistent-socket-folder user=nobody dbname=none"

MakeToken = Callable[..., NewToken]


def bearer(token: str) -> str:
    return f"Bearer {token}"


def test_right_token_gives_its_tenant_and_roles(
    authenticator: Authenticator, make_token: MakeToken
) -> None:
    token = make_token(Role.INGEST, Role.CONTROL)

    access = authenticator.authenticate(bearer(token.token), peer=PEER)

    assert (access.token_id, access.tenant_name, access.roles) == (
        token.token_id,
        "default",
        frozenset({Role.INGEST, Role.CONTROL}),
    )


def test_revocation_bites_within_two_seconds(
    authenticator: Authenticator, make_token: MakeToken, database: str, clock: Any
) -> None:
    token = make_token()
    authenticator.authenticate(bearer(token.token), peer=PEER)
    revoke_token(database, token.token_id, actor="test")

    clock.advance(1.9)
    authenticator.authenticate(bearer(token.token), peer=PEER)
    clock.advance(0.1)

    with pytest.raises(UnauthenticatedError):
        authenticator.authenticate(bearer(token.token), peer=PEER)


def test_token_is_refused_from_the_moment_it_expires_even_out_of_the_cache(
    authenticator: Authenticator, make_token: MakeToken, clock: Any
) -> None:
    token = make_token(expires_at=clock.after(1.0))
    authenticator.authenticate(bearer(token.token), peer=PEER)

    clock.advance(1.001)

    with pytest.raises(UnauthenticatedError):
        authenticator.authenticate(bearer(token.token), peer=PEER)


def test_unknown_wrong_expired_and_revoked_tokens_are_refused_with_the_same_words(
    authenticator: Authenticator, make_token: MakeToken, database: str, clock: Any
) -> None:
    expired, revoked = make_token(expires_at=clock.after(1.0)), make_token()
    unknown = new_token().text
    wrong = forged_for(make_token().token_id)
    revoke_token(database, revoked.token_id, actor="test")
    clock.advance(2.0)

    answers = set()
    for token in (unknown, wrong, expired.token, revoked.token, "swk_short"):
        with pytest.raises(UnauthenticatedError) as refusal:
            authenticator.authenticate(bearer(token), peer=PEER)
        answers.add(str(refusal.value))

    assert len(answers) == 1


def test_eleventh_refused_token_within_a_minute_is_locked_out_and_one_try_returns_after_six_seconds(
    authenticator: Authenticator, clock: Any
) -> None:
    for _ in range(10):
        with pytest.raises(UnauthenticatedError):
            authenticator.authenticate(bearer(new_token().text), peer=PEER)

    with pytest.raises(LockedOutError) as locked:
        authenticator.authenticate(bearer(new_token().text), peer=PEER)
    clock.advance(6.0)
    with pytest.raises(UnauthenticatedError):
        authenticator.authenticate(bearer(new_token().text), peer=PEER)

    assert locked.value.retry_after_s == pytest.approx(6.0)


def test_guesses_at_one_token_id_from_many_addresses_are_locked_out(
    authenticator: Authenticator, make_token: MakeToken
) -> None:
    token_id = make_token().token_id
    for number in range(10):
        with pytest.raises(UnauthenticatedError):
            authenticator.authenticate(bearer(forged_for(token_id)), peer=f"192.0.2.{number}")

    with pytest.raises(LockedOutError):
        authenticator.authenticate(bearer(forged_for(token_id)), peer="192.0.2.9")


def test_guesses_at_a_token_id_do_not_keep_its_owner_on_another_address_out(
    authenticator: Authenticator, make_token: MakeToken
) -> None:
    token = make_token()
    for number in range(30):
        with pytest.raises(UnauthenticatedError):
            authenticator.authenticate(
                bearer(forged_for(token.token_id)), peer=f"203.0.113.{number}"
            )

    assert authenticator.authenticate(bearer(token.token), peer=PEER).token_id == token.token_id


def test_other_ports_of_a_locked_address_are_locked_and_other_addresses_are_not(
    authenticator: Authenticator,
) -> None:
    for _ in range(10):
        with pytest.raises(UnauthenticatedError):
            authenticator.authenticate("Bearer x", peer="ipv4:192.0.2.1:1000")

    with pytest.raises(LockedOutError):
        authenticator.authenticate("Bearer x", peer="192.0.2.1:2000")
    with pytest.raises(UnauthenticatedError):
        authenticator.authenticate("Bearer x", peer="192.0.2.2:1000")


def test_token_in_use_is_not_locked_out_by_a_neighbour_on_its_address(
    authenticator: Authenticator, make_token: MakeToken, clock: Any
) -> None:
    token = make_token()
    authenticator.authenticate(bearer(token.token), peer=PEER)
    for _ in range(10):
        with pytest.raises(UnauthenticatedError):
            authenticator.authenticate(bearer(new_token().text), peer=PEER)
    clock.advance(5.0)

    assert authenticator.authenticate(bearer(token.token), peer=PEER).token_id == token.token_id


def test_database_that_is_away_is_never_an_unauthenticated_answer(clock: Any) -> None:
    with Authenticator(UNREACHABLE, clock=clock) as authenticator:
        for _ in range(2):
            with pytest.raises(UnavailableError) as refusal:
                authenticator.authenticate(bearer(new_token().text), peer=PEER)

    assert refusal.value.retry_after_s == 1.0
    assert not isinstance(refusal.value, LockedOutError)


def test_token_read_within_thirty_seconds_passes_while_the_database_is_away_and_not_longer(
    authenticator: Authenticator, make_token: MakeToken, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = make_token()
    authenticator.authenticate(bearer(token.token), peer=PEER)
    authenticator._reader.close()
    monkeypatch.setattr(authenticator._reader, "_conninfo", UNREACHABLE)

    clock.advance(29.0)
    served = authenticator.authenticate(bearer(token.token), peer=PEER)
    clock.advance(1.0)

    assert served.token_id == token.token_id
    with pytest.raises(UnavailableError):
        authenticator.authenticate(bearer(token.token), peer=PEER)


def test_connection_that_the_server_ended_is_replaced_within_the_same_call(
    authenticator: Authenticator, make_token: MakeToken, database: str, clock: Any
) -> None:
    token = make_token()
    authenticator.authenticate(bearer(token.token), peer=PEER)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'seamwatch-auth' AND datname = current_database()"
        )
    clock.advance(3.0)

    authenticator.authenticate(bearer(token.token), peer=PEER)

    assert (authenticator.counts.looked_up, authenticator.counts.stale) == (2, 0)


def test_database_that_hangs_holds_up_one_caller_and_the_others_get_an_answer(
    authenticator: Authenticator, make_token: MakeToken, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seamwatch.backend.auth.authenticator._DATABASE_WAIT_S", 0.05)
    known, unknown = make_token(), make_token()
    authenticator.authenticate(bearer(known.token), peer=PEER)
    clock.advance(3.0)
    is_asked, may_answer = threading.Event(), threading.Event()
    find = authenticator._reader.find

    def hang(token: ParsedToken) -> Any:
        is_asked.set()
        assert may_answer.wait(30)
        return find(token)

    monkeypatch.setattr(authenticator._reader, "find", hang)
    with ThreadPoolExecutor(1) as pool:
        held_up = pool.submit(authenticator.authenticate, bearer(unknown.token), peer=PEER)
        assert is_asked.wait(30)

        stale = authenticator.authenticate(bearer(known.token), peer=PEER)
        with pytest.raises(UnavailableError):
            authenticator.authenticate(bearer(make_token().token), peer=PEER)
        may_answer.set()

        assert stale.token_id == known.token_id
        assert held_up.result().token_id == unknown.token_id


def test_thirty_two_threads_share_one_look_up(
    authenticator: Authenticator, make_token: MakeToken
) -> None:
    token = make_token()

    with ThreadPoolExecutor(32) as pool:
        found = list(
            pool.map(
                lambda _: authenticator.authenticate(bearer(token.token), peer=PEER), range(640)
            )
        )

    assert {access.token_id for access in found} == {token.token_id}
    assert authenticator.counts.looked_up == 1


def test_thirty_two_threads_with_their_own_tokens_get_their_own_access(
    authenticator: Authenticator, make_token: MakeToken, clock: Any
) -> None:
    tokens = [make_token() for _ in range(32)]

    def use(token: NewToken) -> bool:
        return all(
            authenticator.authenticate(bearer(token.token), peer=PEER).token_id == token.token_id
            for _ in range(50)
        )

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(use, tokens))

    assert answers == [True] * 32


def test_cached_answer_is_given_without_blocking_and_none_before_the_first_look_up(
    authenticator: Authenticator, make_token: MakeToken
) -> None:
    token = make_token()

    before = authenticator.authenticate_cached(bearer(token.token), peer=PEER)
    access = authenticator.authenticate(bearer(token.token), peer=PEER)

    assert before is None
    assert authenticator.authenticate_cached(bearer(token.token), peer=PEER) == access


def test_last_use_is_stored_beside_the_requests(
    authenticator: Authenticator, make_token: MakeToken, database: str
) -> None:
    token = make_token()
    authenticator.authenticate(bearer(token.token), peer=PEER)
    before = last_used_at(database, token.token_id)

    authenticator.flush_last_used()

    assert before is None
    assert last_used_at(database, token.token_id) is not None


def test_open_mode_lets_this_machine_write_to_the_default_tenant_only(database: str) -> None:
    with Authenticator(database, mode=IngestAuthMode.OPEN) as authenticator:
        access = authenticator.authenticate(None, peer="ipv6:%5B::1%5D:4000")

        assert (access.tenant_name, access.roles) == ("default", frozenset({Role.INGEST}))
        assert authenticator.authenticate_cached(None, peer="127.0.0.1") == access
        assert authenticator.authenticate_cached(None, peer=PEER) is None
        with pytest.raises(UnauthenticatedError):
            authenticator.authenticate(None, peer=PEER)


def test_open_mode_refuses_a_wrong_token_and_a_proxied_request_of_this_machine(
    database: str,
) -> None:
    with Authenticator(database, mode=IngestAuthMode.OPEN) as authenticator:
        for header in ("", bearer(new_token().text)):
            with pytest.raises(UnauthenticatedError):
                authenticator.authenticate(header, peer="127.0.0.1:4000")
        with pytest.raises(UnauthenticatedError):
            authenticator.authenticate(None, peer="127.0.0.1:4000", is_forwarded=True)


def test_missing_header_is_refused_where_a_token_is_required(authenticator: Authenticator) -> None:
    with pytest.raises(UnauthenticatedError):
        authenticator.authenticate(None, peer="127.0.0.1:4000")


def test_header_given_twice_is_refused_though_both_are_right(
    authenticator: Authenticator, make_token: MakeToken
) -> None:
    header = bearer(make_token().token)

    with pytest.raises(UnauthenticatedError):
        authenticator.authenticate([header, header], peer=PEER)


def test_no_secret_stands_in_a_log_an_error_or_a_repr(
    authenticator: Authenticator,
    make_token: MakeToken,
    database: str,
    clock: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    token = make_token()
    access = authenticator.authenticate(bearer(token.token), peer=PEER)
    revoke_token(database, token.token_id, actor="test")
    clock.advance(3.0)
    with pytest.raises(UnauthenticatedError) as refusal:
        authenticator.authenticate(bearer(token.token), peer=PEER)
    secret = token.token.rpartition("_")[2][:20]

    written = "".join(
        (caplog.text, repr(refusal.value), repr(access), repr(token), repr(vars(authenticator)))
    )

    assert secret not in written


def test_remembered_tokens_stay_within_their_bound(
    database: str, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seamwatch.backend.auth.authenticator._MAX_REFUSED", 20)
    config = AuthConfig(lockout_failures=1000)
    with Authenticator(database, config=config, clock=clock) as authenticator:
        for _ in range(60):
            with pytest.raises(UnauthenticatedError):
                authenticator.authenticate(bearer(new_token().text), peer=PEER)

        assert len(authenticator._refused) == 20


def forged_for(token_id: str) -> str:
    """A token with a right id, a right checksum and a made-up secret."""
    from seamwatch.backend.auth.token_format import _checksum

    secret = new_token().secret
    return f"swk_{token_id}_{secret}{_checksum(token_id, secret)}"


def last_used_at(database: str, token_id: str) -> object:
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT last_used_at FROM seamwatch.access_token WHERE token_id = %s", [token_id]
        ).fetchone()
    assert row is not None
    return row[0]
