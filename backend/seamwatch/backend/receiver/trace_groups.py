"""The three outer levels of a trace request: resources, scopes, and the spans that belong to both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError

from seamwatch.backend.receiver.dictionaries import DictionaryMemo, ResourceEntry, ScopeEntry
from seamwatch.backend.receiver.lazy_schema import LazySpan, LazyTraces
from seamwatch.backend.receiver.trace_limits import (
    COUNT_SPAN_BEYOND_BYTES,
    MAX_FIELDS_PER_ITEM,
    TraceLimits,
    is_crowded,
)
from seamwatch.backend.receiver.wire import MalformedError, fields
from seamwatch.backend.storage.row_kind import Batch

__all__ = ["TraceGroups"]


class TraceGroups:
    """Takes a request apart; safe from several threads."""

    def __init__(self, limits: TraceLimits, dictionaries: DictionaryMemo) -> None:
        self._limits = limits
        self._dictionaries = dictionaries

    def groups(self, body: bytes, batch: Batch) -> Iterator[tuple[ResourceEntry, ScopeEntry, Any]]:
        """Resource, scope and spans of each ScopeSpans; item by item where the batch does not parse as a whole.

        Raises:
            MalformedError: The envelope is not OTLP; a broken resource, scope or span is rejected in `batch`.
            TooLargeError: More items than the limits.
        """
        is_bomb = self._limits.must_count(body) and self._limits.count(body)
        try:
            request = None if is_bomb else LazyTraces.FromString(body)
        except DecodeError:
            self._limits.count(body)  # broken spans are found one by one, which takes longest
            request = None
        if request is None:
            yield from self._salvage(body, batch)
            return
        left = self._limits.max_spans
        if len(request.resource_spans) > left:
            raise self._limits.too_many_spans()
        for resource_spans in request.resource_spans:
            scopes = resource_spans.scope_spans
            left -= len(scopes)
            if left < 0:
                raise self._limits.too_many_spans()
            count = sum(len(scope_spans.spans) for scope_spans in scopes)
            if not count:
                continue
            left -= count
            if left < 0:
                raise self._limits.too_many_spans()
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
            if len(wire) > COUNT_SPAN_BEYOND_BYTES and is_crowded(wire):
                batch.reject(
                    "too_many_values",
                    f"a span holds more than {MAX_FIELDS_PER_ITEM} attributes, events and links",
                )
                continue
            try:
                spans.append(LazySpan.FromString(wire))
            except DecodeError as error:
                batch.reject("malformed", f"a span cannot be decoded: {error}")
        yield resource, scope, spans
