"""All routes of the admin listener, and which of them a request means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

from starlette.routing import compile_path

from seamwatch.backend.api.route import Route

__all__ = ["Match", "RouteRegistry"]


class Match:
    """Routes of one path by method, and the path's parameters."""

    __slots__ = ("path_parameters", "routes")

    def __init__(self, routes: dict[str, Route], path_parameters: dict[str, Any]) -> None:
        self.routes = routes
        self.path_parameters = path_parameters

    def allowed_methods(self) -> str:
        """Value of the Allow header."""
        methods = set(self.routes) | ({"HEAD"} if "GET" in self.routes else set())
        return ", ".join(sorted(methods))

    def route(self, method: str) -> Route | None:
        """The route for `method`; HEAD is answered by GET."""
        return self.routes.get("GET" if method == "HEAD" else method)


class RouteRegistry:
    """Routes by path and method; immutable once made, safe from any task.

    Raises:
        ValueError: Two routes have the same path and method.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            methods = self._by_path.setdefault(route.path, {})
            if route.method in methods:
                raise ValueError(f"{route.method} {route.path}: registered twice")
            methods[route.method] = route
        self._patterns: list[tuple[re.Pattern[str], dict[str, Any], dict[str, Route]]] = []
        for path, methods in self._by_path.items():
            if "{" in path:
                pattern, _, convertors = compile_path(path)
                self._patterns.append((pattern, convertors, methods))

    @classmethod
    def from_modules(cls, modules: Iterable[ModuleType]) -> RouteRegistry:
        """Collect the tuple ``ROUTES`` of each module."""
        return cls(route for module in modules for route in module.ROUTES)

    def __iter__(self) -> Iterator[Route]:
        for methods in self._by_path.values():
            yield from methods.values()

    def match(self, path: str) -> Match | None:
        """Routes whose path is `path`, or None."""
        exact = self._by_path.get(path)
        if exact is not None and "{" not in path:
            return Match(exact, {})
        for pattern, convertors, methods in self._patterns:
            found = pattern.match(path)
            if found is not None:
                values = found.groupdict()
                return Match(
                    methods, {key: convertors[key].convert(value) for key, value in values.items()}
                )
        return None
