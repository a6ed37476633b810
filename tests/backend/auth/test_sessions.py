"""Browser sessions against a real database."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psycopg
import pytest

from seamwatch.backend.auth import (
    Access,
    ForbiddenError,
    LockedOutError,
    NewToken,
    Role,
    UnauthenticatedError,
    revoke_token,
)
from seamwatch.backend.auth.sessions import SessionStore
from seamwatch.backend.auth.sign_in_links import create_sign_in_link
from seamwatch.core import RejectedError, UnavailableError

Result = TypeVar("Result")
MakeToken = Callable[..., NewToken]
Run = Callable[[Callable[[SessionStore], Awaitable[Any]]], Any]


@pytest.fixture
def run(database: str, clock: Any) -> Run:
    """Runs a coroutine of a store that is open meanwhile."""

    def call(act: Callable[[SessionStore], Awaitable[Result]]) -> Result:
        async def main() -> Result:
            async with SessionStore(database, clock=clock) as store:
                return await act(store)

        return asyncio.run(main())

    return call


def access_of(token: NewToken, *roles: Role) -> Access:
    return Access(
        token_id=token.token_id,
        tenant_id=1,
        tenant_name="default",
        roles=frozenset(roles or token.roles),
        expires_at=token.expires_at,
    )


def test_session_stands_for_its_token(run: Run, make_token: MakeToken) -> None:
    token = make_token(Role.VIEWER, Role.OPERATOR)

    async def act(store: SessionStore) -> Any:
        session = await store.begin(access_of(token))
        return await store.find(session.cookie)

    found = run(act)

    assert found.access == access_of(token)


def test_only_the_digest_of_the_cookie_is_stored(
    run: Run, make_token: MakeToken, database: str
) -> None:
    token = make_token(Role.VIEWER)

    session = run(lambda store: store.begin(access_of(token)))

    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT session_hash FROM seamwatch.browser_session").fetchone()
    assert row == (hashlib.sha256(session.cookie.encode()).digest(),)
    assert session.cookie not in repr(session)


def test_sign_in_gives_a_new_cookie_and_ends_the_session_before_it(
    run: Run, make_token: MakeToken
) -> None:
    token = make_token(Role.VIEWER)

    async def act(store: SessionStore) -> Any:
        first = await store.begin(access_of(token))
        second = await store.begin(access_of(token), previous_cookie=first.cookie)
        return first, second, await store.find(first.cookie), await store.find(second.cookie)

    first, second, found_first, found_second = run(act)

    assert first.cookie != second.cookie
    assert first.csrf_token != second.csrf_token
    assert found_first is None
    assert found_second is not None


def test_token_that_signs_in_without_end_leaves_few_sessions_and_entries(
    run: Run, make_token: MakeToken, database: str, clock: Any
) -> None:
    token, other = make_token(Role.VIEWER), make_token(Role.VIEWER)

    async def act(store: SessionStore) -> LockedOutError:
        for _ in range(30):
            await store.begin(access_of(token))
        with pytest.raises(LockedOutError) as refused:
            await store.begin(access_of(token))
        await store.begin(access_of(other))
        clock.advance(2.0)
        await store.begin(access_of(token))
        return refused.value

    error = run(act)

    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM seamwatch.browser_session),"
            " (SELECT count(*) FROM seamwatch.audit_entry WHERE action = 'sign_in')"
        ).fetchone()
    assert row == (32, 32)
    assert error.retry_after_s == pytest.approx(2.0)


def test_session_ends_after_thirty_idle_minutes_and_each_request_counts(
    run: Run, make_token: MakeToken, clock: Any
) -> None:
    token = make_token(Role.VIEWER)

    async def act(store: SessionStore) -> list[bool]:
        session = await store.begin(access_of(token))
        lives = []
        for minutes in (29, 29, 30):
            clock.advance(minutes * 60)
            lives.append(await store.find(session.cookie) is not None)
        return lives

    assert run(act) == [True, True, False]


def test_session_ends_after_twelve_hours_in_any_case(
    run: Run, make_token: MakeToken, clock: Any
) -> None:
    token = make_token(Role.VIEWER)

    async def act(store: SessionStore) -> tuple[bool, bool]:
        session = await store.begin(access_of(token))
        for _ in range(47):
            clock.advance(900)
            assert await store.find(session.cookie) is not None
        clock.advance(899)
        before = await store.find(session.cookie) is not None
        clock.advance(1)
        return before, await store.find(session.cookie) is not None

    assert run(act) == (True, False)


def test_session_ends_with_its_token(
    run: Run, make_token: MakeToken, database: str, clock: Any
) -> None:
    revoked, expiring = make_token(Role.VIEWER), make_token(Role.VIEWER, expires_at=clock.after(60))

    async def act(store: SessionStore) -> list[bool]:
        sessions = [await store.begin(access_of(token)) for token in (revoked, expiring)]
        await asyncio.to_thread(revoke_token, database, revoked.token_id, actor="test")
        lives = [await store.find(session.cookie) is not None for session in sessions]
        clock.advance(60.001)
        return [*lives, await store.find(sessions[1].cookie) is not None]

    assert run(act) == [False, True, False]


def test_signed_out_session_is_over_and_cannot_be_ended_twice(
    run: Run, make_token: MakeToken
) -> None:
    token = make_token(Role.VIEWER)

    async def act(store: SessionStore) -> tuple[bool, bool, bool]:
        session = await store.begin(access_of(token))
        ended = await store.end(session.cookie)
        return ended, await store.find(session.cookie) is None, await store.end(session.cookie)

    assert run(act) == (True, True, False)


def test_sign_in_and_sign_out_stand_in_the_audit_log(
    run: Run, make_token: MakeToken, database: str
) -> None:
    token = make_token(Role.VIEWER)

    async def act(store: SessionStore) -> None:
        session = await store.begin(access_of(token), how="link")
        await store.end(session.cookie)

    run(act)

    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT actor, action, detail FROM seamwatch.audit_entry WHERE action LIKE 'sign%' ORDER BY audit_id"
        ).fetchall()
    assert rows == [(token.token_id, "sign_in", {"how": "link"}), (token.token_id, "sign_out", {})]


@pytest.mark.parametrize("role", [Role.INGEST, Role.CONTROL])
def test_token_of_a_machine_cannot_sign_in(run: Run, make_token: MakeToken, role: Role) -> None:
    token = make_token(role)

    with pytest.raises(ForbiddenError):
        run(lambda store: store.begin(access_of(token)))


@pytest.mark.parametrize("cookie", ["", "x", "\udc80", "a" * 10_000, "' OR 1=1 --"])
def test_made_up_cookie_is_no_session(run: Run, cookie: str) -> None:
    assert run(lambda store: store.find(cookie)) is None


def test_sessions_that_are_over_are_removed_at_the_next_sign_in(
    run: Run, make_token: MakeToken, database: str, clock: Any
) -> None:
    token = make_token(Role.VIEWER)

    async def act(store: SessionStore) -> None:
        for _ in range(3):
            await store.begin(access_of(token))
        clock.advance(1800)
        await store.begin(access_of(token))

    run(act)

    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM seamwatch.browser_session").fetchone() == (
            1,
        )


def test_link_signs_in_once(run: Run, make_token: MakeToken, database: str, clock: Any) -> None:
    token = make_token(Role.ADMIN)
    link = create_sign_in_link(database, token.token_id, actor="test", clock=clock)

    assert run(lambda store: store.redeem_link(link.code)) == access_of(token)
    with pytest.raises(UnauthenticatedError):
        run(lambda store: store.redeem_link(link.code))


def test_of_many_requests_with_one_link_one_gets_in(
    run: Run, make_token: MakeToken, database: str, clock: Any
) -> None:
    link = create_sign_in_link(database, make_token(Role.ADMIN).token_id, actor="test", clock=clock)

    async def act(store: SessionStore) -> list[Any]:
        tries = (store.redeem_link(link.code) for _ in range(16))
        return await asyncio.gather(*tries, return_exceptions=True)

    answers = run(act)

    assert sum(isinstance(answer, Access) for answer in answers) == 1
    assert sum(isinstance(answer, UnauthenticatedError) for answer in answers) == 15


def test_link_is_over_after_its_time(
    run: Run, make_token: MakeToken, database: str, clock: Any
) -> None:
    link = create_sign_in_link(
        database, make_token(Role.ADMIN).token_id, actor="test", ttl_s=300, clock=clock
    )

    clock.advance(300)

    with pytest.raises(UnauthenticatedError):
        run(lambda store: store.redeem_link(link.code))


def test_link_of_a_token_revoked_meanwhile_is_refused(
    run: Run, make_token: MakeToken, database: str, clock: Any
) -> None:
    token = make_token(Role.ADMIN)
    link = create_sign_in_link(database, token.token_id, actor="test", clock=clock)
    revoke_token(database, token.token_id, actor="test")

    with pytest.raises(UnauthenticatedError):
        run(lambda store: store.redeem_link(link.code))
    with pytest.raises(RejectedError):
        create_sign_in_link(database, token.token_id, actor="test", clock=clock)


@pytest.mark.parametrize("ttl_s", [0, -1, 601])
def test_link_lives_for_ten_minutes_at_most(database: str, ttl_s: float) -> None:
    with pytest.raises(ValueError, match="ttl_s"):
        create_sign_in_link(database, "A" * 12, actor="test", ttl_s=ttl_s)


def test_only_the_digest_of_a_link_is_stored_and_its_repr_leaves_the_code_out(
    make_token: MakeToken, database: str, clock: Any
) -> None:
    link = create_sign_in_link(database, make_token(Role.ADMIN).token_id, actor="test", clock=clock)

    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT link_hash FROM seamwatch.sign_in_link").fetchone()

    assert row == (hashlib.sha256(link.code.encode()).digest(),)
    assert link.code not in repr(link)


def test_database_that_is_away_is_unavailable_and_not_signed_out(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seamwatch.backend.auth.sessions._WAIT_FOR_CONNECTION_S", 0.1)

    async def act() -> None:
        async with SessionStore("host=/nonexistent-socket-folder user=x", clock=clock) as store:
            with pytest.raises(UnavailableError):
                await store.find("cookie")

    asyncio.run(act())
