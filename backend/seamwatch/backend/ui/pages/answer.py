"""Turns a rendered page into a response with a strong ETag."""

from __future__ import annotations

import gzip
from functools import cache
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from seamwatch.backend.api.answer import etag_of
from seamwatch.backend.api.window import utc_now
from seamwatch.backend.auth.csrf import csrf_token
from seamwatch.backend.ui.templating import Frame, NavigationItem, Templates, link

if TYPE_CHECKING:
    from seamwatch.backend.api.call import Call

__all__ = ["frame_of", "page_answer", "shared_templates"]

# Shown where a route of that path is registered: later parts appear by being there.
_NAVIGATION = (
    ("Overview", "/"),
    ("Traces", "/traces"),
    ("Errors", "/errors"),
    ("Webhooks", "/webhooks"),
    ("WebSockets", "/websockets"),
    ("Models", "/models"),
    ("Breakers", "/breakers"),
    ("Alerts", "/alerts"),
)

# The large ones. Never a page that shows what its address says beside the form token: the length of the
# compressed page would tell an onlooker how much of the token a guess in the address has in common (BREACH).
_COMPRESSED = frozenset({"trace.html", "trace_rows.html", "overview_live.html"})


@cache
def shared_templates() -> Templates:
    """The templates and static files of this process, read at the first page."""
    return Templates()


def frame_of(call: Call) -> Frame:
    """The frame around a page for the one who asks."""
    own_tenant = call.access.tenant_name if call.access else None
    parameter = call.tenant_name if call.access and call.tenant_name != own_tenant else None
    path = call.request.url.path
    items = []
    if call.access is not None:
        for label, target in _NAVIGATION:
            if call.registry.match(target) is not None:
                is_current = path == target or (target != "/" and path.startswith(target + "/"))
                items.append(
                    NavigationItem(
                        label=label, href=link(target, tenant=parameter), is_current=is_current
                    )
                )
    return Frame(
        now=utc_now(call.services.clock()),
        navigation=tuple(items),
        tenant_name=call.tenant_name if call.access else None,
        tenant_parameter=parameter,
        csrf_token=csrf_token(call.session_cookie) if call.session_cookie else None,
    )


def page_answer(
    call: Call, template: str, *, status: int = 200, frame: Frame | None = None, **context: Any
) -> Response:
    """The page, or 304 where the browser has exactly this already."""
    html = shared_templates().render(template, frame=frame or frame_of(call), **context)
    body = html.encode("utf-8", "replace")
    headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    if status == 200:
        headers["ETag"] = etag_of(body)
        if template in _COMPRESSED:
            headers["Vary"] += ", Accept-Encoding"
            if "gzip" in call.request.headers.get("accept-encoding", ""):
                headers["ETag"] = headers["ETag"][:-1] + '-gzip"'
                headers["Content-Encoding"] = "gzip"
        if call.request.headers.get("if-none-match") == headers["ETag"]:
            headers.pop("Content-Encoding", None)
            return Response(status_code=304, headers=headers)
    if "Content-Encoding" in headers:
        body = gzip.compress(body, compresslevel=3, mtime=0)
    return Response(body, status, headers, "text/html; charset=utf-8")
