"""The audit log."""

from __future__ import annotations

from starlette.responses import Response

from seamwatch.backend.api.answer import json_answer
from seamwatch.backend.api.call import Call
from seamwatch.backend.api.parameters import CURSOR, LIMIT, text_parameter
from seamwatch.backend.api.readers.audit import read_audit
from seamwatch.backend.api.route import Route
from seamwatch.backend.api.types import AuditEntry, Listing
from seamwatch.backend.auth.roles import Role

__all__ = ["ROUTES"]

_ACTOR = text_parameter("actor", "Token id or command user")
_ACTION = text_parameter("action", "Act, such as token.create")


async def get_audit(call: Call) -> Response:
    """Audit entries of the tenant, newest first."""
    position = call.read_cursor(call.value(CURSOR))
    async with call.transaction() as connection:
        page = await read_audit(
            connection,
            actor=call.value(_ACTOR),
            action=call.value(_ACTION),
            limit=call.value(LIMIT),
            position=position,
        )
    return json_answer(call, Listing(items=page.items, next_cursor=call.sign_cursor(page.position)))


ROUTES = (
    Route(
        path="/api/apm/audit",
        method="GET",
        roles=frozenset({Role.AUDITOR, Role.ADMIN}),
        handler=get_audit,
        summary="Who did what in this tenant, newest first",
        parameters=(_ACTOR, _ACTION, LIMIT, CURSOR),
        answer=Listing[AuditEntry],
    ),
)
