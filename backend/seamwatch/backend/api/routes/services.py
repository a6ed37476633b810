"""Services."""

from __future__ import annotations

from starlette.responses import Response

from seamwatch.backend.api.answer import json_answer
from seamwatch.backend.api.call import Call
from seamwatch.backend.api.parameters import CURSOR, LIMIT, WINDOW
from seamwatch.backend.api.readers.services import read_services
from seamwatch.backend.api.route import Route
from seamwatch.backend.api.types import Listing, Service
from seamwatch.backend.api.window import utc_now
from seamwatch.backend.auth.roles import READ_ROLES

__all__ = ["ROUTES"]


async def get_services(call: Call) -> Response:
    """Services that sent spans in the window, by name."""
    position = call.read_cursor(call.value(CURSOR))
    async with call.transaction() as connection:
        page = await read_services(
            connection,
            call.value(WINDOW),
            now=utc_now(call.services.clock()),
            limit=call.value(LIMIT),
            position=position,
        )
    return json_answer(call, Listing(items=page.items, next_cursor=call.sign_cursor(page.position)))


ROUTES = (
    Route(
        path="/api/apm/services",
        method="GET",
        roles=READ_ROLES,
        handler=get_services,
        summary="Services that sent spans in the window",
        parameters=(WINDOW, LIMIT, CURSOR),
        answer=Listing[Service],
    ),
)
