"""OTLP trace requests from wire bytes to rows: pure, no I/O, one bad span costs one span."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from google.protobuf.message import DecodeError
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from seamwatch.backend.receiver.any_value import AttributeFragments, text_json
from seamwatch.backend.receiver.config import ReceiverConfig
from seamwatch.backend.receiver.dictionaries import DictionaryMemo, ResourceEntry, ScopeEntry
from seamwatch.backend.receiver.ingest_protocol import TooLargeError
from seamwatch.backend.receiver.lazy_schema import LazyEvent, LazyLink, LazySpan, LazyTraces
from seamwatch.backend.receiver.wire import MalformedError, count_fields, fields
from seamwatch.backend.storage import copy_format as copy
from seamwatch.backend.storage.copy_format import NULL, POSTGRES_EPOCH_US
from seamwatch.backend.storage.error_group import describe_error
from seamwatch.backend.storage.row_kind import Batch
from seamwatch.backend.storage.span_aggregates import (
    ENTRY_KINDS,
    MINUTE_NS,
    SpanAggregates,
    rollup_name,
)
from seamwatch.backend.storage.spans import SPAN, SPAN_COLUMNS

__all__ = ["TimeRange", "TraceDecoder"]

_COUNT_BEYOND_BYTES = (
    393_216  # smaller bodies cannot hold enough empty spans and attributes to matter
)
_EVENT_TAG, _LINK_TAG = (
    b"\x5a",
    b"\x6a",
)  # of a span; their number in a body bounds that of events and links
_UNCOUNTED_TAGS = 16_384  # fewer cannot matter
_COUNT_SPAN_BEYOND_BYTES = 262_144  # smaller ones parse into 4 MiB at most, for a moment
_COUNT_PART_BEYOND_BYTES = 16_384
_MAX_FIELDS_PER_ITEM = 10_000
_MAX_CROWDED = 8  # spans that hold more fields: each costs 3 ms to find
_SHORTEST_VALID = 28  # both ids: a shorter span is rejected for them before its parts are looked at
_ATTRIBUTES_PER_SPAN = 16  # in the mean over a request of `max_spans`
_REMEMBERED_BYTES = 512  # longer names and status messages are mostly unique
_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)
_ERROR = 2
_FLAGS_MASK = 0x3FF  # bits 0-7 W3C trace flags, 8-9 is-remote; the rest is reserved
_FIELDS = len(SPAN_COLUMNS)
_WITH_PARENT = struct.Struct(">h ii iq ih iq ii ih ih iq i16s i8s i8s")
_ROOT = struct.Struct(">h ii iq ih iq ii ih ih iq i16s i8s i")
_LENGTH = struct.Struct(">i")
_PLAIN_TAIL = NULL * 5  # status_message, trace_state, events, links, dropped_counts
_REMEMBERED = 8_192


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Start times that have a partition, in nanoseconds since 1970: ``first_ns <= start < end_ns``."""

    first_ns: int
    end_ns: int


class _Names(dict[bytes, tuple[bytes, int, bytes]]):
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


class _Statuses(dict[bytes, tuple[int, bytes, str]]):
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


