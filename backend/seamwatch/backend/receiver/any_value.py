"""Attributes from wire bytes to JSON text, remembered by their bytes.

A service sends the same few hundred ``KeyValue`` encodings again and again; a dictionary from those bytes to the
finished JSON fragment is the fastest decoder there is. What is seen for the first time goes through a hand-read fast
path for short scalars, everything else through protobuf's own parser.
"""

from __future__ import annotations

import base64
import math
import struct
import threading
from collections.abc import Callable
from typing import Any

import orjson
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from seamwatch.backend.receiver.ingest_protocol import TooLargeError
from seamwatch.backend.receiver.wire import MalformedError, fields

__all__ = [
    "MAX_NESTED_PER_REQUEST",
    "AttributeFragments",
    "ValueLimitError",
    "text_json",
    "value_of",
]

MAX_NESTED_PER_REQUEST = 131_072
"""Values inside arrays and maps, and attributes of events, links, resources and scopes: 100 ms of work."""

_REMEMBERED_BYTES = 160  # longer encodings are mostly unique: stack traces, queries, prompts
_COUNT_BEYOND_BYTES = (
    16_384  # a nested value larger than this is counted on the wire before it is built
)
_MAX_NESTED_VALUES = 10_000
_MAX_DEPTH = 32
_DOUBLE = struct.Struct("<d")


class ValueLimitError(MalformedError):
    """A value is nested deeper or wider than the receiver accepts."""


class _Budget(threading.local):
    """What is left of `MAX_NESTED_PER_REQUEST` for the request that this thread decodes."""

    left = MAX_NESTED_PER_REQUEST


class AttributeFragments(dict[bytes, bytes]):
    """Wire bytes of a ``KeyValue`` -> ``b'"key":value'``, made on first sight, bounded in two generations.

    Safe from several threads: each operation is one of dict's own, and a lost update costs one more decode.

    Raises on look-up:
        MalformedError: The bytes are no KeyValue, or a text in it is not UTF-8.
        TooLargeError: The request holds too many values, see `begin_request`.
    """

    def __init__(self, capacity: int = 65_536) -> None:
        super().__init__()
        self._capacity = capacity
        self._previous: dict[bytes, bytes] = {}
        self._budget = _Budget()

    def begin_request(self) -> None:
        """Give this thread a whole budget of `MAX_NESTED_PER_REQUEST`."""
        self._budget.left = MAX_NESTED_PER_REQUEST

    def spend(self, count: int) -> None:
        """Take `count` values from this thread's budget, before they are built.

        Raises:
            TooLargeError: That many are not left.
        """
        self._budget.left -= count
        if self._budget.left < 0:
            raise TooLargeError(
                f"more than {MAX_NESTED_PER_REQUEST} values in arrays, maps, events, links and resources of one "
                "request; send smaller batches"
            )

    def __missing__(self, wire: bytes) -> bytes:
        fragment = self._previous.get(wire)
        if fragment is None:
            fragment = _short_scalar(wire)
            if fragment is None:
                fragment = self._any_key_value(wire)
        if len(wire) <= _REMEMBERED_BYTES:
            if len(self) >= self._capacity:
                self._previous = dict(self)
                self.clear()
            self[wire] = fragment
        return fragment

    def _any_key_value(self, wire: bytes) -> bytes:
        if len(wire) > _COUNT_BEYOND_BYTES:
            self.spend(_count_nested(wire))
        try:
            attribute = KeyValue.FromString(wire)
        except DecodeError as error:
            raise MalformedError(f"an attribute cannot be decoded: {error}") from error
        try:
            value = value_of(attribute.value, self.spend)
            return text_json(attribute.key) + b":" + orjson.dumps(value)
        except (orjson.JSONEncodeError, RecursionError) as error:
            raise MalformedError(
                f"attribute {attribute.key!r} cannot be written as JSON: {error}"
            ) from error


def text_json(text: str) -> bytes:
    """A string as JSON; NUL, which PostgreSQL cannot hold, becomes U+FFFD."""
    return orjson.dumps(text.replace("\0", "\ufffd") if "\0" in text else text)


