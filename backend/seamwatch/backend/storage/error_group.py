"""What kind of error a span tells of: its type, its message, and a fingerprint that survives ids and numbers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

__all__ = ["describe_error", "fingerprint"]

_MESSAGE_LENGTH = 500
_TYPE_LENGTH = 200
# Order matters: the longest forms first, so that a UUID is not read as five numbers.
_VARIABLE = re.compile(
    r"""(?x)
    \b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b   # UUID
    | \b0x[0-9a-fA-F]+\b                                       # address
    | \b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{8,}\b                    # hash or id
    | "[^"]*" | '[^']*'                                        # quoted value
    | \d+(?:\.\d+)*                                            # number, version, address
    """
)


def describe_error(
    attributes: Mapping[str, Any], events: Sequence[Mapping[str, Any]], status_message: str
) -> tuple[str, str]:
    """Type and message of a failed span.

    Type: ``error.type`` where it names more than an HTTP status, else the last exception event's
    ``exception.type``, else the HTTP status (old or new name) as ``HTTP 500``, else ``unknown``. Message: the status
    message, else the exception's, else empty. Values that are no text, number or boolean count as absent, and numbers
    have one form: both are the same before PostgreSQL stores them and after.
    """
    exception: Mapping[str, Any] = {}
    for event in events:
        if event.get("name") == "exception" and isinstance(event.get("attributes"), Mapping):
            exception = event["attributes"]
    named = _text(attributes.get("error.type"))
    status = (
        named
        if named.isdigit()
        else _text(attributes.get("http.response.status_code"))
        or _text(attributes.get("http.status_code"))
    )
    if named.isdigit():
        named = ""
    found = (
        named
        or _text(exception.get("exception.type"))
        or (f"HTTP {status}" if status else "unknown")
    )
    message = status_message.replace("\0", "\ufffd") or _text(exception.get("exception.message"))
    return found[:_TYPE_LENGTH], message[:_MESSAGE_LENGTH]


@lru_cache(maxsize=4096)
def fingerprint(error_type: str, message: str) -> int:
    """Signed 64-bit digest of the type and of the message without its variable parts."""
    shape = _VARIABLE.sub("#", message)
    digest = hashlib.blake2b(f"{error_type}\0{shape}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _text(value: object) -> str:
    """A scalar as text; empty for 0, False and anything else."""
    if not value or isinstance(value, Mapping | list):
        return ""
    if isinstance(value, float) and value.is_integer():
        # jsonb is decimal and writes no exponent: 1e+23 comes back as an integer of the same digits.
        return str(int(Decimal(repr(value))))
    return str(value)
