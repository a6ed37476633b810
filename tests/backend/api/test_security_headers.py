"""Every answer carries the headers, also refusals."""

from __future__ import annotations

from typing import Any

import pytest

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


@pytest.mark.parametrize(
    ("path", "host"),
    [("/healthz", "localhost"), ("/nothing", "localhost"), ("/api/apm/services", "evil.test")],
)
def test_answers_carry_the_policy(api: Any, path: str, host: str) -> None:
    headers = api.get(path, headers={"Host": host}).headers

    assert headers["Content-Security-Policy"] == _POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Permissions-Policy" in headers


def test_strict_transport_is_asked_for_under_tls_only(api: Any) -> None:
    over_tls = api.with_services(is_tls=True).get("/healthz").headers
    plain = api.get("/healthz").headers

    assert over_tls["Strict-Transport-Security"].startswith("max-age=31536000")
    assert "Strict-Transport-Security" not in plain
