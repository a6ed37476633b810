"""Which route a request means."""

from __future__ import annotations

import pytest
from starlette.responses import Response

from seamwatch.backend.api.call import Call
from seamwatch.backend.api.registry import RouteRegistry
from seamwatch.backend.api.route import Route, RouteKind
from seamwatch.backend.auth.roles import Role


async def _handler(call: Call) -> Response:
    return Response()


def _route(path: str, method: str = "GET") -> Route:
    return Route(
        path=path,
        method=method,
        roles=frozenset({Role.VIEWER}),
        handler=_handler,
        summary="A route",
    )


def test_path_parameters_come_out_of_the_path() -> None:
    registry = RouteRegistry([_route("/things/{thing_id}")])

    match = registry.match("/things/a%20b")

    assert match is not None
    assert match.path_parameters == {"thing_id": "a%20b"}


def test_fixed_path_wins_over_a_pattern() -> None:
    fixed, pattern = _route("/things/all"), _route("/things/{thing_id}")

    match = RouteRegistry([pattern, fixed]).match("/things/all")

    assert match is not None
    assert match.route("GET") is fixed


def test_unknown_path_matches_nothing() -> None:
    registry = RouteRegistry([_route("/things/{thing_id}")])

    assert [registry.match(path) for path in ("/things", "/things/", "/things/a/b")] == [None] * 3


def test_pattern_itself_is_no_path() -> None:
    registry = RouteRegistry([_route("/things/{thing_id}")])

    match = registry.match("/things/{thing_id}")

    assert match is not None
    assert match.path_parameters == {"thing_id": "{thing_id}"}


def test_allowed_methods_name_head_beside_get() -> None:
    match = RouteRegistry([_route("/things"), _route("/things", "POST")]).match("/things")

    assert match is not None
    assert match.allowed_methods() == "GET, HEAD, POST"


def test_same_path_and_method_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        RouteRegistry([_route("/things"), _route("/things")])


def test_api_route_without_roles_is_refused() -> None:
    with pytest.raises(ValueError, match="needs roles"):
        Route(path="/x", method="GET", roles=frozenset(), handler=_handler, summary="")


def test_open_route_with_roles_is_refused() -> None:
    with pytest.raises(ValueError, match="takes no roles"):
        Route(
            path="/x",
            method="GET",
            roles=frozenset({Role.VIEWER}),
            handler=_handler,
            summary="",
            kind=RouteKind.OPEN,
        )
