"""The description and the routes are the same."""

from __future__ import annotations

import re
from typing import Any

from seamwatch.backend.api import RouteKind, api_modules


def test_description_lists_every_route_with_its_roles(api: Any) -> None:
    document = api.get("/openapi.json", role=None).json()

    described = {
        (path, method.upper()): operation.get("x-roles", [])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    expected = {
        (route.path, route.method): sorted(route.roles)
        for module in api_modules()
        for route in module.ROUTES
        if route.kind in (RouteKind.API, RouteKind.OPEN)
    }
    assert described == expected


def test_every_reference_leads_somewhere(api: Any) -> None:
    answer = api.get("/openapi.json", role=None)

    names = set(re.findall(r'"\$ref":"#/components/schemas/([^"]+)"', answer.text))
    assert names
    assert names <= set(answer.json()["components"]["schemas"])
    assert answer.json()["openapi"] == "3.1.0"
