"""Ties the admin listener to the tokens, sessions and tenants of the database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from seamwatch.backend.auth.access import Access
from seamwatch.backend.auth.authenticator import Authenticator
from seamwatch.backend.auth.sessions import SessionStore
from seamwatch.backend.storage.tenants import TenantError, tenant_by_name

__all__ = ["StoredCredentials", "StoredTenants"]

_MAX_NAMES = 1024


class StoredCredentials:
    """`Services.credentials` over the authenticator and the session store of one event loop.

    Args:
        authenticator: In mode REQUIRED: the admin listener lets nobody in without a credential.
        sessions: Opened on the event loop that serves.
    """

    def __init__(self, authenticator: Authenticator, sessions: SessionStore) -> None:
        self._authenticator = authenticator
        self._sessions = sessions

    async def by_authorization(
        self, authorization: Sequence[str], *, peer: str, is_forwarded: bool
    ) -> Access:
        """See `Credentials.by_authorization`; asks the database in a thread, and seldom."""
        access = self._authenticator.authenticate_cached(
            authorization, peer=peer, is_forwarded=is_forwarded
        )
        if access is not None:
            return access
        return await asyncio.to_thread(
            self._authenticator.authenticate, authorization, peer=peer, is_forwarded=is_forwarded
        )

    async def by_session(self, cookie: str) -> Access | None:
        """See `Credentials.by_session`."""
        session = await self._sessions.find(cookie)
        return None if session is None else session.access


class StoredTenants:
    """`Services.tenants`: looks names up once; a tenant keeps its number for ever."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._known: dict[str, int] = {}

    async def find_tenant(self, name: str) -> int | None:
        """The tenant's number; None where there is none of this name."""
        known = self._known.get(name)
        if known is not None:
            return known
        try:
            tenant = await asyncio.to_thread(tenant_by_name, self._conninfo, name)
        except TenantError:
            return None
        if len(self._known) < _MAX_NAMES:
            self._known[name] = tenant.tenant_id
        return tenant.tenant_id
