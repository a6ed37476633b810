"""Walks protobuf's wire format: counts before anything is built, and splits a batch so that one bad item costs one item.

Protobuf itself would build five million empty spans from ten kilobytes of gzip before anyone can say no, and refuses
a whole batch for one broken span. Both are decided here, on the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator

from seamwatch.core.errors import RejectedError

__all__ = ["MalformedError", "count_fields", "fields", "read_varint"]

_LENGTH_DELIMITED = 2
_FIXED = {1: 8, 5: 4}
_END_GROUP = 4
_START_GROUP = 3
_MAX_GROUPS = 100  # protobuf's own parsers go no deeper


class MalformedError(RejectedError):
    """The bytes are not protobuf; says at which offset."""


def read_varint(buffer: bytes, position: int) -> tuple[int, int]:
    """The varint at `position` and the position behind it.

    Raises:
        MalformedError: It is cut off or longer than ten bytes.
    """
    result = shift = 0
    try:
        while True:
            byte = buffer[position]
            position += 1
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result, position
            shift += 7
            if shift > 63:
                raise MalformedError(
                    f"malformed protobuf: a varint of more than 10 bytes before offset {position}"
                )
    except IndexError:
        raise MalformedError(f"malformed protobuf: cut off at offset {position}") from None


def fields(buffer: bytes) -> Iterator[tuple[int, int, int]]:
    """Each top-level field of a message as ``(number, start, end)``: for length-delimited ones, of their content.

    Fields of other wire types come with ``start == -1``. Unknown groups are skipped.

    Raises:
        MalformedError: The bytes are not a message.
    """
    position, size = 0, len(buffer)
    while position < size:
        tag = buffer[position]
        if tag < 0x80:
            position += 1
        else:
            tag, position = read_varint(buffer, position)
        wire_type = tag & 7
        if wire_type == _LENGTH_DELIMITED:
            try:
                length = buffer[position]
            except IndexError:
                raise MalformedError(f"malformed protobuf: cut off at offset {position}") from None
            if length < 0x80:
                position += 1
            else:
                length, position = read_varint(buffer, position)
            end = position + length
            if end > size:
                raise MalformedError(
                    f"malformed protobuf: a field of {length} bytes runs past the end at offset {position}"
                )
            yield tag >> 3, position, end
            position = end
        elif wire_type == 0:
            _, position = read_varint(buffer, position)
            yield tag >> 3, -1, -1
        elif wire_type in _FIXED:
            position += _FIXED[wire_type]
            if position > size:
                raise MalformedError(f"malformed protobuf: cut off at offset {size}")
            yield tag >> 3, -1, -1
        elif wire_type == _START_GROUP:
            position = _skip_group(buffer, position, tag >> 3)
            yield tag >> 3, -1, -1
        else:
            raise MalformedError(f"malformed protobuf: wire type {wire_type} at offset {position}")


def count_fields(buffer: bytes, limit: int) -> int:
    """Number of top-level fields, counting no further than one beyond `limit`."""
    count = 0
    for _ in fields(buffer):
        count += 1
        if count > limit:
            break
    return count


def _skip_group(buffer: bytes, position: int, number: int) -> int:
    """The position behind a group, an old form of nesting that OTLP does not use but an unknown field may have."""
    opened = [number]
    while opened:
        tag, position = read_varint(buffer, position)
        wire_type = tag & 7
        if wire_type == _END_GROUP:
            if tag >> 3 != opened.pop():
                raise MalformedError(f"malformed protobuf: another group ends at offset {position}")
        elif wire_type == _START_GROUP:
            opened.append(tag >> 3)
            if len(opened) > _MAX_GROUPS:
                raise MalformedError(f"malformed protobuf: groups nested deeper than {_MAX_GROUPS}")
        elif wire_type == 0:
            _, position = read_varint(buffer, position)
        elif wire_type == _LENGTH_DELIMITED:
            length, position = read_varint(buffer, position)
            position += length
        elif wire_type in _FIXED:
            position += _FIXED[wire_type]
        else:
            raise MalformedError(f"malformed protobuf: wire type {wire_type} at offset {position}")
        if position > len(buffer):
            raise MalformedError(f"malformed protobuf: cut off at offset {len(buffer)}")
    return position
