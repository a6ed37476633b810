"""Decides whether a browser's request with a session cookie was made by our own pages.

Three independent signs, all pure: Fetch Metadata (the browser says where the request came from), Origin
against Host, and a token in the form that only a page of this session could have read.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from seamwatch.backend.auth.errors import ForbiddenError

__all__ = ["check_csrf", "csrf_refusal", "csrf_token"]

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_CONTEXT = b"seamwatch csrf v1"


def csrf_token(session_cookie: str) -> str:
    """The form token of a session: HMAC-SHA256 under the cookie, which no foreign page can read."""
    return hmac.new(session_cookie.encode("utf-8"), _CONTEXT, hashlib.sha256).hexdigest()


def csrf_refusal(
    method: str,
    *,
    host: str,
    origin: str | None,
    sec_fetch_site: str | None,
    session_cookie: str | None,
    form_token: str | None,
) -> str | None:
    """Why the request must be refused; None where it may pass.

    Args:
        method: HTTP method.
        host: The Host header (checked against the allowed hosts before).
        origin: The Origin header, None where absent.
        sec_fetch_site: The Sec-Fetch-Site header, None where absent.
        session_cookie: The session the request came with; None: none yet (the sign-in form), then no form
            token can be asked for.
        form_token: The token of the form or of the X-Seamwatch-CSRF header, None where absent.
    """
    if method.upper() in _SAFE_METHODS:
        return None
    if sec_fetch_site is not None and sec_fetch_site not in ("same-origin", "none"):
        return "the request comes from another site"
    if origin is not None and not _same_host(origin, host):
        return "the Origin header names another site"
    if session_cookie is None:
        return None
    if form_token is None:
        return "the form token is missing"
    if not hmac.compare_digest(
        form_token.encode("utf-8"), csrf_token(session_cookie).encode("ascii")
    ):
        return "the form token belongs to another session: reload the page"
    return None


def check_csrf(
    method: str,
    *,
    host: str,
    origin: str | None,
    sec_fetch_site: str | None,
    session_cookie: str | None,
    form_token: str | None,
) -> None:
    """`csrf_refusal` as an error.

    Raises:
        ForbiddenError: The request must be refused.
    """
    reason = csrf_refusal(
        method,
        host=host,
        origin=origin,
        sec_fetch_site=sec_fetch_site,
        session_cookie=session_cookie,
        form_token=form_token,
    )
    if reason is not None:
        raise ForbiddenError(reason)


def _same_host(origin: str, host: str) -> bool:
    """Whether an Origin and a Host header name the same host and port, default ports left out."""
    try:
        parts = urlsplit(origin)
        default_port = {"http": 80, "https": 443}.get(parts.scheme)
        if (
            default_port is None
            or parts.hostname is None
            or parts.path
            or parts.query
            or parts.username
        ):
            return False
        wanted = urlsplit(f"{parts.scheme}://{host}")
        return (parts.hostname, parts.port or default_port) == (
            wanted.hostname,
            wanted.port or default_port,
        )
    except ValueError:
        return False
