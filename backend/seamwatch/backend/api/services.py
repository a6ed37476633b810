"""What the admin listener is given at start."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from seamwatch.backend.api.config import AdminConfig
from seamwatch.backend.api.cursor import CursorSigner
from seamwatch.backend.api.dashboard_cache import DashboardCache
from seamwatch.backend.telemetry.metrics import MetricRegistry

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from seamwatch.backend.auth.access import Access

__all__ = ["Credentials", "Database", "Services", "TenantDirectory"]


class Database(Protocol):
    """Read-only transactions of one tenant (`storage.access.TenantDatabase`)."""

    def transaction(
        self, tenant_id: int, *, timeout_ms: int
    ) -> AbstractAsyncContextManager[AsyncConnection[Any]]: ...


class Credentials(Protocol):
    """Who a request comes from (`auth.Authenticator` and the sessions, see `credentials.py`)."""

    async def by_authorization(
        self, authorization: Sequence[str], *, peer: str, is_forwarded: bool
    ) -> Access:
        """The access of an Authorization header, all its values; raises the errors of `auth.errors`."""
        ...

    async def by_session(self, cookie: str) -> Access | None:
        """The access of a session cookie; None where the session is unknown or over."""
        ...


class TenantDirectory(Protocol):
    """Tenants by name, for admins."""

    async def find_tenant(self, name: str) -> int | None: ...


async def _ready() -> dict[str, bool]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything a handler may use; made once by the composition root.

    Attributes:
        config: Settings of the listener.
        database: Tenant-bound transactions.
        credentials: Tokens and browser sessions.
        tenants: Names of tenants.
        cursors: Signs cursors with the key of this state.
        readiness: What has to hold before traffic is sent here, by name, and whether it does.
        render_metrics: Content type and body of ``/metrics``.
        metrics: Where requests are counted.
        is_tls: Whether the listener speaks TLS.
        dashboards: The last dashboards, kept for a moment.
        extras: Objects of later parts by their type's name; pages keep their own here.
        clock: Unix seconds.
    """

    config: AdminConfig
    database: Database
    credentials: Credentials
    tenants: TenantDirectory
    cursors: CursorSigner
    readiness: Callable[[], Awaitable[dict[str, bool]]] = _ready
    render_metrics: Callable[[], tuple[str, bytes]] = lambda: ("text/plain", b"")
    metrics: MetricRegistry = field(default_factory=MetricRegistry)
    is_tls: bool = False
    dashboards: DashboardCache = field(default_factory=DashboardCache)
    extras: dict[str, Any] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
