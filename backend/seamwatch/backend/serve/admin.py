"""The admin listener: API and pages over the tenant-bound database."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

from seamwatch.backend.api.app import api_modules, create_app
from seamwatch.backend.api.credentials import StoredCredentials, StoredTenants
from seamwatch.backend.api.cursor import CursorSigner
from seamwatch.backend.api.services import Services
from seamwatch.backend.auth import Authenticator
from seamwatch.backend.auth.sessions import SessionStore
from seamwatch.backend.receiver.http_server import HttpServer
from seamwatch.backend.serve.config import ServerConfig
from seamwatch.backend.storage.access import TenantDatabase
from seamwatch.backend.telemetry import CONTENT_TYPE, MetricRegistry
from seamwatch.backend.ui import page_modules, problem_page

__all__ = ["AdminListener"]

_KEY_BYTES = 32


class AdminListener:
    """Makes the admin application and what it needs; `open` and `close` belong to its event loop."""

    def __init__(
        self,
        config: ServerConfig,
        *,
        conninfo: str,
        authenticator: Authenticator,
        metrics: MetricRegistry,
        is_storing: Callable[[], bool],
    ) -> None:
        self._config = config
        self._conninfo = conninfo
        self._metrics = metrics
        self._is_storing = is_storing
        self._database = TenantDatabase(conninfo)
        self._sessions = SessionStore(conninfo, config=config.auth)
        self._authenticator = authenticator

    async def open(self, sock: socket.socket) -> HttpServer:
        """Open the pools and give the server that serves the application on `sock`."""
        await self._database.open()
        await self._sessions.open()
        services = Services(
            config=self._config.admin,
            database=self._database,
            credentials=StoredCredentials(self._authenticator, self._sessions),
            tenants=StoredTenants(self._conninfo),
            cursors=CursorSigner(_key(self._config.postgres.state_dir)),
            readiness=self._readiness,
            render_metrics=lambda: (CONTENT_TYPE, self._metrics.render().encode()),
            metrics=self._metrics,
            extras={SessionStore.__name__: self._sessions},
        )
        app = create_app(
            services, modules=(*api_modules(), *page_modules()), problem_page=problem_page
        )
        return HttpServer(app, sock=sock, drain_s=self._config.serve.drain_s)

    async def close(self) -> None:
        """Close the pools."""
        await self._sessions.close()
        await self._database.close()

    async def _readiness(self) -> dict[str, bool]:
        return {"database": self._is_storing()}


def _key(state_dir: Path) -> bytes:
    """The key of cursors, made once per state folder, so that a cursor outlives a restart."""
    path = state_dir / "cursor.key"
    try:
        key = path.read_bytes()
        if len(key) >= _KEY_BYTES:
            return key
    except FileNotFoundError:
        pass
    key = secrets.token_bytes(_KEY_BYTES)
    state_dir.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
    temporary.replace(path)
    return key
