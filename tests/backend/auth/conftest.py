"""A clock that only moves when told, and tokens of a fresh database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from seamwatch.backend.auth.authenticator import Authenticator
from seamwatch.backend.auth.roles import Role
from seamwatch.backend.auth.tokens import NewToken, create_token


class FakeClock:
    """Wall time starts at the real now, so that the database's own defaults agree with it."""

    def __init__(self) -> None:
        self._start_ns = int(datetime.now(UTC).timestamp() * 1e9)
        self._elapsed_s = 0.0

    def advance(self, seconds: float) -> None:
        self._elapsed_s += seconds

    def time_ns(self) -> int:
        return self._start_ns + int(self._elapsed_s * 1e9)

    def monotonic(self) -> float:
        return 1000.0 + self._elapsed_s

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time_ns() / 1e9, UTC)

    def after(self, seconds: float) -> datetime:
        return self.now() + timedelta(seconds=seconds)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def make_token(database: str) -> Callable[..., NewToken]:
    def make(*roles: Role, expires_at: datetime | None = None, label: str = "") -> NewToken:
        return create_token(
            database,
            roles=roles or (Role.INGEST,),
            expires_at=expires_at,
            label=label,
            actor="test",
        )

    return make


@pytest.fixture
def authenticator(database: str, clock: FakeClock) -> Iterator[Authenticator]:
    with Authenticator(database, clock=clock) as made:
        yield made
