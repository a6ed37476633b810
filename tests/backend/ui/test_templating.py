"""The template environment."""

from __future__ import annotations

from datetime import UTC, datetime

import jinja2
import pytest

from seamwatch.backend.ui.templating import Frame, Templates, link

FRAME = Frame(now=datetime(2026, 11, 24, tzinfo=UTC))


def test_name_that_a_page_forgot_to_pass_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        Templates().render("message.html", frame=FRAME)


def test_address_quotes_what_it_is_given_and_leaves_out_what_is_empty() -> None:
    address = link("/traces", {"service": "a&b=<c>", "status": ""}, operation=None, window="1h")

    assert address == "/traces?service=a%26b%3D%3Cc%3E&window=1h"


def test_link_keeps_the_tenant_that_an_admin_looks_at() -> None:
    frame = Frame(now=FRAME.now, tenant_name="acme", tenant_parameter="acme")

    html = Templates().render(
        "errors.html", frame=frame, windows=("1h",), window="1h", service="", services=[],
        groups=[], next_href=None,
    )  # fmt: skip

    assert 'href="/errors?window=1h&amp;tenant=acme"' in html
    assert 'name="tenant" value="acme"' in html
