"""What spans of one service repeat, remembered by its wire bytes: names and statuses."""

from __future__ import annotations

import zlib

from google.protobuf.message import DecodeError
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from seamwatch.backend.receiver.wire import MalformedError
from seamwatch.backend.storage import copy_format as copy
from seamwatch.backend.storage.copy_format import NULL
from seamwatch.backend.storage.span_aggregates import rollup_name

__all__ = ["SpanNames", "SpanStatuses"]

_REMEMBERED_BYTES = 512  # longer names and status messages are mostly unique
_REMEMBERED = 8_192


class SpanNames(dict[bytes, tuple[bytes, int, bytes]]):
    """Span name bytes -> (text field, CRC-32 as a signed integer, name as rollups key it)."""

    def __missing__(self, name: bytes) -> tuple[bytes, int, bytes]:
        try:
            text = name.decode()
        except UnicodeDecodeError as error:
            raise MalformedError(f"a span's name is not UTF-8: {error}") from error
        stored = text.replace("\0", "\ufffd").encode()
        crc = zlib.crc32(stored)
        entry = (copy.bytea(stored), crc - 2**32 if crc >= 2**31 else crc, rollup_name(text))
        if len(name) <= _REMEMBERED_BYTES:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[name] = entry
        return entry


class SpanStatuses(dict[bytes, tuple[int, bytes, str]]):
    """Status bytes -> (code, message field, message)."""

    def __missing__(self, wire: bytes) -> tuple[int, bytes, str]:
        try:
            status = Status.FromString(wire)
        except DecodeError as error:
            raise MalformedError(f"a span's status cannot be decoded: {error}") from error
        entry = (status.code, copy.text(status.message) if status.message else NULL, status.message)
        if len(wire) <= _REMEMBERED_BYTES:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[wire] = entry
        return entry
