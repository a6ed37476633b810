"""Counts a trace request on the wire, so that a bomb is refused before anything is built from it."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.message import DecodeError

from seamwatch.backend.receiver.ingest_protocol import TooLargeError
from seamwatch.backend.receiver.lazy_schema import LazySpan
from seamwatch.backend.receiver.wire import count_fields, fields

__all__ = ["COUNT_SPAN_BEYOND_BYTES", "MAX_FIELDS_PER_ITEM", "TraceLimits", "is_crowded"]

COUNT_SPAN_BEYOND_BYTES = 262_144  # smaller ones parse into 4 MiB at most, for a moment
MAX_FIELDS_PER_ITEM = 10_000
_COUNT_BEYOND_BYTES = (
    393_216  # smaller bodies cannot hold enough empty spans and attributes to matter
)
# Tags of a span's events and links: their number in a body bounds that of events and links.
_EVENT_TAG, _LINK_TAG = b"\x5a", b"\x6a"
_UNCOUNTED_TAGS = 16_384  # fewer cannot matter
_MAX_CROWDED = 8  # spans that hold more fields: each costs 3 ms to find
_SHORTEST_VALID = 28  # both ids: a shorter span is rejected for them before its parts are looked at
_ATTRIBUTES_PER_SPAN = 16  # in the mean over a request of `max_spans`


class TraceLimits:
    """The limits of one request; stateless, safe from several threads."""

    def __init__(self, max_spans: int) -> None:
        self.max_spans = max_spans

    def must_count(self, body: bytes) -> bool:
        """Whether a body is of a kind that could hold too much."""
        return (
            len(body) > _COUNT_BEYOND_BYTES
            or body.count(_EVENT_TAG) + body.count(_LINK_TAG) > _UNCOUNTED_TAGS
        )

    def count(self, body: bytes) -> bool:
        """Refuse a body of more items than the limits, on the wire; tell whether one span holds too many fields.

        Each span is parsed alone and forgotten: its attributes, events and links stay slices and are only counted.
        """
        left = self.max_spans
        attributes_left, parts_left = left * _ATTRIBUTES_PER_SPAN, left
        crowded = 0
        for level_1 in _contents(body, 1):
            for level_2 in _contents(level_1, 2):
                for number, start, end in fields(level_2):
                    left -= 1
                    if left < 0:
                        break
                    if number != 2 or end - start < _SHORTEST_VALID:
                        continue
                    wire = level_2[start:end]
                    if end - start > COUNT_SPAN_BEYOND_BYTES and is_crowded(wire):
                        crowded += 1
                        if crowded > _MAX_CROWDED:
                            raise TooLargeError(
                                f"more than {_MAX_CROWDED} spans of more than {MAX_FIELDS_PER_ITEM} values"
                            )
                        continue
                    try:
                        span = LazySpan.FromString(wire)
                    except DecodeError:
                        continue  # found again, and rejected alone, where the spans are built
                    attributes_left -= len(span.attributes)
                    parts_left -= len(span.events) + len(span.links)
                    if attributes_left < 0 or parts_left < 0:
                        raise self._too_many_parts()
                left -= 1
                if left < 0:
                    break
            left -= 1
            if left < 0:
                raise self.too_many_spans()
        return crowded > 0

    def too_many_spans(self) -> TooLargeError:
        """The error of a request with too many items."""
        return TooLargeError(
            f"more than {self.max_spans} spans in one request; send smaller batches "
            "or raise SEAMWATCH_RECEIVER_MAX_SPANS"
        )

    def _too_many_parts(self) -> TooLargeError:
        limit = self.max_spans
        return TooLargeError(
            f"more than {limit * _ATTRIBUTES_PER_SPAN} attributes or {limit} events and links in one request; send "
            "smaller batches or raise SEAMWATCH_RECEIVER_MAX_SPANS"
        )


def is_crowded(message: bytes) -> bool:
    """Whether a message holds more fields than one item may."""
    return count_fields(message, MAX_FIELDS_PER_ITEM) > MAX_FIELDS_PER_ITEM


def _contents(message: bytes, number: int) -> Iterator[bytes]:
    """Content of each length-delimited field `number`; an empty slice stands for any other field, so that it counts."""
    for found, start, end in fields(message):
        yield message[start:end] if found == number and start >= 0 else b""
