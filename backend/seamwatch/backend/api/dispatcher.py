"""From a request to its handler: route, credential, role, limits, parameters; and back as a response."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from seamwatch.backend.api.call import Call
from seamwatch.backend.api.large_answers import LargeAnswers
from seamwatch.backend.api.problem import ProblemError
from seamwatch.backend.api.problem_response import (
    as_problem,
    internal_problem,
    problem_response,
)
from seamwatch.backend.api.query_string import ParsedQuery, parse_query
from seamwatch.backend.api.rate_limit import RateLimiter
from seamwatch.backend.api.registry import RouteRegistry
from seamwatch.backend.api.route import Route, RouteKind
from seamwatch.backend.api.services import Services
from seamwatch.backend.auth.access import Access
from seamwatch.backend.auth.cookies import read_cookie
from seamwatch.backend.auth.csrf import check_csrf
from seamwatch.backend.auth.errors import ForbiddenError, UnauthenticatedError
from seamwatch.backend.auth.peer import FORWARDING_HEADERS, is_loopback
from seamwatch.backend.auth.roles import Role
from seamwatch.backend.storage.tenants import TenantError

__all__ = ["SIGN_IN_PATH", "Dispatcher", "ProblemPage"]

SIGN_IN_PATH = "/sign-in"
CSRF_HEADER = "x-seamwatch-csrf"

ProblemPage = Callable[[Request, ProblemError], Awaitable[Response]]

_logger = logging.getLogger(__name__)


class Dispatcher:
    """The innermost ASGI application: runs the handler of the route, everything else is refused.

    A GET whose caller goes away is cancelled, and with it the statement that it waits for.

    Args:
        registry: All routes.
        services: What handlers may use.
        problem_page: Renders a problem of a PAGE or SIGN_IN route as HTML.
    """

    def __init__(
        self,
        registry: RouteRegistry,
        services: Services,
        *,
        problem_page: ProblemPage | None = None,
    ) -> None:
        self._registry = registry
        self._services = services
        self._problem_page = problem_page
        self._limiter = RateLimiter(
            requests_per_s=services.config.requests_per_s, burst=services.config.request_burst
        )
        self._large_answers = LargeAnswers()
        self._requests = services.metrics.counter(
            "seamwatch_api_requests", "requests of the admin listener answered", labels=("status",)
        )
        self._seconds = services.metrics.histogram(
            "seamwatch_api_request_seconds", "time until an answer of the admin listener was ready"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        work = asyncio.create_task(self._answer(request))
        if request.method in ("GET", "HEAD"):
            watch = asyncio.create_task(_wait_for_disconnect(receive))
            try:
                await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await _cancel(watch)
                if not work.done():
                    await _cancel(work)
            if work.cancelled():
                return
        try:
            response = await work
        finally:
            await _cancel(work)
        await self._large_answers.send(response, scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        """The response to any request; only cancellation gets out of here."""
        started = time.perf_counter()
        headers: dict[str, str] = {}
        calls: list[Call] = []
        route: Route | None = None
        try:
            route = self._find_route(request)
            response = await self._run(request, route, headers, calls)
        except Exception as error:
            problem = as_problem(error)
            if problem is None:
                problem = internal_problem()
                _logger.exception("%s failed", route.path if route else "routing")
            response = await self._refuse(request, route, problem)
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        database_ms = sum(call.database_s for call in calls) * 1000
        total_s = time.perf_counter() - started
        response.headers["Server-Timing"] = (
            f"db;dur={database_ms:.1f}, total;dur={total_s * 1000:.1f}"
        )
        self._requests.with_labels(status=str(response.status_code)).add()
        self._seconds.record(total_s)
        return response

    def _find_route(self, request: Request) -> Route:
        match = self._registry.match(request.url.path)
        if match is None:
            raise ProblemError(
                404,
                "Not found",
                detail="there is nothing at this path",
                remedy="see /openapi.json for the paths there are",
            )
        route = match.route(request.method)
        if route is None:
            allowed = match.allowed_methods()
            raise ProblemError(
                405,
                "Method not allowed",
                detail=f"{request.method[:20]} is not possible here",
                remedy=f"use {allowed}",
                headers={"Allow": allowed},
            )
        request.scope["path_params"] = match.path_parameters
        return route

    async def _run(
        self, request: Request, route: Route, headers: dict[str, str], calls: list[Call]
    ) -> Response:
        """Authenticate, check and call the handler; fills `headers` and `calls` on the way."""
        cookie = read_cookie(request.headers.get("cookie"))
        access = await self._authenticate(request, route, cookie)
        if access is not None:
            headers.update(self._limiter.take(access.token_id))
        if route.roles and access is not None:
            access.require(*sorted(route.roles))
        self._check_origin(request, route, cookie)
        parsed = parse_query(route, request.scope["query_string"])
        tenant_id, tenant_name = await self._tenant(access, parsed)
        call = Call(
            request,
            route,
            self._services,
            self._registry,
            access=access,
            tenant_id=tenant_id,
            tenant_name=tenant_name,
            parameters=parsed.values,
            prefixed=parsed.prefixed,
            session_cookie=cookie,
        )
        calls.append(call)
        return await route.handler(call)

    async def _authenticate(
        self, request: Request, route: Route, cookie: str | None
    ) -> Access | None:
        """Who asks. None only where the route lets anybody in."""
        peer = request.client.host if request.client else ""
        is_forwarded = not FORWARDING_HEADERS.isdisjoint(request.headers)
        if route.kind is RouteKind.OPEN:
            return None
        if route.is_open_on_loopback and is_loopback(peer) and not is_forwarded:
            return None
        authorization = request.headers.getlist("authorization")
        credentials = self._services.credentials
        if route.kind is RouteKind.SIGN_IN:
            return await credentials.by_session(cookie) if cookie else None
        if authorization:
            return await credentials.by_authorization(
                authorization, peer=peer, is_forwarded=is_forwarded
            )
        access = await credentials.by_session(cookie) if cookie else None
        if access is None:
            raise UnauthenticatedError()
        return access

    @staticmethod
    def _check_origin(request: Request, route: Route, cookie: str | None) -> None:
        """Refuse what another site sent. The form token of pages is checked by their handlers, which
        read the form; an API call with a session carries it in a header."""
        if "authorization" in request.headers:
            return
        check_csrf(
            request.method,
            host=request.headers.get("host", ""),
            origin=request.headers.get("origin"),
            sec_fetch_site=request.headers.get("sec-fetch-site"),
            session_cookie=cookie if route.kind is RouteKind.API else None,
            form_token=request.headers.get(CSRF_HEADER),
        )

    async def _tenant(self, access: Access | None, parsed: ParsedQuery) -> tuple[int, str]:
        """The tenant that is read: the credential's, unless an admin names another."""
        if access is None:
            return 0, ""  # a transaction refuses tenant 0
        if parsed.tenant is None or parsed.tenant == access.tenant_name:
            return access.tenant_id, access.tenant_name
        if not access.has_any(Role.ADMIN):
            raise ForbiddenError("tenant: only a token with the role admin reads another tenant")
        try:
            tenant_id = await self._services.tenants.find_tenant(parsed.tenant)
        except TenantError:  # the directory's own word for None
            tenant_id = None
        if tenant_id is None:
            raise ProblemError(
                404,
                "Not found",
                detail=f"tenant: there is no tenant {parsed.tenant[:200]!r}",
                remedy="see `seamwatch tenant list`",
                parameter="tenant",
                value=parsed.tenant,
            )
        return tenant_id, parsed.tenant

    async def _refuse(
        self, request: Request, route: Route | None, problem: ProblemError
    ) -> Response:
        """The problem as JSON, as HTML for pages, or a way to the sign-in form."""
        is_page = route is not None and route.kind in (RouteKind.PAGE, RouteKind.SIGN_IN)
        if route is None and request.method in ("GET", "HEAD"):
            is_page = "text/html" in request.headers.get("accept", "") and (
                not request.url.path.startswith("/api/")
            )
        if not is_page:
            return problem_response(problem)
        if problem.problem.status == 401 and request.method in ("GET", "HEAD"):
            target = request.scope["path"]
            if request.scope["query_string"]:
                target += "?" + request.scope["query_string"].decode("latin-1")
            location = f"{SIGN_IN_PATH}?next={quote(target, safe='/')}"
            return Response(status_code=303, headers={"Location": location})
        if self._problem_page is None:
            return problem_response(problem)
        return await self._problem_page(request, problem)


async def _wait_for_disconnect(receive: Receive) -> None:
    """Return once the caller is gone; a body that a GET should not have is thrown away."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cancel(task: asyncio.Task[object]) -> None:
    """Cancel a task and wait for its end, its outcome does not matter any more."""
    if task.done():
        return
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
