"""One request on its way through a handler: who asks, for which tenant, with which parameters."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from starlette.requests import Request

from seamwatch.backend.api.parameter import Parameter, PrefixParameter
from seamwatch.backend.api.readers.page import Position
from seamwatch.backend.api.registry import RouteRegistry
from seamwatch.backend.api.route import Route
from seamwatch.backend.api.services import Services

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from seamwatch.backend.auth.access import Access

__all__ = ["Call"]

_Value = TypeVar("_Value")


class Call:
    """What a handler gets. Belongs to one task.

    Attributes:
        request: The Starlette request, for headers and forms.
        route: The route that was matched.
        services: See `Services`.
        registry: All routes, for navigation and OpenAPI.
        access: Who asks; None on OPEN and SIGN_IN routes without a valid credential.
        tenant_id: Tenant that is read: the access's own, or the one an admin named by ``?tenant=``.
        tenant_name: Its name.
        database_s: Seconds spent in `transaction` so far, for Server-Timing.
    """

    def __init__(
        self,
        request: Request,
        route: Route,
        services: Services,
        registry: RouteRegistry,
        *,
        access: Access | None,
        tenant_id: int,
        tenant_name: str,
        parameters: Mapping[str, Any],
        prefixed: Mapping[str, Mapping[str, str]],
        session_cookie: str | None = None,
    ) -> None:
        self.request = request
        self.route = route
        self.services = services
        self.registry = registry
        self.access = access
        self.tenant_id = tenant_id
        self.tenant_name = tenant_name
        self.session_cookie = session_cookie
        self.database_s = 0.0
        self._parameters = parameters
        self._prefixed = prefixed

    def value(self, parameter: Parameter[_Value]) -> _Value:
        """The parsed value of a query parameter, its default where it was not given."""
        value: _Value = self._parameters.get(parameter.name, parameter.default)
        return value

    def values(self, parameter: PrefixParameter) -> Mapping[str, str]:
        """Values of a parameter family by the rest of their names."""
        return self._prefixed.get(parameter.prefix, {})

    def path_value(self, name: str) -> str:
        """A path parameter as text."""
        return str(self.request.path_params[name])

    def sign_cursor(self, position: Position | None) -> str | None:
        """The cursor that goes on at `position`, good for this route, tenant and filters only."""
        if position is None:
            return None
        return self.services.cursors.sign(position, binding=self._binding())

    def read_cursor(self, cursor: str | None) -> Position | None:
        """The position a caller's cursor stands for.

        Raises:
            ProblemError: 400 where the cursor is not ours, or from another question.
        """
        if cursor is None:
            return None
        return self.services.cursors.read(cursor, binding=self._binding())

    def _binding(self) -> str:
        """What a cursor is bound to; the page's length may change between pages."""
        filters = sorted(
            (name, value)
            for name, value in self.request.query_params.multi_items()
            if name not in ("cursor", "limit", "tenant")
        )
        return msgspec.json.encode((self.route.path, self.tenant_id, filters)).decode()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection[Any]]:
        """A read-only transaction that sees one tenant, under the request's statement timeout."""
        timeout_ms = round(self.services.config.statement_timeout_s * 1000)
        started = time.perf_counter()
        try:
            async with self.services.database.transaction(
                self.tenant_id, timeout_ms=timeout_ms
            ) as connection:
                yield connection
        finally:
            self.database_s += time.perf_counter() - started
