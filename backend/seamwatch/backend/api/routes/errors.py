"""Errors by service, type and message fingerprint."""

from __future__ import annotations

from starlette.responses import Response

from seamwatch.backend.api.answer import json_answer
from seamwatch.backend.api.call import Call
from seamwatch.backend.api.parameters import CURSOR, LIMIT, SERVICE, WINDOW
from seamwatch.backend.api.readers.errors import read_errors
from seamwatch.backend.api.route import Route
from seamwatch.backend.api.types import ErrorGroup, Listing
from seamwatch.backend.api.window import utc_now
from seamwatch.backend.auth.roles import READ_ROLES

__all__ = ["ROUTES"]


async def get_errors(call: Call) -> Response:
    """Error groups, last seen first."""
    position = call.read_cursor(call.value(CURSOR))
    async with call.transaction() as connection:
        page = await read_errors(
            connection,
            call.value(WINDOW),
            now=utc_now(call.services.clock()),
            service_name=call.value(SERVICE),
            limit=call.value(LIMIT),
            position=position,
        )
    return json_answer(call, Listing(items=page.items, next_cursor=call.sign_cursor(page.position)))


ROUTES = (
    Route(
        path="/api/apm/errors",
        method="GET",
        roles=READ_ROLES,
        handler=get_errors,
        summary="Errors grouped by service, type and message, last seen first",
        parameters=(WINDOW, SERVICE, LIMIT, CURSOR),
        answer=Listing[ErrorGroup],
    ),
)
