"""One route of the admin listener: path, method, roles that may call it, and its handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from seamwatch.backend.api.parameter import Parameter, PrefixParameter
from seamwatch.backend.auth.roles import Role

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["Handler", "Route", "RouteKind"]

Handler = Callable[
    [Any], Awaitable["Response"]
]  # takes a `Call`, which knows its route: no import back


class RouteKind(Enum):
    """How a caller without the right role is answered, and what authenticates him.

    API: bearer token or session; 401 and 403 as problems. PAGE: the same credentials, 401 becomes
    a redirect to the sign-in form, problems become HTML. OPEN: no credential is looked at.
    SIGN_IN: pages and forms that make or end a session; no credential needed.
    """

    API = "api"
    PAGE = "page"
    OPEN = "open"
    SIGN_IN = "sign_in"


@dataclass(frozen=True, kw_only=True)
class Route:
    """A route; modules list theirs in a tuple ``ROUTES``, nothing is registered by import.

    Attributes:
        path: Starlette syntax, for example ``/api/apm/traces/{trace_id}`` or ``/static/{path:path}``.
        method: One HTTP method; GET answers HEAD too.
        roles: Roles that may call it, one suffices; empty only for OPEN and SIGN_IN.
        handler: ``async (Call) -> Response``.
        kind: See `RouteKind`.
        summary: One line for OpenAPI and the docs.
        parameters: Query parameters; any other one is refused with 400.
        answer: Struct of the 200 answer, for OpenAPI (None: not JSON).
        is_open_on_loopback: Callers on this machine, not through a proxy, need no credential.
    """

    path: str
    method: str
    roles: frozenset[Role]
    handler: Handler
    summary: str
    kind: RouteKind = RouteKind.API
    parameters: tuple[Parameter[Any] | PrefixParameter, ...] = ()
    answer: Any = None
    is_open_on_loopback: bool = False

    def __post_init__(self) -> None:
        needs_roles = self.kind in (RouteKind.API, RouteKind.PAGE)
        if needs_roles != bool(self.roles):
            raise ValueError(
                f"{self.method} {self.path}: kind {self.kind.value} "
                f"{'needs roles' if needs_roles else 'takes no roles'}"
            )
        if not self.path.startswith("/"):
            raise ValueError(f"{self.path}: a path begins with /")
