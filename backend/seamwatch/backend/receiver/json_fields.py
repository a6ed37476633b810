"""Protobuf wire encoding of single fields, and the errors that name the JSON field they come from.

Every encoder takes a field's tag and returns the tagged field: messages are joins of such pieces, so nothing is
ever built twice.
"""

from __future__ import annotations

import re
import struct
from base64 import b64decode
from typing import TypeAlias

from seamwatch.core import RejectedError

__all__ = [
    "FIXED64",
    "LENGTH",
    "VARINT",
    "InvalidFieldError",
    "Number",
    "double_bits",
    "hex_id",
    "int64",
    "length_delimited",
    "tag",
    "text",
    "uint32",
    "uint64",
    "varint",
]

Number: TypeAlias = int | float | str

VARINT = 0
FIXED64 = 1
LENGTH = 2
FIXED32 = 5

_SURROGATE = re.compile("[\ud800-\udfff]")
_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.0{1,20})?", re.ASCII)
_DOUBLE = re.compile(r"-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,8})?", re.ASCII)
_NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_URL_SAFE = str.maketrans("-_", "+/")
_SMALL = 4096
_pack_double = struct.Struct("<d").pack


class InvalidFieldError(RejectedError):
    """A JSON value does not fit its field; `path` grows from the inside out as the error rises."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path = path
        self.reason = reason

    def under(self, prefix: str) -> InvalidFieldError:
        """The same error as seen from one level further out."""
        separator = "." if prefix and self.path and not self.path.startswith("[") else ""
        return InvalidFieldError(f"{prefix}{separator}{self.path}", self.reason)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_VARINTS = tuple(_varint(value) for value in range(_SMALL))


def varint(value: int) -> bytes:
    """`value` >= 0 as a varint."""
    return _VARINTS[value] if value < _SMALL else _varint(value)


def tag(number: int, wire_type: int) -> bytes:
    """The tag of a field."""
    return _varint(number << 3 | wire_type)


def length_delimited(field_tag: bytes, content: bytes | bytearray) -> bytes:
    """A string, bytes or message field."""
    size = len(content)
    return field_tag + (_VARINTS[size] if size < _SMALL else _varint(size)) + content


def text(field_tag: bytes, value: str) -> bytes:
    """A string field."""
    return length_delimited(field_tag, value.encode())


def integer(value: Number, name: str) -> int:
    """A 64-bit integer as OTLP/JSON writes it: a number or a decimal string.

    Raises:
        InvalidFieldError: It is another string, or has a fraction.
    """
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is str and (value.isascii() and value.isdigit() and len(value) <= 20):
        return int(value)
    if type(value) is str and _DECIMAL.fullmatch(value):
        return int(value.partition(".")[0])
    raise InvalidFieldError(name, f"expected a whole number, got {_shown(value)}")


def uint64(value: Number, name: str) -> int:
    """An unsigned 64-bit integer."""
    number = integer(value, name)
    if not 0 <= number < 1 << 64:
        raise InvalidFieldError(name, f"expected 0 to 2^64-1, got {_shown(value)}")
    return number


def uint32(value: Number, name: str) -> int:
    """An unsigned 32-bit integer."""
    number = integer(value, name)
    if not 0 <= number < 1 << 32:
        raise InvalidFieldError(name, f"expected 0 to 2^32-1, got {_shown(value)}")
    return number


def int64(value: Number, name: str) -> int:
    """A signed 64-bit integer, as the unsigned one that its varint holds."""
    number = integer(value, name)
    if not -(1 << 63) <= number < 1 << 63:
        raise InvalidFieldError(name, f"expected a signed 64-bit number, got {_shown(value)}")
    return number & 0xFFFF_FFFF_FFFF_FFFF


def enum(value: int, name: str) -> int:
    """An enum's number, known or not, as the unsigned one that its varint holds."""
    if not -(1 << 31) <= value < 1 << 31:
        raise InvalidFieldError(name, f"expected a signed 32-bit number, got {_shown(value)}")
    return value & 0xFFFF_FFFF_FFFF_FFFF


def double_bits(value: Number, name: str) -> bytes:
    """The eight bytes of a double; ``"NaN"``, ``"Infinity"``, ``"-Infinity"`` and numbers in strings are allowed."""
    if type(value) is str:
        if value in _NOT_FINITE:
            return _pack_double(_NOT_FINITE[value])
        if not _DOUBLE.fullmatch(value):
            raise InvalidFieldError(name, f"expected a number, got {_shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if number in (float("inf"), float("-inf")):
        raise InvalidFieldError(name, "the number does not fit a double")
    return _pack_double(number)


def hex_id(value: str) -> bytes:
    """The bytes of a trace or span id; hex in either case.

    Text that is no hex becomes one zero byte: an id of wrong length, so that the decoder rejects this item alone,
    and never an absent parent, which would make a root of it.
    """
    try:
        return bytes.fromhex(value)
    except ValueError:
        return b"\0"


def base64(value: str, name: str) -> bytes:
    """Bytes in standard or URL-safe base64, padded or not."""
    unpadded = value.rstrip("=")
    try:
        return b64decode(unpadded.translate(_URL_SAFE) + "=" * (-len(unpadded) % 4), validate=True)
    except ValueError:
        raise InvalidFieldError(name, f"expected base64, got {_shown(value)}") from None


def _shown(value: Number) -> str:
    """A value short enough for a message, fit for any encoding."""
    shown = repr(value) if type(value) is str else str(value)
    return _SURROGATE.sub("\ufffd", shown if len(shown) <= 64 else shown[:61] + "...")
