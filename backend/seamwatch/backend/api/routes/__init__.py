"""The routes of the admin API, a module for each part."""

from __future__ import annotations

from types import ModuleType

from seamwatch.backend.api.routes import (
    audit,
    dashboard,
    errors,
    health,
    services,
    traces,
    verdicts,
)

__all__ = ["MODULES"]

MODULES: tuple[ModuleType, ...] = (dashboard, services, traces, errors, verdicts, audit, health)
