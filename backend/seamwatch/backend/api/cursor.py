"""Cursors of lists: opaque to callers, signed, good only for the question they came from."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

import msgspec

from seamwatch.backend.api.problem import ProblemError

__all__ = ["CursorSigner"]

_MAC_BYTES = 16


class CursorSigner:
    """Signs list positions with HMAC-SHA256, cut to 128 bits. Safe from any task.

    Args:
        key: At least 32 random bytes, kept with the state so that cursors outlive a restart.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < 32:
            raise ValueError(f"cursor key: expected at least 32 bytes, got {len(key)}")
        self._key = key

    def sign(self, position: dict[str, Any], *, binding: str) -> str:
        """The cursor for `position` under `binding` (route, tenant and filters)."""
        body = msgspec.json.encode(position)
        return base64.urlsafe_b64encode(self._mac(body, binding) + body).rstrip(b"=").decode()

    def read(self, cursor: str, *, binding: str) -> dict[str, Any]:
        """The position inside `cursor`.

        Raises:
            ProblemError: 400 where it was not signed here, or for another question.
        """
        try:
            raw = base64.b64decode(
                cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True
            )
        except (UnicodeEncodeError, binascii.Error):
            raw = b""
        body = raw[_MAC_BYTES:]
        if not hmac.compare_digest(raw[:_MAC_BYTES], self._mac(body, binding)):
            raise ProblemError(
                400,
                "Invalid cursor",
                detail="cursor: it was not made by this route for this tenant and these filters",
                remedy="send next_cursor as it came, with the same filters, or begin without cursor",
                parameter="cursor",
                value=cursor,
            )
        position: dict[str, Any] = msgspec.json.decode(body)
        return position

    def _mac(self, body: bytes, binding: str) -> bytes:
        return hmac.digest(self._key, binding.encode() + b"\0" + body, hashlib.sha256)[:_MAC_BYTES]
