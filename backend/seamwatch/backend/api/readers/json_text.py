"""JSON of the database on its way to a caller: nothing in it ever goes through a float."""

from __future__ import annotations

import re

import msgspec

from seamwatch.backend.api.types import JsonText

__all__ = ["json_text"]

_MAX_SAFE = 2**53
_LONG_DIGITS = re.compile(r"\d{16}")
# A string is matched whole, so that digits inside it are left alone. Possessive, where Python has it from 3.11
# on: a repeated choice would keep 100 bytes of memory for each character of the string, to go back to.
_STRING_OR_NUMBER = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?')
_INTEGER = re.compile(r"-?\d{16,}")


def json_text(text: str | None, default: str = "{}") -> JsonText:
    """`text` as it is, but integers beyond 2^53, which JavaScript would round, as strings.

    Args:
        text: JSON as PostgreSQL prints jsonb; None stands for `default`.
        default: JSON text.
    """
    if text is None:
        text = default
    elif _LONG_DIGITS.search(text) is not None:
        text = _STRING_OR_NUMBER.sub(_quote_long_integer, text)
    return msgspec.Raw(text.encode())


def _quote_long_integer(match: re.Match[str]) -> str:
    """One string or number, quoted where it is an integer that a double cannot hold exactly."""
    token = match.group()
    # Compared as text length first: int() refuses more than 4,300 digits.
    if _INTEGER.fullmatch(token) and (len(token) > 18 or abs(int(token)) > _MAX_SAFE):
        return f'"{token}"'
    return token
