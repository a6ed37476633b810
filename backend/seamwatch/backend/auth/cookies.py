"""The session cookie: how it is set, read and taken back.

``__Host-`` makes the browser itself refuse the cookie unless it is Secure, without Domain and for Path=/,
so that neither a subdomain nor plain HTTP can plant one. Chromium (checked with 156) and Firefox treat
http://127.0.0.1 and http://localhost as trustworthy and keep it there too; plain HTTP beyond loopback
does not, and gets no weaker cookie in its place.
"""

from __future__ import annotations

from seamwatch.backend.auth.peer import is_loopback

__all__ = [
    "COOKIE_NAME",
    "can_keep_cookie",
    "clear_cookie_header",
    "read_cookie",
    "set_cookie_header",
]

COOKIE_NAME = "__Host-seamwatch"

_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"
_MAX_COOKIE_LENGTH = 128


def can_keep_cookie(scheme: str, host: str) -> bool:
    """Whether a browser at this origin keeps the cookie: HTTPS, or plain HTTP on this machine.

    Where false, the sign-in page says so instead of asking for a token in clear text.

    Args:
        scheme: ``http`` or ``https``.
        host: The Host header, with or without a port.
    """
    if scheme == "https":
        return True
    name = host.rpartition(":")[0] if host.count(":") == 1 else host
    if name.lower() == "localhost":
        return True
    return not host.startswith("unix:") and is_loopback(host)


def set_cookie_header(value: str, *, max_age_s: float) -> str:
    """Value of the Set-Cookie header that begins a session."""
    return f"{COOKIE_NAME}={value}; Max-Age={int(max_age_s)}; {_ATTRIBUTES}"


def clear_cookie_header() -> str:
    """Value of the Set-Cookie header that ends a session."""
    return f"{COOKIE_NAME}=; Max-Age=0; {_ATTRIBUTES}"


def read_cookie(header: str | None) -> str | None:
    """The session cookie in a Cookie header; None where absent, given twice, or not one of ours."""
    found: str | None = None
    for part in (header or "").split(";"):
        name, _, value = part.strip().partition("=")
        if name != COOKIE_NAME:
            continue
        if found is not None:
            return None
        found = value
    if (
        not found
        or len(found) > _MAX_COOKIE_LENGTH
        or not found.replace("-", "").replace("_", "").isalnum()
    ):
        return None
    return found if found.isascii() else None
