"""Real tokens, sessions and tenants open the admin API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from seamwatch.backend.api import StoredCredentials, StoredTenants
from seamwatch.backend.auth.authenticator import Authenticator
from seamwatch.backend.auth.roles import Role
from seamwatch.backend.auth.sessions import SessionStore
from seamwatch.backend.auth.tokens import create_token


@pytest.fixture
def signed_api(api: Any, database: str, loop: Any) -> Iterator[Any]:
    sessions = SessionStore(database)
    loop.run(sessions.open())
    with Authenticator(database) as authenticator:
        yield api.with_services(
            credentials=StoredCredentials(authenticator, sessions), tenants=StoredTenants(database)
        )
    loop.run(sessions.close())


def test_stored_token_reads_and_a_forged_one_does_not(signed_api: Any, database: str) -> None:
    token = create_token(database, roles=[Role.VIEWER], actor="test").token

    good = signed_api.get(
        "/api/apm/services", role=None, headers={"Authorization": f"Bearer {token}"}
    )
    forged = signed_api.get(
        "/api/apm/services", role=None, headers={"Authorization": f"Bearer {token[:-1]}~"}
    )

    assert (good.status_code, forged.status_code) == (200, 401)


def test_session_reads_as_its_token(signed_api: Any, database: str, loop: Any) -> None:
    token = create_token(database, roles=[Role.VIEWER], actor="test").token
    with Authenticator(database) as authenticator:
        access = authenticator.authenticate(f"Bearer {token}", peer="127.0.0.1")
    sessions = signed_api.services.credentials._sessions
    session = loop.run(sessions.begin(access))

    headers = {"Cookie": f"__Host-seamwatch={session.cookie}"}
    before = signed_api.get("/api/apm/services", role=None, headers=headers).status_code
    loop.run(sessions.end(session.cookie))
    after = signed_api.get("/api/apm/services", role=None, headers=headers).status_code

    assert (before, after) == (200, 401)


def test_admin_names_a_stored_tenant(signed_api: Any, database: str) -> None:
    token = create_token(database, roles=[Role.ADMIN], actor="test").token
    headers = {"Authorization": f"Bearer {token}"}

    statuses = [
        signed_api.get(f"/api/apm/services?tenant={name}", role=None, headers=headers).status_code
        for name in ("other", "nobodys", "other")
    ]

    assert statuses == [200, 404, 200]
