"""Sums over spans per minute, service, operation and kind, and over errors per type and fingerprint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from seamwatch.backend.storage import copy_format as copy
from seamwatch.backend.storage.copy_format import CopyTarget
from seamwatch.backend.storage.error_group import describe_error, fingerprint
from seamwatch.backend.storage.histogram import buckets_of
from seamwatch.backend.storage.name_limit import NameLimit

__all__ = [
    "ENTRY_KINDS",
    "MINUTE_NS",
    "RETURNING",
    "SpanAggregates",
    "aggregate_inserted",
    "rollup_name",
]

MINUTE_NS = 60_000_000_000
ENTRY_KINDS = frozenset({2, 5})  # server, consumer: with roots, what a service's requests are
_ERROR = 2
_NAME_LENGTH = 200

# (minute, name, kind, is_entry) of one tenant's service -> (duration_ns, trace_id) of each span
_Durations = dict[tuple[int, bytes, int, bool], list[tuple[int, bytes]]]
# the same key -> (start_ns, trace_id) of each failed span
_Failures = dict[tuple[int, bytes, int, bool], list[tuple[int, bytes]]]

_SPAN_PART = CopyTarget(
    "span_rollup_part",
    (
        "tenant_id", "minute", "service_name", "name", "kind", "is_entry", "span_count", "error_count",
        "duration_sum_ns", "histogram_bucket", "histogram_count", "slowest_duration_ns", "slowest_trace_id",
        "error_start_ns", "error_trace_id",
    ),
)  # fmt: skip
_ERROR_PART = CopyTarget(
    "error_rollup_part",
    (
        "tenant_id", "minute", "service_name", "error_type", "fingerprint", "span_name", "message", "error_count",
        "last_start_ns", "last_trace_id",
    ),
)  # fmt: skip

RETURNING = (
    "tenant_id", "service_name", "name", "kind", "parent_span_id", "start_time", "start_ns", "duration_ns",
    "trace_id", "status_code", "status_message", "attributes", "events",
)  # fmt: skip


def rollup_name(name: str) -> bytes:
    """A span's name as rollups key it: cut to 200 characters, NUL replaced, UTF-8."""
    return name[:_NAME_LENGTH].replace("\0", "\ufffd").encode()


class SpanAggregates:
    """Counts, errors, duration sums, histograms and exemplars; not safe from several threads.

    Exemplars are the greatest of a total order (duration, then trace id; start, then trace id), so that the same
    spans give the same exemplars in whatever order and batches they arrive.
    """

    __slots__ = ("_errors", "_services")

    def __init__(self) -> None:
        self._services: dict[tuple[int, bytes], tuple[_Durations, _Failures]] = {}
        # (tenant, minute, service, type, fingerprint) -> [count, greatest (start_ns, trace_id, span name, message)]
        self._errors: dict[tuple[int, int, bytes, str, int], list[Any]] = {}

    def service(self, tenant_id: int, service_name: bytes) -> tuple[_Durations, _Failures]:
        """The two maps that a decoder's inner loop fills for one service."""
        found = self._services.get((tenant_id, service_name))
        if found is None:
            found = self._services[(tenant_id, service_name)] = ({}, {})
        return found

    def add_error(
        self,
        tenant_id: int,
        service_name: bytes,
        start_ns: int,
        trace_id: bytes,
        span_name: bytes,
        error_type: str,
        message: str,
    ) -> None:
        """Count one failed span in its group of errors."""
        key = (
            tenant_id,
            start_ns // MINUTE_NS,
            service_name,
            error_type,
            fingerprint(error_type, message),
        )
        exemplar = (start_ns, trace_id, span_name, message)
        group = self._errors.get(key)
        if group is None:
            self._errors[key] = [1, exemplar]
        else:
            group[0] += 1
            group[1] = max(group[1], exemplar)

    def merge(self, other: SpanAggregates) -> None:
        """Add what `other` has counted; `other` stays as it is (its request may have to be stored alone)."""
        for service, maps in other._services.items():
            mine = self._services.get(service)
            if mine is None:
                mine = self._services[service] = ({}, {})
            for own, others in zip(mine, maps, strict=True):
                for key, items in others.items():
                    if key in own:
                        own[key] += items
                    else:
                        own[key] = items.copy()
        for error_key, (count, exemplar) in other._errors.items():
            known = self._errors.get(error_key)
            if known is None:
                self._errors[error_key] = [count, exemplar]
            else:
                known[0] += count
                known[1] = max(known[1], exemplar)

    def copy_rows(self, names: NameLimit) -> Iterable[tuple[CopyTarget, list[bytes]]]:
        """Rows of span_rollup_part and error_rollup_part."""
        spans = []
        for (tenant_id, service), (durations, failures) in self._services.items():
            for key, items in durations.items():
                service_name, name = names.limit(tenant_id, service, key[1])
                spans.append(
                    _span_part(tenant_id, service_name, name, key, items, failures.get(key))
                )
        errors = []
        for (tenant_id, minute, service, kind, fingerprint_), (
            count,
            exemplar,
        ) in self._errors.items():
            service_name, _ = names.limit(tenant_id, service, exemplar[2])
            errors.append(
                _error_part((tenant_id, minute, service_name, kind, fingerprint_), count, exemplar)
            )
        return [
            (target, rows) for target, rows in ((_SPAN_PART, spans), (_ERROR_PART, errors)) if rows
        ]