def value_of(value: AnyValue, spend: Callable[[int], None], depth: int = 0) -> Any:
    """An AnyValue as what `orjson` writes: bytes as ``{"@bytes": base64}``, NaN and infinities as their names.

    Args:
        value: The message.
        spend: Told the size of each array and map before it is built; may raise.
        depth: Levels of values around this one.

    Raises:
        ValueLimitError: Nested deeper than 32.
    """
    if depth > _MAX_DEPTH:
        raise ValueLimitError(f"an attribute value is nested deeper than {_MAX_DEPTH}")
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "string_value":
        return value.string_value.replace("\0", "\ufffd")
    if kind == "double_value":
        return _double(value.double_value)
    if kind == "array_value":
        values = value.array_value.values
        spend(len(values))
        return [value_of(item, spend, depth + 1) for item in values]
    if kind == "kvlist_value":
        pairs = value.kvlist_value.values
        spend(len(pairs))
        return {
            item.key.replace("\0", "\ufffd"): value_of(item.value, spend, depth + 1)
            for item in pairs
        }
    if kind == "bytes_value":
        return {"@bytes": base64.b64encode(value.bytes_value).decode()}
    return getattr(value, kind) if kind in ("int_value", "bool_value") else None


def _double(number: float) -> float | str:
    if math.isfinite(number):
        return number
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def _short_scalar(wire: bytes) -> bytes | None:
    """The fragment of a key and a scalar of less than 128 bytes each; None: not of that plain form."""
    try:
        if wire[0] != 0x0A or wire[1] >= 0x80:
            return None
        position = 2 + wire[1]
        if (
            wire[position] != 0x12
            or position + 2 + wire[position + 1] != len(wire)
            or wire[position + 1] >= 0x80
        ):
            return None
        tag = wire[position + 2]
        if tag == 0x0A:
            if position + 4 + wire[position + 3] != len(wire):
                return None
            rendered = text_json(wire[position + 4 :].decode())
        elif tag == 0x21 and len(wire) == position + 11:
            rendered = orjson.dumps(_double(_DOUBLE.unpack_from(wire, position + 3)[0]))
        elif tag == 0x10 and len(wire) == position + 4 and wire[position + 3] <= 1:
            rendered = b"true" if wire[position + 3] else b"false"
        elif tag == 0x18:
            number = shift = 0
            for byte in wire[position + 3 :]:
                number |= (byte & 0x7F) << shift
                shift += 7
            if shift > 63 or wire[-1] >= 0x80:  # negative numbers take ten bytes
                return None
            rendered = b"%d" % number
        else:
            return None
        return text_json(wire[2 : 2 + wire[1]].decode()) + b":" + rendered
    except (IndexError, UnicodeDecodeError):
        return None  # the general path says what is wrong with it


def _count_nested(key_value: bytes) -> int:
    """Count values inside a large attribute on the wire, so that nothing is built from a bomb."""
    left = _MAX_NESTED_VALUES
    # (message, kind): KeyValue holds AnyValue in 2; AnyValue holds ArrayValue in 5, KeyValueList in 6; both items in 1
    stack: list[tuple[bytes, str, int]] = [(key_value, "pair", 0)]
    while stack:
        message, kind, depth = stack.pop()
        if depth > 2 * _MAX_DEPTH:
            raise ValueLimitError(f"an attribute value is nested deeper than {_MAX_DEPTH}")
        for number, start, end in fields(message):
            left -= 1
            if left < 0:
                raise ValueLimitError(f"an attribute holds more than {_MAX_NESTED_VALUES} values")
            if start < 0:
                continue
            if kind == "pair" and number == 2:
                stack.append((message[start:end], "value", depth + 1))
            elif kind == "value" and number in (5, 6):
                stack.append((message[start:end], "array" if number == 5 else "list", depth + 1))
            elif kind in ("array", "list") and number == 1:
                stack.append(
                    (message[start:end], "value" if kind == "array" else "pair", depth + 1)
                )
    return _MAX_NESTED_VALUES - left
