"""Verdicts."""

from __future__ import annotations

from starlette.responses import Response

from seamwatch.backend.api.answer import json_answer
from seamwatch.backend.api.call import Call
from seamwatch.backend.api.parameters import CURSOR, LIMIT, choice, text_parameter
from seamwatch.backend.api.readers.verdicts import read_verdicts
from seamwatch.backend.api.route import Route
from seamwatch.backend.api.types import Listing, Verdict
from seamwatch.backend.auth.roles import READ_ROLES

__all__ = ["ROUTES"]

_KIND = text_parameter("kind", "Kind of verdict")
_SUBJECT = text_parameter("subject", "What the verdict is about")
_STATE = text_parameter("state", "State it holds")
_OPEN = choice("open", ("true", "false"), "Whether it still lasts")


async def get_verdicts(call: Call) -> Response:
    """Verdicts, newest first."""
    position = call.read_cursor(call.value(CURSOR))
    is_open = call.value(_OPEN)
    async with call.transaction() as connection:
        page = await read_verdicts(
            connection,
            kind=call.value(_KIND),
            subject=call.value(_SUBJECT),
            state=call.value(_STATE),
            is_open=None if is_open is None else is_open == "true",
            limit=call.value(LIMIT),
            position=position,
        )
    return json_answer(call, Listing(items=page.items, next_cursor=call.sign_cursor(page.position)))


ROUTES = (
    Route(
        path="/api/apm/verdicts",
        method="GET",
        roles=READ_ROLES,
        handler=get_verdicts,
        summary="States that analyses hold of subjects, newest first",
        parameters=(_KIND, _SUBJECT, _STATE, _OPEN, LIMIT, CURSOR),
        answer=Listing[Verdict],
    ),
)
