"""PostgreSQL's binary COPY format, field by field.

A row is a count of fields and, per field, its length and its bytes; values are in network byte order, times in
microseconds since 2000-01-01. Source: PostgreSQL documentation, COPY, "Binary Format".
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "HEADER",
    "NULL",
    "POSTGRES_EPOCH_US",
    "TRAILER",
    "CopyTarget",
    "bigint_array",
    "boolean",
    "bytea",
    "int2",
    "int4",
    "int8",
    "jsonb",
    "numeric",
    "row",
    "smallint_array",
    "text",
    "timestamptz",
]

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
POSTGRES_EPOCH_US = 946_684_800_000_000

_LENGTH = struct.Struct(">i")
_COUNT = struct.Struct(">h")
_INT2 = struct.Struct(">ih")
_INT4 = struct.Struct(">ii")
_INT8 = struct.Struct(">iq")
_INT2_OID, _INT8_OID = 21, 20


@dataclass(frozen=True, slots=True)
class CopyTarget:
    """A relation and the columns that its rows carry, in the order of their fields."""

    relation: str
    columns: tuple[str, ...]


def row(*encoded: bytes) -> bytes:
    """One row of already encoded fields."""
    return _COUNT.pack(len(encoded)) + b"".join(encoded)


def int2(value: int) -> bytes:
    """A smallint field."""
    return _INT2.pack(2, value)


def int4(value: int) -> bytes:
    """An integer field."""
    return _INT4.pack(4, value)


def int8(value: int) -> bytes:
    """A bigint field."""
    return _INT8.pack(8, value)


def boolean(value: bool) -> bytes:
    """A boolean field."""
    return b"\0\0\0\1\1" if value else b"\0\0\0\1\0"


def timestamptz(time_us: int) -> bytes:
    """A timestamptz field from microseconds since 1970."""
    return _INT8.pack(8, time_us - POSTGRES_EPOCH_US)


def bytea(value: bytes) -> bytes:
    """A bytea field; also text that is known to be UTF-8 without NUL."""
    return _LENGTH.pack(len(value)) + value


def text(value: str) -> bytes:
    """A text field; NUL, which PostgreSQL cannot hold, becomes U+FFFD."""
    return bytea(value.replace("\0", "\ufffd").encode())


def jsonb(json: bytes) -> bytes:
    """A jsonb field from JSON text."""
    return _LENGTH.pack(len(json) + 1) + b"\1" + json


def numeric(value: int) -> bytes:
    """A numeric field from a non-negative integer of any size."""
    digits: list[int] = []
    while value:
        value, digit = divmod(value, 10_000)
        digits.append(digit)
    digits.reverse()
    weight = len(digits) - 1
    while digits and digits[-1] == 0:
        digits.pop()
    body = struct.pack(f">hhHh{len(digits)}h", len(digits), weight if digits else 0, 0, 0, *digits)
    return bytea(body)


def smallint_array(values: Sequence[int]) -> bytes:
    """A smallint[] field of one dimension."""
    return _array(values, _INT2_OID, 2, "h")


def bigint_array(values: Sequence[int]) -> bytes:
    """A bigint[] field of one dimension."""
    return _array(values, _INT8_OID, 8, "q")


def _array(values: Sequence[int], oid: int, width: int, code: str) -> bytes:
    if not values:
        return bytea(struct.pack(">iii", 0, 0, oid))
    flat: list[int] = []
    for value in values:
        flat += (width, value)
    return bytea(struct.pack(">iiiii" + f"i{code}" * len(values), 1, 0, oid, len(values), 1, *flat))
