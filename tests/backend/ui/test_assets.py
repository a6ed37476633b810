"""The pages' own files."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import pytest

from seamwatch.backend.ui.assets import Assets

Get = Callable[..., Any]


@pytest.fixture(scope="module")
def assets() -> Assets:
    return Assets()


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("seamwatch.css", "text/css; charset=utf-8"),
        ("live.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
def test_file_is_immutable_under_the_hash_of_its_content(
    get: Get, assets: Assets, name: str, media_type: str
) -> None:
    answer = get(assets.url(name), role=None)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_other_hash_gives_404_so_that_no_stale_file_is_kept(get: Get) -> None:
    assert get("/static/0000000000000000/seamwatch.css", role=None).status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        "../assets.py",
        "..%2fassets.py",
        "%2e%2e/assets.py",
        "/etc/passwd",
        "",
        "templates/frame.html",
    ],
)
def test_nothing_outside_the_folder_can_be_named(get: Get, assets: Assets, name: str) -> None:
    digest = assets.url("seamwatch.css").split("/")[2]

    assert get(f"/static/{digest}/{name}", role=None).status_code == 404


def test_range_header_is_ignored(get: Get, assets: Assets) -> None:
    answer = get(assets.url("live.js"), role=None, headers={"Range": "bytes=0-1,2-3,4-5"})

    assert answer.status_code == 200
    assert "content-range" not in answer.headers


def test_file_is_compressed_only_for_who_asks_for_it(get: Get, assets: Assets) -> None:
    plain = get(assets.url("seamwatch.css"), role=None, headers={"Accept-Encoding": "identity"})
    squeezed = get(assets.url("seamwatch.css"), role=None, headers={"Accept-Encoding": "gzip"})

    assert "content-encoding" not in plain.headers
    assert squeezed.headers["content-encoding"] == "gzip"
    assert plain.text == squeezed.text


def test_known_file_is_answered_304(get: Get, assets: Assets) -> None:
    url = assets.url("theme.js")
    etag = get(url, role=None).headers["etag"]

    assert get(url, role=None, headers={"If-None-Match": etag}).status_code == 304


def test_first_view_transfers_little_script_and_style(assets: Assets) -> None:
    names = ("seamwatch.css", "theme.js", "live.js", "waterfall.js", "icon.svg")

    total = sum(len(gzip.compress(assets.body(name))) for name in names)

    assert total < 20_000
