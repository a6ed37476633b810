"""What a search for traces asks, and the parameters of its queries."""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

__all__ = ["STATUS_CODES", "TraceSearch", "attribute_alternatives"]

STATUS_CODES = {"unset": 0, "ok": 1, "error": 2}

_MAX_DURATION_NS = 2**63 - 1
_SERVICE_NAME_LENGTH = 200  # as stored


@dataclass(frozen=True, kw_only=True)
class TraceSearch:
    """Filters that one span of a trace must meet together for the trace to be listed.

    Without `service`, `operation` and `attributes` the span is an entry span (a root, or kind server
    or consumer), or with ``status="error"`` any failing span. No listed trace lasts longer than
    `max_duration_ms` itself.

    Attributes:
        start: Earliest start of the span (inclusive).
        end: Latest start of the span (exclusive).
        status: A key of `STATUS_CODES`.
        attributes: Wanted value by attribute key: equal as a string, number or boolean.
        limit: Longest page, 1 to 200.
    """

    start: datetime
    end: datetime
    service: str | None = None
    operation: str | None = None
    status: str | None = None
    min_duration_ms: float | None = None
    max_duration_ms: float | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    limit: int = 50

    @property
    def is_by_service(self) -> bool:
        """Whether any span may match, not only entry or failing ones: these are indexed by service."""
        return bool(self.service or self.operation or self.attributes)

    @property
    def max_duration_ns(self) -> int:
        """Longest duration in nanoseconds."""
        if self.max_duration_ms is None:
            return _MAX_DURATION_NS
        return min(_MAX_DURATION_NS, int(self.max_duration_ms * 1_000_000))

    def sql_filters(self) -> dict[str, Any]:
        """The filters as parameters of trace_candidates_*.sql and trace_summaries.sql."""
        status_code = None if self.status is None else STATUS_CODES[self.status]
        name_key = None if self.operation is None else _name_key(self.operation)
        min_ms = self.min_duration_ms
        return {
            "service_name": self.service[:_SERVICE_NAME_LENGTH] if self.service else None,
            "name": self.operation,
            "name_key_low": -(2**31) if name_key is None else name_key,
            "name_key_high": 2**31 - 1 if name_key is None else name_key,
            "duration_low": -(2**63) if min_ms is None else _whole_ns(min_ms),
            "duration_high": self.max_duration_ns,
            "status_low": -(2**15) if status_code is None else status_code,
            "status_high": 2**15 - 1 if status_code is None else status_code,
            "alternatives": attribute_alternatives(self.attributes),
            "is_entry_only": not self.is_by_service and self.status != "error",
            "is_error_only": not self.is_by_service and self.status == "error",
            "search_start": self.start,
            "search_end": self.end,
        }


def attribute_alternatives(attributes: Mapping[str, str]) -> list[str] | None:
    """JSON objects of which a span's attributes must contain one; None: any attributes will do.

    A value that reads as a JSON number or boolean matches both that and the string.
    """
    if not attributes:
        return None
    choices = [
        [(key, variant) for variant in _variants(value)] for key, value in attributes.items()
    ]
    # Joined by hand: a number must reach the database digit by digit, not through a float.
    return [
        "{" + ",".join(f"{json.dumps(key)}:{variant}" for key, variant in combination) + "}"
        for combination in itertools.product(*choices)
    ]


def _variants(value: str) -> list[str]:
    """The JSON values that `value` may mean."""
    variants = [json.dumps(value)]
    try:
        meaning = msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):  # the latter: brackets in brackets in brackets
        return variants
    if isinstance(meaning, bool | int | float) and len(value) <= 400:
        variants.append(value.strip())
    return variants


def _whole_ns(duration_ms: float) -> int:
    """Milliseconds as the least whole nanoseconds that are not shorter."""
    return min(_MAX_DURATION_NS, -int(-duration_ms * 1_000_000 // 1))


def _name_key(name: str) -> int:
    """CRC-32 of a span's name as the signed integer that span.name_key holds."""
    key = zlib.crc32(name.encode())
    return key - 2**32 if key >= 2**31 else key
