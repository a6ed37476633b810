"""Which requests with a session cookie were made by our own pages."""

from __future__ import annotations

import pytest

from seamwatch.backend.auth import ForbiddenError
from seamwatch.backend.auth.csrf import check_csrf, csrf_refusal, csrf_token

SESSION = "session-of-alice"
OTHER = "session-of-mallory"
RIGHT = csrf_token(SESSION)

# method, host, origin, sec_fetch_site, session, form token -> whether it may pass
CASES = {
    "own form": ("POST", "sw.example", "https://sw.example", "same-origin", SESSION, RIGHT, True),
    "own form, port": (
        "POST",
        "127.0.0.1:4320",
        "http://127.0.0.1:4320",
        "same-origin",
        SESSION,
        RIGHT,
        True,
    ),
    "own form, default port": (
        "POST",
        "sw.example:443",
        "https://sw.example",
        None,
        SESSION,
        RIGHT,
        True,
    ),
    "own form, IPv6": (
        "POST",
        "[::1]:4320",
        "http://[::1]:4320",
        "same-origin",
        SESSION,
        RIGHT,
        True,
    ),
    "host in upper case": (
        "POST",
        "SW.example",
        "https://sw.example",
        "same-origin",
        SESSION,
        RIGHT,
        True,
    ),
    "browser without fetch metadata": (
        "POST",
        "sw.example",
        "https://sw.example",
        None,
        SESSION,
        RIGHT,
        True,
    ),
    "script without browser headers": ("POST", "sw.example", None, None, SESSION, RIGHT, True),
    "no form token": (
        "POST",
        "sw.example",
        "https://sw.example",
        "same-origin",
        SESSION,
        None,
        False,
    ),
    "empty form token": (
        "POST",
        "sw.example",
        "https://sw.example",
        "same-origin",
        SESSION,
        "",
        False,
    ),
    "other session's token": (
        "POST",
        "sw.example",
        "https://sw.example",
        "same-origin",
        SESSION,
        csrf_token(OTHER),
        False,
    ),
    "token that is not ASCII": (
        "POST",
        "sw.example",
        "https://sw.example",
        "same-origin",
        SESSION,
        "é",
        False,
    ),
    "other site with a stolen token": (
        "POST",
        "sw.example",
        "https://evil.example",
        "cross-site",
        SESSION,
        RIGHT,
        False,
    ),
    "sibling subdomain": (
        "POST",
        "sw.example",
        "https://x.sw.example",
        "same-site",
        SESSION,
        RIGHT,
        False,
    ),
    "metadata says other site": (
        "POST",
        "sw.example",
        "https://sw.example",
        "cross-site",
        SESSION,
        RIGHT,
        False,
    ),
    "metadata unknown": ("POST", "sw.example", "https://sw.example", "moon", SESSION, RIGHT, False),
    "origin null": ("POST", "sw.example", "null", None, SESSION, RIGHT, False),
    "origin null, metadata same": (
        "POST",
        "sw.example",
        "null",
        "same-origin",
        SESSION,
        RIGHT,
        False,
    ),
    "origin other port": (
        "POST",
        "127.0.0.1:4320",
        "http://127.0.0.1:8000",
        None,
        SESSION,
        RIGHT,
        False,
    ),
    "origin with our host as user": (
        "POST",
        "sw.example",
        "https://sw.example@evil.example",
        None,
        SESSION,
        RIGHT,
        False,
    ),
    "origin with our host as prefix": (
        "POST",
        "sw.example",
        "https://sw.example.evil.example",
        None,
        SESSION,
        RIGHT,
        False,
    ),
    "origin with a path": (
        "POST",
        "sw.example",
        "https://sw.example/x",
        None,
        SESSION,
        RIGHT,
        False,
    ),
    "origin of a file": ("POST", "sw.example", "file://sw.example", None, SESSION, RIGHT, False),
    "origin empty": ("POST", "sw.example", "", None, SESSION, RIGHT, False),
    "origin with a broken port": (
        "POST",
        "sw.example",
        "https://sw.example:x",
        None,
        SESSION,
        RIGHT,
        False,
    ),
    "delete counts too": (
        "DELETE",
        "sw.example",
        "https://evil.example",
        None,
        SESSION,
        RIGHT,
        False,
    ),
    "method in lower case": (
        "post",
        "sw.example",
        "https://sw.example",
        "same-origin",
        SESSION,
        None,
        False,
    ),
    "reading needs no token": ("GET", "sw.example", None, "cross-site", SESSION, None, True),
    "sign-in from our form": (
        "POST",
        "sw.example",
        "https://sw.example",
        "same-origin",
        None,
        None,
        True,
    ),
    "sign-in from a script": ("POST", "sw.example", None, None, None, None, True),
    "sign-in from another site": (
        "POST",
        "sw.example",
        "https://evil.example",
        "cross-site",
        None,
        None,
        False,
    ),
    "sign-in from another site, old browser": (
        "POST",
        "sw.example",
        "https://evil.example",
        None,
        None,
        None,
        False,
    ),
}


@pytest.mark.parametrize("case", list(CASES.values()), ids=list(CASES))
def test_request_passes_only_from_our_own_page(
    case: tuple[str, str, str | None, str | None, str | None, str | None, bool],
) -> None:
    method, host, origin, site, session, form_token, may_pass = case

    reason = csrf_refusal(
        method,
        host=host,
        origin=origin,
        sec_fetch_site=site,
        session_cookie=session,
        form_token=form_token,
    )

    assert (reason is None) is may_pass


def test_refusal_is_a_forbidden_error_with_the_reason() -> None:
    with pytest.raises(ForbiddenError, match="form token is missing"):
        check_csrf(
            "POST",
            host="h",
            origin=None,
            sec_fetch_site=None,
            session_cookie=SESSION,
            form_token=None,
        )


def test_form_token_does_not_show_the_session() -> None:
    assert SESSION not in RIGHT
    assert csrf_token(OTHER) != RIGHT
