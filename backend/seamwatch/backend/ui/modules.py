"""Which modules hold the pages."""

from __future__ import annotations

from types import ModuleType

__all__ = ["page_modules"]


def page_modules() -> tuple[ModuleType, ...]:
    """The modules with the routes of the pages, for `api.create_app`.

    The pages find the `SessionStore` under ``Services.extras["SessionStore"]``.
    """
    from seamwatch.backend.ui.pages import errors, overview, sign_in, static, trace, traces

    return (overview, traces, trace, errors, sign_in, static)
