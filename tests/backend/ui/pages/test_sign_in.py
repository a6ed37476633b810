"""Signing in and out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seamwatch.backend.ui.pages.form_body import safe_path

Get = Callable[..., Any]


def post(get: Get, path: str, fields: dict[str, str], **headers: str) -> Any:
    return get(path, method="POST", role=None, data=fields, headers=headers)


def test_token_becomes_a_session_cookie_and_the_page_that_was_asked_for(get: Get) -> None:
    answer = post(get, "/sign-in", {"token": "swk_viewer", "next": "/traces?service=a"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/traces?service=a")
    assert answer.headers["set-cookie"].startswith("__Host-seamwatch=cookie-token-0;")
    assert "HttpOnly" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    ("token", "status", "message"),
    [
        ("swk_wrong", 401, "not accepted"),
        ("swk_ingest", 403, "no role for these pages"),
        ("swk_locked", 429, "Try again in 30 seconds"),
    ],
)
def test_refused_token_is_explained_without_being_repeated(
    get: Get, token: str, status: int, message: str
) -> None:
    answer = post(get, "/sign-in", {"token": token})

    assert answer.status_code == status
    assert message in answer.text
    assert token not in answer.text


def test_opening_a_link_does_not_use_it_up(get: Get) -> None:
    landing = get("/sign-in/link?code=once", role=None)
    redeemed = post(get, "/sign-in/link", {"code": "once"})
    again = post(get, "/sign-in/link", {"code": "once"})

    assert 'name="code" value="once"' in landing.text
    assert [redeemed.status_code, again.status_code] == [303, 401]
    assert "used before" in again.text


def test_form_of_another_site_is_refused(get: Get) -> None:
    answer = post(get, "/sign-in", {"token": "swk_viewer"}, Origin="https://evil.example")

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_sign_out_needs_the_form_token_of_the_session(get: Get) -> None:
    cookie = post(get, "/sign-in", {"token": "swk_viewer"}).headers["set-cookie"].partition(";")[0]
    page = get("/", role=None, headers={"Cookie": cookie}).text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]

    without = post(get, "/sign-out", {"csrf_token": "x"}, Cookie=cookie)
    with_it = post(get, "/sign-out", {"csrf_token": token}, Cookie=cookie)
    after = get("/", role=None, headers={"Cookie": cookie})

    assert [without.status_code, with_it.status_code, after.status_code] == [403, 303, 303]
    assert "Max-Age=0" in with_it.headers["set-cookie"]


def test_form_that_is_too_large_is_not_read_to_its_end(get: Get) -> None:
    assert post(get, "/sign-in", {"token": "x" * 20_000}).status_code == 413


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\nb",
        "",
        "/sign-out",
    ],
)
def test_sign_in_never_leads_away(target: str) -> None:
    assert safe_path(target) == "/"
