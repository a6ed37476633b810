"""Runs an ASGI application on a socket that is already bound, in a given event loop, with bounded start and stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import uvicorn

from seamwatch.backend.receiver.http_protocol import (
    ConnectionLimits,
    CountClosed,
    limited_protocol,
)

__all__ = ["HttpServer"]

_LAST_WORDS_S = 1.0


class HttpServer:
    """One HTTP listener without signal handlers, logs of its own or headers that name it.

    Args:
        app: An ASGI 3 application.
        sock: Bound; the server listens on it and closes it.
        limits: What one connection may take.
        drain_s: How long requests in flight may finish after `request_stop`; then they are cancelled.
        ssl_context: Serve TLS with it. Reloading its certificate chain is enough to renew certificates.
        count_closed: Called with the reason of each connection that a limit closed.
    """

    def __init__(
        self,
        app: Any,
        *,
        sock: socket.socket,
        limits: ConnectionLimits | None = None,
        drain_s: float = 10.0,
        ssl_context: ssl.SSLContext | None = None,
        count_closed: CountClosed | None = None,
    ) -> None:
        config = uvicorn.Config(
            app,
            http=limited_protocol(limits or ConnectionLimits(), count_closed),
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=2048,
            timeout_graceful_shutdown=max(1, round(drain_s)),
        )
        config.load()
        config.ssl = ssl_context
        self._server = _QuietServer(config)
        self._sock = sock

    @property
    def is_started(self) -> bool:
        """Whether connections are accepted, or were."""
        return self._server.started

    async def serve(self) -> None:
        """Accept connections until `request_stop`, then drain; returns when the last connection is closed."""
        try:
            await self._server.serve(sockets=[self._sock])
        finally:
            state = self._server.server_state
            if state.tasks:  # cancelled when the drain's bound passed; each still answers 503
                await asyncio.wait(list(state.tasks), timeout=_LAST_WORDS_S)
            for connection in list(state.connections):
                connection.transport.abort()

    def request_stop(self) -> None:
        """Ask `serve` to drain and return; safe from any thread, returns at once."""
        self._server.should_exit = True


class _QuietServer(uvicorn.Server):
    """uvicorn's server without its signal handlers: the process has one place that handles them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
