"""Whether this process lives and is ready, its metrics, and the description of the API."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from seamwatch.backend.api.answer import body_answer, etag_of
from seamwatch.backend.api.call import Call
from seamwatch.backend.api.openapi import openapi_document
from seamwatch.backend.api.route import Route, RouteKind
from seamwatch.backend.auth.roles import READ_ROLES

__all__ = ["ROUTES"]


async def get_health(call: Call) -> Response:
    """The process answers: nothing else is asked."""
    return Response(
        b'{"status":"ok"}', media_type="application/json", headers={"Cache-Control": "no-store"}
    )


async def get_readiness(call: Call) -> Response:
    """200 where everything that has to hold does, else 503; says which does not."""
    checks = await call.services.readiness()
    is_ready = all(checks.values())
    body = {"status": "ready" if is_ready else "not ready", "checks": checks}
    return Response(
        msgspec.json.encode(body),
        status_code=200 if is_ready else 503,
        media_type="application/json",
        headers={"Cache-Control": "no-store", **({} if is_ready else {"Retry-After": "2"})},
    )


async def get_metrics(call: Call) -> Response:
    """Own telemetry as OpenMetrics; names no tenant and no service."""
    content_type, body = call.services.render_metrics()
    return Response(body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})


async def get_openapi(call: Call) -> Response:
    """OpenAPI 3.1 of the routes there are."""
    body = msgspec.json.encode(openapi_document(call.registry))
    return body_answer(call, body, etag_of(body))


ROUTES = (
    Route(
        path="/healthz",
        method="GET",
        roles=frozenset(),
        kind=RouteKind.OPEN,
        handler=get_health,
        summary="Whether the process lives",
    ),
    Route(
        path="/readyz",
        method="GET",
        roles=frozenset(),
        kind=RouteKind.OPEN,
        handler=get_readiness,
        summary="Whether requests can be served",
    ),
    Route(
        path="/metrics",
        method="GET",
        roles=READ_ROLES,
        handler=get_metrics,
        summary="Own telemetry as OpenMetrics; without credential on this machine",
        is_open_on_loopback=True,
    ),
    Route(
        path="/openapi.json",
        method="GET",
        roles=frozenset(),
        kind=RouteKind.OPEN,
        handler=get_openapi,
        summary="This description",
    ),
)
