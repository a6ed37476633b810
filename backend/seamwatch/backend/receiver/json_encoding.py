"""OTLP/JSON to OTLP protobuf, so that one decoder serves both encodings and their rows are identical.

Values are decoded into typed structures and written as wire bytes at once, an item at a time: protobuf's own JSON
reader takes hex ids for base64 and names for enum numbers (OTLP forbids both), and holding a 16 MiB request as
dicts takes 80 MB.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import Any

import msgspec

from seamwatch.backend.receiver.ingest_protocol import Signal, TooLargeError
from seamwatch.backend.receiver.json_problem import invalid_field
from seamwatch.backend.receiver.json_traces import TracesRequest, encode_traces
from seamwatch.core import RejectedError

__all__ = ["MAX_ITEMS", "MAX_OBJECTS", "json_to_protobuf"]

MAX_ITEMS = 65_536
# A 16 MiB request of real spans has 400,000 objects; one of empty ones would have 5.6 million.
MAX_OBJECTS = 500_000

_ENCODERS: dict[Signal, tuple[msgspec.json.Decoder[Any], Callable[[Any, int], bytes]]] = {
    Signal.TRACES: (msgspec.json.Decoder(TracesRequest), encode_traces),
}
# All backslashes before it belong to the match: only an odd number of them makes an escape.
_SURROGATE = re.compile(rb"\\+u[dD][89a-fA-F][0-9a-fA-F]{2}")
_ESCAPE_BYTES = 6
_REPLACEMENT = rb"\ufffd"  # as long as what it replaces
_HIGH = b"89abAB"
_MAX_REPAIRS = 10_000
_PIECE_BYTES = 65_536


def json_to_protobuf(
    signal: Signal, body: bytes, *, max_items: int = MAX_ITEMS, max_objects: int = MAX_OBJECTS
) -> bytes:
    """Convert an OTLP/JSON request to the wire bytes of the same request.

    Unknown fields, also known ones in snake_case, are ignored; null is absent. Ids of wrong length and text that is
    no hex become ids that the decoder rejects one by one. Lone surrogates and bytes that are not UTF-8 become
    U+FFFD. Safe from several threads; takes about 20 ms a megabyte.

    Args:
        signal: What the request carries; TRACES.
        body: The JSON text.
        max_items: How many spans (log records, data points) it may contain.
        max_objects: How many ``{`` the body may contain, in strings or not.

    Raises:
        InvalidFieldError: A known field has a value of the wrong kind; names its path.
        TooLargeError: More than `max_items` items or `max_objects` objects.
        RejectedError: The body is not JSON, or nested too deeply.
    """
    objects = body.count(b"{")
    if objects > max_objects:
        raise TooLargeError(f"the JSON body has {objects} objects, more than {max_objects}")
    try:
        try:
            return _convert(signal, body, max_items)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, UnicodeDecodeError):
            repaired = _repair(body)
            if repaired == body:
                raise
            return _convert(signal, repaired, max_items)
    except msgspec.ValidationError as error:
        raise invalid_field(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RejectedError(f"the body is not valid JSON: {error}") from error
    except RecursionError as error:
        raise RejectedError("the JSON body is nested too deeply") from error


def _convert(signal: Signal, body: bytes, max_items: int) -> bytes:
    decoder, encode = _ENCODERS[signal]
    return encode(decoder.decode(body), max_items)


def _repair(body: bytes) -> bytes:
    """The body with what no text can hold replaced by U+FFFD; of damage without end, nothing is repaired."""
    return _without_lone_surrogates(_as_utf8(body))


def _as_utf8(body: bytes) -> bytes:
    """Piece by piece, because a whole str may take four times the bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    output = bytearray()
    for start in range(0, len(body), _PIECE_BYTES):
        piece = body[start : start + _PIECE_BYTES]
        output += decoder.decode(piece, final=start + _PIECE_BYTES >= len(body)).encode()
        if len(output) > start + len(piece) + 2 * _MAX_REPAIRS:
            raise RejectedError("the body is not UTF-8")
    return bytes(output)


def _without_lone_surrogates(body: bytes) -> bytes:
    lone: list[int] = []
    high = -1  # where a high surrogate stands that waits for its low one
    for match in _SURROGATE.finditer(body):
        start, end = match.end() - _ESCAPE_BYTES, match.end()
        if (end - match.start()) % 2:
            continue  # an even number of backslashes: a backslash and the letter u
        if body[end - 3] in _HIGH:
            if high >= 0:
                lone.append(high)
            high = start
        elif high >= 0 and high + _ESCAPE_BYTES == start:
            high = -1
        else:
            lone.append(start)
        if len(lone) > _MAX_REPAIRS:
            raise RejectedError(f"more than {_MAX_REPAIRS} lone surrogates")
    if high >= 0:
        lone.append(high)
    output = bytearray(body)
    for start in lone:
        output[start : start + _ESCAPE_BYTES] = _REPLACEMENT
    return bytes(output)
