"""OpenAPI 3.1 from the registry and the Structs of answers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from seamwatch.backend.api.parameter import Parameter
from seamwatch.backend.api.problem import PROBLEM_TYPE, Problem
from seamwatch.backend.api.query_string import TENANT_PARAMETER
from seamwatch.backend.api.route import Route, RouteKind

__all__ = ["openapi_document"]

_COMPONENTS = "#/components/schemas/{name}"
_DESCRIBED = (RouteKind.API, RouteKind.OPEN)


def openapi_document(routes: Iterable[Route]) -> dict[str, Any]:
    """Describe the API and OPEN routes; pages are for people and not described."""
    described = [route for route in routes if route.kind in _DESCRIBED]
    types = [Problem, *(route.answer for route in described if route.answer is not None)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_COMPONENTS)
    answers = {id(kind): schema for kind, schema in zip(types, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for route in described:
        path = re.sub(r"\{(\w+)(:\w+)?\}", r"{\1}", route.path)
        answer = None if route.answer is None else answers[id(route.answer)]
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, answer)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Seamwatch admin API", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, answer: dict[str, Any] | None) -> dict[str, Any]:
    """One method of one path."""
    ok: dict[str, Any] = {"description": route.summary}
    if answer is not None:
        ok["content"] = {"application/json": {"schema": answer}}
    problem = {
        "description": "A problem",
        "content": {PROBLEM_TYPE: {"schema": {"$ref": _COMPONENTS.format(name="Problem")}}},
    }
    operation: dict[str, Any] = {
        "operationId": getattr(route.handler, "__name__", route.path),
        "summary": route.summary,
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": {"200": ok, "default": problem},
        "security": [{"bearer": []}] if route.roles else [],
    }
    if route.roles:
        operation["x-roles"] = sorted(route.roles)
    return operation


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)(?::\w+)?\}", route.path)
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    described = []
    for parameter in route.parameters:
        if isinstance(parameter, Parameter):
            described.append(_query(parameter.name, parameter.summary, dict(parameter.schema)))
        else:
            described.append(
                _query(
                    parameter.prefix + "*",
                    parameter.summary,
                    {"type": "object", "additionalProperties": {"type": "string"}},
                )
            )
    if route.kind is RouteKind.API and route.roles:
        described.append(
            _query(TENANT_PARAMETER, "Tenant to read, for admins only", {"type": "string"})
        )
    return described


def _query(name: str, summary: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": summary,
        "schema": schema,
    }
