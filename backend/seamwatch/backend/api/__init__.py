"""The admin API: a registry of routes, their answers, and the ASGI application that serves both.

The composition root makes `Services` and calls `create_app`; pages add modules with ``ROUTES``.
"""

from __future__ import annotations

from seamwatch.backend.api.app import api_modules, create_app
from seamwatch.backend.api.call import Call
from seamwatch.backend.api.config import AdminConfig
from seamwatch.backend.api.credentials import StoredCredentials, StoredTenants
from seamwatch.backend.api.cursor import CursorSigner
from seamwatch.backend.api.problem import ProblemError
from seamwatch.backend.api.registry import RouteRegistry
from seamwatch.backend.api.route import Route, RouteKind
from seamwatch.backend.api.services import Services

__all__ = [
    "AdminConfig",
    "Call",
    "CursorSigner",
    "ProblemError",
    "Route",
    "RouteKind",
    "RouteRegistry",
    "Services",
    "StoredCredentials",
    "StoredTenants",
    "api_modules",
    "create_app",
]
