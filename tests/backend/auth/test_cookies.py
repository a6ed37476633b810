"""Setting, reading and clearing the session cookie."""

from __future__ import annotations

import pytest

from seamwatch.backend.auth.cookies import (
    can_keep_cookie,
    clear_cookie_header,
    read_cookie,
    set_cookie_header,
)


def test_cookie_carries_every_attribute_that_the_host_prefix_and_we_ask_for() -> None:
    parts = set_cookie_header("abc", max_age_s=43200.0).split("; ")

    assert parts[0] == "__Host-seamwatch=abc"
    assert set(parts[1:]) == {"Max-Age=43200", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"}


def test_clearing_ends_the_same_cookie_at_once() -> None:
    assert clear_cookie_header().startswith("__Host-seamwatch=; Max-Age=0; Path=/; Secure")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("__Host-seamwatch=abc_-9", "abc_-9"),
        ("a=1; __Host-seamwatch=abc; b=2", "abc"),
        (None, None),
        ("", None),
        ("seamwatch=abc", None),
        ("__Host-seamwatch=", None),
        ("__Host-seamwatch=abc; __Host-seamwatch=def", None),
        ("__Host-seamwatch=a b", None),
        ("__Host-seamwatch=é", None),
        ("__Host-seamwatch=" + "a" * 200, None),
    ],
)
def test_cookie_is_read_only_where_it_is_one_of_ours_and_stands_once(
    header: str | None, value: str | None
) -> None:
    assert read_cookie(header) == value


@pytest.mark.parametrize(
    ("scheme", "host", "is_kept"),
    [
        ("https", "sw.example", True),
        ("http", "127.0.0.1:4320", True),
        ("http", "localhost:4320", True),
        ("http", "LOCALHOST", True),
        ("http", "[::1]:4320", True),
        ("http", "sw.example:4320", False),
        ("http", "192.0.2.1:4320", False),
        ("http", "unix:/x", False),
    ],
)
def test_browser_keeps_the_cookie_over_https_or_on_this_machine(
    scheme: str, host: str, is_kept: bool
) -> None:
    assert can_keep_cookie(scheme, host) is is_kept
