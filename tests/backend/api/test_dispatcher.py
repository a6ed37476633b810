"""Credentials, roles, tenants, limits and errors, the same for every route."""

from __future__ import annotations

import asyncio
import time
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
from starlette.responses import Response

from seamwatch.backend.api import AdminConfig, Call, Route, RouteKind, api_modules
from seamwatch.backend.auth.csrf import csrf_token
from seamwatch.backend.auth.roles import Role
from seamwatch.backend.storage.tenants import TenantError

_TRACE = "/api/apm/traces/" + "ab" * 16
_PATHS = {"/api/apm/traces/{trace_id}": _TRACE}


def _all_routes() -> list[Route]:
    return [route for module in api_modules() for route in module.ROUTES]


def _module(*routes: Route) -> ModuleType:
    return cast(ModuleType, SimpleNamespace(ROUTES=routes))


def _route(handler: Any, **fields: Any) -> Route:
    values: dict[str, Any] = {"path": "/it", "method": "GET", "roles": frozenset({Role.VIEWER})}
    return Route(handler=handler, summary="", **{**values, **fields})


async def _sleep_in_database(call: Call) -> Response:
    async with call.transaction() as connection:
        await connection.execute("SELECT pg_sleep(50)")
    return Response()


async def _say_tenant(call: Call) -> Response:
    return Response(f"{call.tenant_name} {call.tenant_id}")


def test_every_role_passes_exactly_the_routes_that_list_it(api: Any) -> None:
    api = api.with_services(config=AdminConfig(request_burst=10_000))
    found, expected = {}, {}
    for route in _all_routes():
        if route.kind is RouteKind.OPEN:
            continue
        for role in Role:
            answer = api.get(_PATHS.get(route.path, route.path), role=role, peer="192.0.2.1")
            found[route.path, role] = answer.status_code != 403
            expected[route.path, role] = role in route.roles

    assert found == expected


def test_without_a_credential_every_route_but_the_open_ones_answers_401(api: Any) -> None:
    found = {
        route.path: api.get(
            _PATHS.get(route.path, route.path), role=None, peer="192.0.2.1"
        ).status_code
        for route in _all_routes()
    }

    assert {path for path, status in found.items() if status != 401} == {
        "/healthz",
        "/readyz",
        "/openapi.json",
    }


def test_401_names_the_scheme(api: Any) -> None:
    answer = api.get("/api/apm/dashboard", role=None)

    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="seamwatch"'
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_two_authorization_headers_are_refused(api: Any) -> None:
    answer = api.loop.run(_raw(api, [(b"authorization", b"Bearer viewer@default")] * 2))

    assert answer == 401


def test_metrics_are_open_to_this_machine_only(api: Any) -> None:
    statuses = [
        api.get("/metrics", role=None, peer="127.0.0.1").status_code,
        api.get("/metrics", role=None, peer="192.0.2.1").status_code,
        api.get("/metrics", role=None, headers={"X-Forwarded-For": "192.0.2.1"}).status_code,
        api.get("/metrics", role=None, headers={"X-Real-IP": "192.0.2.1"}).status_code,
        api.get("/metrics", role="viewer", peer="192.0.2.1").status_code,
    ]

    assert statuses == [200, 401, 401, 401, 200]


def test_unknown_path_answers_404_as_a_problem(api: Any) -> None:
    answer = api.get("/api/apm/nothing")

    assert answer.status_code == 404
    assert answer.json()["title"] == "Not found"
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_other_method_answers_405_with_allow(api: Any) -> None:
    answer = api.request("DELETE", "/api/apm/services")

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD"


def test_unknown_parameter_is_refused_by_every_route(api: Any) -> None:
    answers = {
        route.path: api.get(
            _PATHS.get(route.path, route.path), role="viewer,auditor", params={"surprise": "1"}
        )
        for route in _all_routes()
    }

    assert {path: a.status_code for path, a in answers.items()} == dict.fromkeys(answers, 400)
    assert all(a.json()["parameter"] == "surprise" for a in answers.values())


def test_admin_reads_another_tenant_by_name(api: Any) -> None:
    api = api.with_services(modules=[_module(_route(_say_tenant, roles=frozenset(Role)))])

    assert api.get("/it?tenant=other", role="admin").text == "other 2"
    assert api.get("/it", role="admin").text == "default 1"


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_but_an_admin_names_another_tenant(api: Any, role: Role) -> None:
    api = api.with_services(modules=[_module(_route(_say_tenant, roles=frozenset(Role)))])

    assert api.get("/it?tenant=other", role=role).status_code == 403
    assert api.get("/it?tenant=nobodys", role=role).status_code == 403
    assert api.get("/it?tenant=default", role=role).text == "default 1"


def test_unknown_tenant_answers_an_admin_404(api: Any) -> None:
    answer = api.get("/api/apm/services?tenant=nobodys", role="admin")

    assert (answer.status_code, answer.json()["parameter"]) == (404, "tenant")


def test_directory_that_raises_for_an_unknown_tenant_gives_404_too(api: Any) -> None:
    class RaisingTenants:
        async def find_tenant(self, name: str) -> int | None:
            raise TenantError(f"tenant {name}: not found")

    api = api.with_services(tenants=RaisingTenants())

    assert api.get("/api/apm/services?tenant=nobodys", role="admin").status_code == 404


