"""OTLP trace requests from wire bytes to rows: pure, no I/O, one bad span costs one span."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import Any

import orjson

from seamwatch.backend.receiver.any_value import AttributeFragments
from seamwatch.backend.receiver.config import ReceiverConfig
from seamwatch.backend.receiver.dictionaries import DictionaryMemo, ResourceEntry, ScopeEntry
from seamwatch.backend.receiver.span_memos import SpanNames, SpanStatuses
from seamwatch.backend.receiver.span_parts import FLAGS_MASK, SpanParts
from seamwatch.backend.receiver.trace_groups import TraceGroups
from seamwatch.backend.receiver.trace_limits import TraceLimits
from seamwatch.backend.receiver.wire import MalformedError
from seamwatch.backend.storage import copy_format as copy
from seamwatch.backend.storage.copy_format import NULL, POSTGRES_EPOCH_US
from seamwatch.backend.storage.error_group import describe_error
from seamwatch.backend.storage.row_kind import Batch
from seamwatch.backend.storage.span_aggregates import ENTRY_KINDS, MINUTE_NS, SpanAggregates
from seamwatch.backend.storage.spans import SPAN, SPAN_COLUMNS

__all__ = ["TimeRange", "TraceDecoder"]

_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)
_ERROR = 2
_FIELDS = len(SPAN_COLUMNS)
_WITH_PARENT = struct.Struct(">h ii iq ih iq ii ih ih iq i16s i8s i8s")
_ROOT = struct.Struct(">h ii iq ih iq ii ih ih iq i16s i8s i")
_LENGTH = struct.Struct(">i")
_PLAIN_TAIL = NULL * 5  # status_message, trace_state, events, links, dropped_counts


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Start times that have a partition, in nanoseconds since 1970: ``first_ns <= start < end_ns``."""

    first_ns: int
    end_ns: int


class TraceDecoder:
    """Turns ``ExportTraceServiceRequest`` bytes into a `Batch` of span rows.

    Safe from several threads: the memos are dictionaries whose single operations are atomic.
    """

    def __init__(self, config: ReceiverConfig) -> None:
        self._max_attributes = config.max_attributes
        self._fragments = AttributeFragments()
        self._names = SpanNames()
        self._statuses = SpanStatuses()
        self._parts = SpanParts(self._fragments)
        self._groups = TraceGroups(TraceLimits(config.max_spans), DictionaryMemo(self._fragments))

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
        aggregates = SpanAggregates()
        batch = Batch(
            kind=SPAN,
            tenant_id=tenant_id,
            digest=hashlib.blake2b(body, digest_size=16).digest(),
            size_bytes=len(body),
            aggregates=aggregates,
        )
        for resource, scope, spans in self._groups.groups(body, batch):
            batch.resources[resource.row.row_id] = resource.row
            batch.scopes[scope.row.row_id] = scope.row
            self._decode_spans(batch, aggregates, resource, scope, spans, time_range)
        return batch

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
        max_attributes = self._max_attributes
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
                kind, flags = span.kind, span.flags & FLAGS_MASK
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
                    events = self._parts.events(span)
                    tail = message_field + self._parts.rare_fields(span, events)
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


def _shown(found: bytes) -> str:
    """An id of any length, short enough for a message."""
    return repr(found.hex()) if len(found) <= 32 else f"{len(found)} bytes"


def _bounds_message(span: Any) -> str:
    return (
        "a span's duration must fit 63 bits and its kind and status code 16: got "
        f"start {span.start_time_unix_nano}, end {span.end_time_unix_nano}, kind {span.kind}"
    )
