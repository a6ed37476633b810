"""Refuses requests whose Host header names another server (DNS rebinding)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from seamwatch.backend.api.problem import ProblemError
from seamwatch.backend.api.problem_response import problem_response

__all__ = ["HostAllowList"]

# Probes of an orchestrator come by address; these answers hold nothing to steal.
_ANY_HOST_PATHS = frozenset({"/healthz", "/readyz"})


class HostAllowList:
    """ASGI layer: passes loopback names and addresses, and `allowed_hosts`, whatever the port."""

    def __init__(self, app: ASGIApp, *, allowed_hosts: Iterable[str]) -> None:
        self._app = app
        self._allowed = {host.lower().rstrip(".") for host in allowed_hosts} | {"localhost"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in _ANY_HOST_PATHS:
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            if len(hosts) != 1 or not self._is_allowed(hosts[0].decode("latin-1")):
                shown = hosts[0].decode("latin-1")[:200] if hosts else ""
                refusal = ProblemError(
                    421,
                    "Host not allowed",
                    detail=f"Host: {shown!r} is not a name of this server",
                    remedy="add the name to SEAMWATCH_ADMIN_ALLOWED_HOSTS, or use 127.0.0.1",
                )
                await problem_response(refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_allowed(self, host: str) -> bool:
        """Whether a Host header, with or without a port, names this server."""
        if host.startswith("["):
            name, _, rest = host[1:].partition("]")
            if rest and not (rest.startswith(":") and rest[1:].isdigit()):
                return False
        else:
            name, colon, port = host.partition(":")
            if colon and not port.isdigit():
                return False
        name = name.lower().rstrip(".")
        if name in self._allowed:
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False
