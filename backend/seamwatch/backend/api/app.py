"""The ASGI application of the admin listener."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING

from seamwatch.backend.api.dispatcher import Dispatcher, ProblemPage
from seamwatch.backend.api.host_allow_list import HostAllowList
from seamwatch.backend.api.registry import RouteRegistry
from seamwatch.backend.api.routes import MODULES
from seamwatch.backend.api.security_headers import SecurityHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from seamwatch.backend.api.services import Services

__all__ = ["api_modules", "create_app"]


def api_modules() -> tuple[ModuleType, ...]:
    """The modules that hold the routes of the API; pages add theirs."""
    return MODULES


def create_app(
    services: Services,
    *,
    modules: Iterable[ModuleType] | None = None,
    problem_page: ProblemPage | None = None,
) -> ASGIApp:
    """Build the application; opens nothing: the composition root opens the database.

    Args:
        services: What handlers may use.
        modules: Modules with a tuple ``ROUTES``; None: `api_modules`.
        problem_page: Renders problems of pages as HTML.
    """
    registry = RouteRegistry.from_modules(api_modules() if modules is None else modules)
    app: ASGIApp = Dispatcher(registry, services, problem_page=problem_page)
    app = HostAllowList(app, allowed_hosts=services.config.allowed_hosts)
    return SecurityHeaders(app, is_tls=services.is_tls)
