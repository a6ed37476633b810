"""Signing in by a token or by a one-time link, and signing out.

Opening a link only shows a button: mail scanners and link previews follow links, and would use it up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from seamwatch.backend.api.route import Route, RouteKind
from seamwatch.backend.api.window import utc_now
from seamwatch.backend.auth.cookies import (
    can_keep_cookie,
    clear_cookie_header,
    set_cookie_header,
)
from seamwatch.backend.auth.csrf import check_csrf
from seamwatch.backend.auth.errors import ForbiddenError, LockedOutError, UnauthenticatedError
from seamwatch.backend.auth.peer import FORWARDING_HEADERS
from seamwatch.backend.auth.sessions import SessionStore
from seamwatch.backend.ui.pages.answer import page_answer
from seamwatch.backend.ui.pages.form_body import read_form, safe_path
from seamwatch.backend.ui.pages.parameters import text_parameter

if TYPE_CHECKING:
    from seamwatch.backend.api.call import Call
    from seamwatch.backend.auth.access import Access

__all__ = ["LINK_PATH", "ROUTES", "SESSIONS"]

LINK_PATH = "/sign-in/link"
SESSIONS = SessionStore.__name__
"""Key of the `SessionStore` in `Services.extras`."""

_NEXT = text_parameter("next", "Page to go to after the sign-in.")
_CODE = text_parameter("code", "The one-time code of the link.")
_NO_COOKIE = (
    "This browser would not keep a session on this address: it is neither HTTPS nor this machine. "
    "Open the page through HTTPS, or on the server itself."
)


async def _form(call: Call) -> Response:
    next_path = safe_path(call.value(_NEXT))
    if call.access is not None:
        return _redirect(next_path)
    return page_answer(
        call, "sign_in.html", next_path=next_path, problem="" if _keeps_cookie(call) else _NO_COOKIE
    )


async def _sign_in(call: Call) -> Response:
    form = await read_form(call.request)
    next_path = safe_path(form.get("next", "/"))
    request = call.request
    is_forwarded = not FORWARDING_HEADERS.isdisjoint(request.headers)
    try:
        access = await call.services.credentials.by_authorization(
            [f"Bearer {form.get('token', '').strip()}"],
            peer=request.client.host if request.client else "",
            is_forwarded=is_forwarded,
        )
        return await _begin(call, access, how="token", next_path=next_path)
    except UnauthenticatedError:
        status, problem = 401, "This token is not accepted: it is mistyped, revoked or expired."
    except ForbiddenError:
        status, problem = (
            403,
            "This token has no role for these pages. Use one with the role viewer.",
        )
    except LockedOutError as error:
        status = 429
        problem = f"Too many attempts. Try again in {max(1, round(error.retry_after_s))} seconds."
    return page_answer(call, "sign_in.html", status=status, next_path=next_path, problem=problem)


async def _link_landing(call: Call) -> Response:
    problem = "" if _keeps_cookie(call) else _NO_COOKIE
    return page_answer(
        call, "sign_in_link.html", code=call.value(_CODE), action=LINK_PATH, problem=problem
    )


async def _redeem_link(call: Call) -> Response:
    code = (await read_form(call.request)).get("code", "")
    try:
        access = await _sessions(call).redeem_link(code)
        return await _begin(call, access, how="link", next_path="/")
    except UnauthenticatedError:
        problem = "This link was used before, or is over. Make another, or sign in with a token."
        return page_answer(
            call, "sign_in_link.html", status=401, code="", action=LINK_PATH, problem=problem
        )


async def _sign_out(call: Call) -> Response:
    form = await read_form(call.request)
    headers = call.request.headers
    check_csrf(
        call.request.method,
        host=headers.get("host", ""),
        origin=headers.get("origin"),
        sec_fetch_site=headers.get("sec-fetch-site"),
        session_cookie=call.session_cookie if call.access else None,
        form_token=form.get("csrf_token"),
    )
    if call.session_cookie is not None:
        await _sessions(call).end(call.session_cookie)
    answer = _redirect("/sign-in")
    answer.headers["Set-Cookie"] = clear_cookie_header()
    return answer


async def _begin(call: Call, access: Access, *, how: str, next_path: str) -> Response:
    session = await _sessions(call).begin(access, previous_cookie=call.session_cookie, how=how)
    remaining = session.expires_at - utc_now(call.services.clock())
    answer = _redirect(next_path)
    answer.headers["Set-Cookie"] = set_cookie_header(
        session.cookie, max_age_s=max(0.0, remaining.total_seconds())
    )
    return answer


def _redirect(path: str) -> Response:
    return Response(status_code=303, headers={"Location": path, "Cache-Control": "no-store"})


def _keeps_cookie(call: Call) -> bool:
    return can_keep_cookie(call.request.url.scheme, call.request.headers.get("host", ""))


def _sessions(call: Call) -> SessionStore:
    store: SessionStore = call.services.extras[SESSIONS]
    return store


ROUTES = (
    Route(
        path="/sign-in",
        method="GET",
        roles=frozenset(),
        handler=_form,
        summary="The sign-in form.",
        kind=RouteKind.SIGN_IN,
        parameters=(_NEXT,),
    ),
    Route(
        path="/sign-in",
        method="POST",
        roles=frozenset(),
        handler=_sign_in,
        summary="Begins a browser session with a token.",
        kind=RouteKind.SIGN_IN,
    ),
    Route(
        path=LINK_PATH,
        method="GET",
        roles=frozenset(),
        handler=_link_landing,
        summary="Where a one-time sign-in link leads.",
        kind=RouteKind.SIGN_IN,
        parameters=(_CODE,),
    ),
    Route(
        path=LINK_PATH,
        method="POST",
        roles=frozenset(),
        handler=_redeem_link,
        summary="Begins a browser session with a one-time link.",
        kind=RouteKind.SIGN_IN,
    ),
    Route(
        path="/sign-out",
        method="POST",
        roles=frozenset(),
        handler=_sign_out,
        summary="Ends the browser session.",
        kind=RouteKind.SIGN_IN,
    ),
)
