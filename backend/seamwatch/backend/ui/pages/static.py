"""The route of the pages' own files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from seamwatch.backend.api.route import Route, RouteKind
from seamwatch.backend.ui.pages.answer import shared_templates

if TYPE_CHECKING:
    from seamwatch.backend.api.call import Call

__all__ = ["ROUTES"]


async def _static_file(call: Call) -> Response:
    return await shared_templates().assets.serve(call.request)


ROUTES = (
    Route(
        path="/static/{digest}/{name:path}",
        method="GET",
        roles=frozenset(),
        handler=_static_file,
        summary="A style sheet, script or picture of the pages, by the hash of its content.",
        kind=RouteKind.OPEN,
    ),
)
