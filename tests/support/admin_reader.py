"""Reads every route of the admin listener over HTTP, as one token; new routes are found in the registry."""

from __future__ import annotations

import base64
import binascii
import html
import http.client
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from seamwatch.backend.api.app import api_modules
from seamwatch.backend.api.registry import RouteRegistry
from seamwatch.backend.api.route import Route, RouteKind
from seamwatch.backend.ui import page_modules

__all__ = ["Answer", "Reader", "fill", "guarded_routes", "is_paged", "open_routes"]

_CURSOR_LINK = re.compile(r'href="([^"]*[?&;]cursor=[^"]*)"')
_VOLATILE = {"date", "server-timing", "ratelimit", "ratelimit-policy"}


@dataclass(frozen=True)
class Answer:
    """One answer; `text` is its body, `headers` have lower-case names."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)

    def steady_headers(self) -> dict[str, str]:
        """Headers that are the same whenever the same is asked."""
        return {
            name: value
            for name, value in self.headers.items()
            if name not in _VOLATILE and not name.startswith("ratelimit")
        }

    def cursors(self) -> list[str]:
        """Cursors that lead on from here, of JSON and of a page's links."""
        if "json" in self.headers.get("content-type", ""):
            body = self.json()
            cursor = body.get("next_cursor") if isinstance(body, dict) else None
            return [cursor] if cursor else []
        links = [html.unescape(link) for link in _CURSOR_LINK.findall(self.text)]
        return [parse_qs(urlsplit(link).query)["cursor"][0] for link in links]

    def everything(self) -> str:
        """All that a caller learns: status, headers, body, and what its cursors hold."""
        parts = [str(self.headers), self.text]
        for cursor in self.cursors():
            try:
                parts.append(
                    base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("latin-1")
                )
            except binascii.Error:
                continue
        return "\n".join(parts)


class Reader:
    """One keep-alive connection to the admin listener."""

    def __init__(self, admin_url: str, token: str | None) -> None:
        parts = urlsplit(admin_url)
        assert parts.hostname is not None
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        self.authorization = f"Bearer {token}" if token else ""

    def get(self, path: str, parameters: dict[str, str] | None = None, **headers: str) -> Answer:
        """GET `path`; underscores in names of headers stand for hyphens."""
        return self.ask("GET", path, parameters, **headers)

    def ask(
        self, method: str, path: str, parameters: dict[str, str] | None = None, **headers: str
    ) -> Answer:
        """Ask by any method, without a body."""
        target = f"{path}?{urlencode(parameters)}" if parameters else path
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.authorization:
            named["Authorization"] = self.authorization
        self._connection.request(method, target, headers=named)
        answer = self._connection.getresponse()
        body = answer.read().decode("utf-8", "replace")
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, body)

    def pages(self, path: str, parameters: dict[str, str], *, most: int = 500) -> list[Answer]:
        """A list from its first page to its end."""
        found = [self.get(path, parameters)]
        while cursors := found[-1].cursors():
            assert len(found) < most, f"{path} does not end"
            found.append(self.get(path, {**parameters, "cursor": cursors[0]}))
        return found

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def guarded_routes() -> list[Route]:
    """Every route that asks for a credential."""
    return [route for route in _registry() if route.kind in (RouteKind.API, RouteKind.PAGE)]


def open_routes() -> list[Route]:
    """Every GET route that anybody may read, but the files of the pages."""
    return [
        route
        for route in _registry()
        if route.kind not in (RouteKind.API, RouteKind.PAGE)
        and route.method == "GET"
        and "{" not in route.path
    ]


def is_paged(route: Route) -> bool:
    """Whether the route's answer may go on."""
    return any(getattr(parameter, "name", "") == "cursor" for parameter in route.parameters)


def fill(route: Route, values: dict[str, str]) -> str:
    """The route's path with its parameters replaced.

    Raises:
        KeyError: A parameter that no test knows a value for: teach it one.
    """
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda match: quote(values[match[1]], safe=""), route.path)


def _registry() -> RouteRegistry:
    return RouteRegistry.from_modules((*api_modules(), *page_modules()))
