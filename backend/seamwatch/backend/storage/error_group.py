"""What kind of error a span tells of: its type, its message, and a fingerprint that survives ids and numbers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
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

    Type: ``error.type``, else the last exception event's ``exception.type``, else the HTTP status (old or new name),
    else ``unknown``. Message: the status message, else the exception's, else empty.
    """
    exception: Mapping[str, Any] = {}
    for event in events:
        if event.get("name") == "exception" and isinstance(event.get("attributes"), Mapping):
            exception = event["attributes"]
    found = attributes.get("error.type") or exception.get("exception.type")
    if not found:
        found = (
            attributes.get("http.response.status_code")
            or attributes.get("http.status_code")
            or "unknown"
        )
    message = status_message or str(exception.get("exception.message") or "")
    return str(found)[:_TYPE_LENGTH], message[:_MESSAGE_LENGTH]


@lru_cache(maxsize=4096)
def fingerprint(error_type: str, message: str) -> int:
    """Signed 64-bit digest of the type and of the message without its variable parts."""
    shape = _VARIABLE.sub("#", message)
    digest = hashlib.blake2b(f"{error_type}\0{shape}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