class TraceDecoder:
    """Turns ``ExportTraceServiceRequest`` bytes into a `Batch` of span rows.

    Safe from several threads: the memos are dictionaries whose single operations are atomic.
    """

    def __init__(self, config: ReceiverConfig) -> None:
        self._config = config
        self._fragments = AttributeFragments()
        self._names = _Names()
        self._statuses = _Statuses()
        self._dictionaries = DictionaryMemo(self._fragments)

    def decode(self, body: bytes, tenant_id: int, time_range: TimeRange) -> Batch:
        """Decode one request.

        Args:
            body: The decompressed protobuf request.
            tenant_id: The credential's tenant.
            time_range: Spans that start outside go to the out-of-range twin.

        Raises:
            MalformedError: The envelope is not OTLP; a bad span inside is only counted in the batch.
            TooLargeError: More spans, or parts of spans, than the limit; told before any of them is built.
        """
        self._fragments.begin_request()
        is_counted = (
            len(body) > _COUNT_BEYOND_BYTES
            or body.count(_EVENT_TAG) + body.count(_LINK_TAG) > _UNCOUNTED_TAGS
        )
        is_bomb = is_counted and self._count(body)
        aggregates = SpanAggregates()
        batch = Batch(
            kind=SPAN,
            tenant_id=tenant_id,
            digest=hashlib.blake2b(body, digest_size=16).digest(),
            size_bytes=len(body),
            aggregates=aggregates,
        )
        for resource, scope, spans in self._groups(body, batch, is_bomb):
            batch.resources[resource.row.row_id] = resource.row
            batch.scopes[scope.row.row_id] = scope.row
            self._decode_spans(batch, aggregates, resource, scope, spans, time_range)
        return batch

    def _count(self, body: bytes) -> bool:
        """Refuse a body of more items than the limits, on the wire; tell whether one span holds too many fields.

        Each span is parsed alone and forgotten: its attributes, events and links stay slices and are only counted.
        """
        left = self._config.max_spans
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
                    if end - start > _COUNT_SPAN_BEYOND_BYTES and _is_crowded(wire):
                        crowded += 1
                        if crowded > _MAX_CROWDED:
                            raise TooLargeError(
                                f"more than {_MAX_CROWDED} spans of more than {_MAX_FIELDS_PER_ITEM} values"
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
                raise self._too_many_spans()
        return crowded > 0

    def _too_many_spans(self) -> TooLargeError:
        return TooLargeError(
            f"more than {self._config.max_spans} spans in one request; send smaller batches "
            "or raise SEAMWATCH_RECEIVER_MAX_SPANS"
        )

    def _too_many_parts(self) -> TooLargeError:
        limit = self._config.max_spans
        return TooLargeError(
            f"more than {limit * _ATTRIBUTES_PER_SPAN} attributes or {limit} events and links in one request; send "
            "smaller batches or raise SEAMWATCH_RECEIVER_MAX_SPANS"
        )

    def _groups(
        self, body: bytes, batch: Batch, is_bomb: bool
    ) -> Iterator[tuple[ResourceEntry, ScopeEntry, Any]]:
        """Resource, scope and spans of each ScopeSpans; item by item where the batch does not parse as a whole."""
        try:
            request = None if is_bomb else LazyTraces.FromString(body)
        except DecodeError:
            self._count(body)  # broken spans are found one by one, which takes longest
            request = None
        if request is None:
            yield from self._salvage(body, batch)
            return
        left = self._config.max_spans
        if len(request.resource_spans) > left:
            raise self._too_many_spans()
        for resource_spans in request.resource_spans:
            scopes = resource_spans.scope_spans
            left -= len(scopes)
            if left < 0:
                raise self._too_many_spans()
            count = sum(len(scope_spans.spans) for scope_spans in scopes)
            if not count:
                continue
            left -= count
            if left < 0:
                raise self._too_many_spans()
            try:
                resource = self._dictionaries.resource(
                    resource_spans.resource, resource_spans.schema_url
                )
            except MalformedError as error:
                batch.reject("malformed_resource", str(error), count)
                continue
            for scope_spans in scopes:
                if not len(scope_spans.spans):
                    continue
                try:
                    scope = self._dictionaries.scope(scope_spans.scope, scope_spans.schema_url)
                except MalformedError as error:
                    batch.reject("malformed_scope", str(error), len(scope_spans.spans))
                    continue
                yield resource, scope, scope_spans.spans

    def _salvage(
        self, body: bytes, batch: Batch
    ) -> Iterator[tuple[ResourceEntry, ScopeEntry, Any]]:
        """The same from a body with broken items: the three outer levels are walked on the wire."""
        for number, start, end in fields(body):
            if number != 1 or start < 0:
                continue
            resource_wire = resource_schema = b""
            scope_wires: list[bytes] = []
            inner = body[start:end]
            for inner_number, inner_start, inner_end in fields(inner):
                if inner_start < 0:
                    continue
                part = inner[inner_start:inner_end]
                if inner_number == 1:
                    resource_wire = part
                elif inner_number == 2:
                    scope_wires.append(part)
                elif inner_number == 3:
                    resource_schema = part
            for scope_wire in scope_wires:
                yield from self._salvage_scope(scope_wire, resource_wire, resource_schema, batch)

    def _salvage_scope(
        self, scope_spans: bytes, resource_wire: bytes, resource_schema: bytes, batch: Batch
    ) -> Iterator[tuple[ResourceEntry, ScopeEntry, Any]]:
        scope_wire = scope_schema = b""
        span_wires: list[bytes] = []
        for number, start, end in fields(scope_spans):
            if start < 0:
                continue
            if number == 1:
                scope_wire = scope_spans[start:end]
            elif number == 2:
                span_wires.append(scope_spans[start:end])
            elif number == 3:
                scope_schema = scope_spans[start:end]
        if not span_wires:
            return
        try:
            resource = self._dictionaries.resource(resource_wire, resource_schema)
            scope = self._dictionaries.scope(scope_wire, scope_schema)
        except MalformedError as error:
            batch.reject("malformed_resource", str(error), len(span_wires))
            return
        spans = []
        for wire in span_wires:
            if len(wire) > _COUNT_SPAN_BEYOND_BYTES and _is_crowded(wire):
                batch.reject(
                    "too_many_values",
                    f"a span holds more than {_MAX_FIELDS_PER_ITEM} attributes, events and links",
                )
                continue
            try:
                spans.append(LazySpan.FromString(wire))
            except DecodeError as error:
                batch.reject("malformed", f"a span cannot be decoded: {error}")
        yield resource, scope, spans

    def _decode_spans(
        self,
        batch: Batch,
        aggregates: SpanAggregates,
        resource: ResourceEntry,
        scope: ScopeEntry,
        spans: Any,
        time_range: TimeRange,
    ) -> None:
        """The inner loop: everything that is done per span, with nothing called that can be avoided."""
        tenant_id, first_ns, end_ns = batch.tenant_id, time_range.first_ns, time_range.end_ns
        fragment_of, names, statuses = self._fragments.__getitem__, self._names, self._statuses
        with_parent, root, length = _WITH_PARENT.pack, _ROOT.pack, _LENGTH.pack
        max_attributes = self._config.max_attributes
        service_name = resource.service_name
        dictionary_fields = (
            resource.service_field + copy.int8(resource.row.row_id) + copy.int8(scope.row.row_id)
        )
        durations, failures = aggregates.service(tenant_id, service_name)
        add_row, join = batch.rows.append, b",".join
        for span in spans:
            try:
                trace_id, span_id, parent = span.trace_id, span.span_id, span.parent_span_id
                if len(trace_id) != 16 or trace_id == _NO_TRACE:
                    batch.reject(
                        "invalid_trace_id",
                        f"trace_id must be 16 bytes, not all zero; got {_shown(trace_id)}",
                    )
                    continue
                if len(span_id) != 8 or span_id == _NO_SPAN:
                    batch.reject(
                        "invalid_span_id",
                        f"span_id must be 8 bytes, not all zero; got {_shown(span_id)}",
                    )
                    continue
                start = span.start_time_unix_nano
                duration = span.end_time_unix_nano - start
                attributes = span.attributes
                if len(attributes) > max_attributes:
                    batch.reject(
                        "too_many_attributes",
                        f"a span has {len(attributes)} attributes, more than {max_attributes} "
                        "(SEAMWATCH_RECEIVER_MAX_ATTRIBUTES)",
                    )
                    continue
                name_field, name_key, short_name = names[span.name]
                json = join(map(fragment_of, attributes))
                kind, flags = span.kind, span.flags & _FLAGS_MASK
                status = span.status
                code, message_field, message = statuses[status] if status else (0, NULL, "")
                start_us, start_ns = divmod(start, 1000)
                if not parent or parent == _NO_SPAN:
                    is_entry = True
                    fixed = root(
                        _FIELDS, 4, tenant_id, 8, start_us - POSTGRES_EPOCH_US, 2, start_ns, 8, duration,
                        4, name_key, 2, kind, 2, code, 8, flags, 16, trace_id, 8, span_id, -1,
                    )  # fmt: skip
                else:
                    if len(parent) != 8:
                        batch.reject(
                            "invalid_parent_span_id",
                            f"parent_span_id must be 8 bytes; got {_shown(parent)}",
                        )
                        continue
                    is_entry = kind in ENTRY_KINDS
                    fixed = with_parent(
                        _FIELDS, 4, tenant_id, 8, start_us - POSTGRES_EPOCH_US, 2, start_ns, 8, duration,
                        4, name_key, 2, kind, 2, code, 8, flags, 16, trace_id, 8, span_id, 8, parent,
                    )  # fmt: skip
                events: bytes = b""
                if (
                    message_field is NULL
                    and not span.events
                    and not span.trace_state
                    and not span.links
                    and not (
                        span.dropped_attributes_count
                        or span.dropped_events_count
                        or span.dropped_links_count
                    )
                ):
                    tail = _PLAIN_TAIL
                else:
                    events = self._events(span)
                    tail = message_field + self._rare_fields(span, events)
                row = b"".join(
                    (
                        fixed,
                        dictionary_fields,
                        name_field,
                        length(len(json) + 3),
                        b"\x01{",
                        json,
                        b"}",
                        tail,
                    )
                )
            except MalformedError as error:
                batch.reject("malformed", str(error))
                continue
            except struct.error:
                batch.reject("out_of_bounds", _bounds_message(span))
                continue
            if not first_ns <= start < end_ns:
                batch.out_of_range_rows.append(row)
                continue
            add_row(row)
            key = (start // MINUTE_NS, short_name, kind, is_entry)
            item = (duration if duration > 0 else 0, trace_id)
            group = durations.get(key)
            if group is None:
                durations[key] = [item]
            else:
                group.append(item)
            if code == _ERROR:
                failures.setdefault(key, []).append((start, trace_id))
                error_type, text = describe_error(
                    orjson.loads(b"{" + json + b"}"),
                    orjson.loads(events) if events else (),
                    message,
                )
                aggregates.add_error(
                    tenant_id, service_name, start, trace_id, short_name, error_type, text
                )

    def _events(self, span: Any) -> bytes:
        """Events as a JSON array; empty where there are none."""
        return b"[" + b",".join(map(self._event, span.events)) + b"]" if span.events else b""

    def _rare_fields(self, span: Any, events: bytes) -> bytes:
        """The fields trace_state, events, links and dropped_counts."""
        state = _utf8(span.trace_state, "trace_state")
        links = b"[" + b",".join(map(self._link, span.links)) + b"]" if span.links else b""
        dropped = (
            span.dropped_attributes_count,
            span.dropped_events_count,
            span.dropped_links_count,
        )
        return b"".join(
            (
                copy.text(state) if state else NULL,
                copy.jsonb(events) if events else NULL,
                copy.jsonb(links) if links else NULL,
                copy.bigint_array(dropped) if any(dropped) else NULL,
            )
        )

    def _event(self, wire: bytes) -> bytes:
        event = _parse(LazyEvent, wire, "an event")
        self._fragments.spend(len(event.attributes))
        return (
            b'{"time_unix_nano":"%d","name":%b,"attributes":{%b},"dropped_attributes_count":%d}'
            % (
                event.time_unix_nano,
                text_json(_utf8(event.name, "an event's name")),
                b",".join(map(self._fragments.__getitem__, event.attributes)),
                event.dropped_attributes_count,
            )
        )

    def _link(self, wire: bytes) -> bytes:
        link = _parse(LazyLink, wire, "a link")
        self._fragments.spend(len(link.attributes))
        return (
            b'{"trace_id":"%b","span_id":"%b","trace_state":%b,"attributes":{%b},'
            b'"dropped_attributes_count":%d,"flags":%d}'
        ) % (
            link.trace_id.hex().encode(),
            link.span_id.hex().encode(),
            text_json(_utf8(link.trace_state, "a link's trace_state")),
            b",".join(map(self._fragments.__getitem__, link.attributes)),
            link.dropped_attributes_count,
            link.flags & _FLAGS_MASK,
        )


def _contents(message: bytes, number: int) -> Iterator[bytes]:
    """Content of each length-delimited field `number`; an empty slice stands for any other field, so that it counts."""
    for found, start, end in fields(message):
        yield message[start:end] if found == number and start >= 0 else b""


def _is_crowded(message: bytes) -> bool:
    return count_fields(message, _MAX_FIELDS_PER_ITEM) > _MAX_FIELDS_PER_ITEM


def _parse(kind: Any, wire: bytes, what: str) -> Any:
    if len(wire) > _COUNT_PART_BEYOND_BYTES and _is_crowded(wire):
        raise MalformedError(f"{what} holds more than {_MAX_FIELDS_PER_ITEM} values")
    try:
        return kind.FromString(wire)
    except DecodeError as error:
        raise MalformedError(f"{what} cannot be decoded: {error}") from error


def _shown(found: bytes) -> str:
    """An id of any length, short enough for a message."""
    return repr(found.hex()) if len(found) <= 32 else f"{len(found)} bytes"


def _utf8(value: bytes, what: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise MalformedError(f"{what} is not UTF-8: {error}") from error


def _bounds_message(span: Any) -> str:
    return (
        "a span's duration must fit 63 bits and its kind and status code 16: got "
        f"start {span.start_time_unix_nano}, end {span.end_time_unix_nano}, kind {span.kind}"
    )