def test_server_timing_holds_the_database_time(api: Any) -> None:
    async def wait(call: Call) -> Response:
        async with call.transaction() as connection:
            await connection.execute("SELECT pg_sleep(0.02)")
        return Response()

    answer = api.with_services(modules=[_module(_route(wait))]).get("/it")

    timings = dict(part.split(";dur=") for part in answer.headers["Server-Timing"].split(", "))
    assert 20 <= float(timings["db"]) <= float(timings["total"])


def test_request_beyond_the_limit_answers_429(api: Any) -> None:
    api = api.with_services(config=AdminConfig(requests_per_s=0.001, request_burst=2))

    statuses = [api.get("/api/apm/verdicts").status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert int(api.get("/api/apm/verdicts").headers["Retry-After"]) > 1


def test_slow_statement_answers_503_with_the_remedy(api: Any) -> None:
    api = api.with_services(
        config=AdminConfig(statement_timeout_s=0.05), modules=[_module(_route(_sleep_in_database))]
    )

    answer = api.get("/it")

    assert answer.status_code == 503
    assert answer.json()["title"] == "Statement timeout"
    assert "shorter time range" in answer.json()["remedy"]
    assert answer.headers["Retry-After"] == "2"


def test_fault_of_ours_answers_500_without_its_text(
    api: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(call: Call) -> Response:
        raise RuntimeError("secret of the server")

    answer = api.with_services(modules=[_module(_route(fail))]).get("/it")

    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "secret of the server" in caplog.text


def test_every_answer_is_counted_by_its_status(api: Any) -> None:
    for path in ("/healthz", "/api/apm/verdicts", "/nothing"):
        api.get(path)

    rendered = api.services.metrics.render()

    assert 'seamwatch_api_requests_total{status="200"} 2' in rendered
    assert 'seamwatch_api_requests_total{status="404"} 1' in rendered
    assert "seamwatch_api_request_seconds_count 3" in rendered


def test_caller_that_goes_away_cancels_his_statement(api: Any, store: Any) -> None:
    api = api.with_services(modules=[_module(_route(_sleep_in_database))])

    def running() -> int:
        rows = store.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state = 'active' AND query LIKE '%%pg_sleep(50)%%' AND pid <> pg_backend_pid()"
        )
        return int(rows[0][0])

    async def ask_and_leave() -> list[Any]:
        gone = asyncio.Event()
        sent: list[Any] = []
        requests = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> Any:
            for request in requests:
                return request
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        task = asyncio.create_task(api.app(_scope("/it"), receive, send))
        await _until(lambda: running() == 1)
        gone.set()
        await asyncio.wait_for(task, timeout=10)
        return sent

    sent = api.loop.run(ask_and_leave())

    assert sent == []
    assert running() == 0
    assert api.get("/api/apm/verdicts").status_code == 404  # the application still answers


def test_session_opens_pages_and_lets_read(api: Any) -> None:
    cookie = {"Cookie": "__Host-seamwatch=viewer-default"}

    assert api.get("/api/apm/verdicts", role=None, headers=cookie).status_code == 200


def test_page_without_a_session_leads_to_the_sign_in_form(api: Any) -> None:
    api = api.with_services(modules=[_module(_route(_say_tenant, kind=RouteKind.PAGE))])

    answer = api.get("/it?tenant=a&x=%2F", role=None)

    assert answer.status_code == 303
    assert answer.headers["Location"] == "/sign-in?next=/it%3Ftenant%3Da%26x%3D%252F"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"X-Seamwatch-CSRF": "wrong"}, 403),
        ({"X-Seamwatch-CSRF": csrf_token("viewer-default")}, 200),
        ({"X-Seamwatch-CSRF": csrf_token("viewer-default"), "Sec-Fetch-Site": "cross-site"}, 403),
        ({"X-Seamwatch-CSRF": csrf_token("viewer-default"), "Origin": "https://evil.test"}, 403),
    ],
)
def test_session_changes_something_only_with_its_token_and_from_here(
    api: Any, headers: dict[str, str], status: int
) -> None:
    api = api.with_services(modules=[_module(_route(_say_tenant, method="POST"))])
    cookie = {"Cookie": "__Host-seamwatch=viewer-default"}

    answer = api.request("POST", "/it", role=None, headers={**cookie, **headers})

    assert answer.status_code == status


def test_bearer_token_needs_no_csrf_token(api: Any) -> None:
    api = api.with_services(modules=[_module(_route(_say_tenant, method="POST"))])

    assert api.request("POST", "/it").status_code == 200


async def _until(holds: Any) -> None:
    """Look again until it holds, at most ten seconds."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold within 10 s"
        await asyncio.sleep(0.01)


def _scope(path: str, headers: list[tuple[bytes, bytes]] | None = None) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [
            (b"host", b"127.0.0.1:4320"),
            *(headers if headers is not None else [(b"authorization", b"Bearer viewer@default")]),
        ],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 4320),
    }


async def _raw(api: Any, headers: list[tuple[bytes, bytes]]) -> int:
    """Status of a request whose headers httpx would merge."""
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await api.app(_scope("/api/apm/verdicts", headers), receive, send)
    return int(sent[0]["status"])