def aggregate_inserted(rows: Iterable[Sequence[Any]]) -> SpanAggregates:
    """Sum rows of the `RETURNING` columns, as the decoder sums the same spans."""
    aggregates = SpanAggregates()
    for (
        tenant_id, service, name, kind, parent, start_time, start_ns, duration_ns,
        trace_id, status_code, status_message, attributes, events,
    ) in rows:  # fmt: skip
        service_name, span_name = service.encode(), rollup_name(name)
        start = _unix_us(start_time) * 1000 + start_ns
        key = (start // MINUTE_NS, span_name, kind, parent is None or kind in ENTRY_KINDS)
        durations, failures = aggregates.service(tenant_id, service_name)
        durations.setdefault(key, []).append((max(duration_ns, 0), trace_id))
        if status_code == _ERROR:
            failures.setdefault(key, []).append((start, trace_id))
            error_type, message = describe_error(attributes, events or (), status_message or "")
            aggregates.add_error(
                tenant_id, service_name, start, trace_id, span_name, error_type, message
            )
    return aggregates


def _unix_us(time: datetime) -> int:
    """Microseconds since 1970, in integers (a float would lose the last ones)."""
    seconds = int(time.replace(microsecond=0).timestamp())
    return seconds * 1_000_000 + time.microsecond


def _span_part(
    tenant_id: int,
    service_name: bytes,
    name: bytes,
    key: tuple[int, bytes, int, bool],
    items: list[tuple[int, bytes]],
    failures: list[tuple[int, bytes]] | None,
) -> bytes:
    minute, _, kind, is_entry = key
    durations = [item[0] for item in items]
    buckets, counts = buckets_of(durations)
    slowest_ns, slowest_trace_id = max(items)
    error_start_ns, error_trace_id = max(failures) if failures else (None, None)
    return copy.row(
        copy.int4(tenant_id),
        copy.timestamptz(minute * 60_000_000),
        copy.bytea(service_name),
        copy.bytea(name),
        copy.int2(kind),
        copy.boolean(is_entry),
        copy.int8(len(items)),
        copy.int8(len(failures) if failures else 0),
        copy.numeric(sum(durations)),
        copy.smallint_array(buckets),
        copy.bigint_array(counts),
        copy.int8(slowest_ns),
        copy.bytea(slowest_trace_id),
        copy.NULL if error_start_ns is None else copy.numeric(error_start_ns),
        copy.NULL if error_trace_id is None else copy.bytea(error_trace_id),
    )


def _error_part(
    key: tuple[int, int, bytes, str, int], count: int, exemplar: tuple[int, bytes, bytes, str]
) -> bytes:
    tenant_id, minute, service_name, error_type, error_fingerprint = key
    start_ns, trace_id, span_name, message = exemplar
    return copy.row(
        copy.int4(tenant_id),
        copy.timestamptz(minute * 60_000_000),
        copy.bytea(service_name),
        copy.text(error_type),
        copy.int8(error_fingerprint),
        copy.bytea(span_name),
        copy.text(message),
        copy.int8(count),
        copy.numeric(start_ns),
        copy.bytea(trace_id),
    )
