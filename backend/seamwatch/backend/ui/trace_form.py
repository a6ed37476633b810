"""The search form of traces: what it shows, and what it asks the reader for.

All of it lives in the address. A form that a browser sends without JavaScript names its fields
``attribute_key_1``, ``attribute_value_1`` and sends empty ones too; `canonical` turns that into the address one
would write by hand, which is also what cursors are bound to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from seamwatch.backend.api.readers.trace_search import STATUS_CODES, TraceSearch

__all__ = ["RANGES", "AttributePair", "InvalidFieldError", "TraceForm", "pairs_of"]

RANGES = (
    ("15m", "Last 15 minutes"),
    ("1h", "Last hour"),
    ("6h", "Last 6 hours"),
    ("24h", "Last 24 hours"),
    ("7d", "Last 7 days"),
)
_SECONDS = {"15m": 900, "1h": 3600, "6h": 21_600, "24h": 86_400, "7d": 604_800}
_DEFAULT_RANGE = "1h"
_PAIRS_SHOWN = 2


class InvalidFieldError(ValueError):
    """A field cannot be used; the message names it and says what to write instead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AttributePair:
    """One attribute that a span must carry."""

    key: str = ""
    value: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceForm:
    """The fields as the reader of the page typed them."""

    service: str = ""
    operation: str = ""
    status: str = ""
    min_duration_ms: str = ""
    max_duration_ms: str = ""
    range: str = _DEFAULT_RANGE
    start: str = ""
    end: str = ""
    attributes: tuple[AttributePair, ...] = ()

    @property
    def has_more(self) -> bool:
        """Whether the part of the form that is folded away holds something."""
        return bool(self.start or self.end or any(pair.key for pair in self.attributes))

    @property
    def shown_attributes(self) -> tuple[AttributePair, ...]:
        """The pairs that are used, and one empty pair at least."""
        spare = max(1, _PAIRS_SHOWN - len(self.attributes))
        return self.attributes + (AttributePair(),) * spare

    def canonical(self) -> dict[str, str]:
        """Query parameters that say the same, without what is empty or the default."""
        fields = {
            "service": self.service,
            "operation": self.operation,
            "status": self.status,
            "min_duration_ms": self.min_duration_ms,
            "max_duration_ms": self.max_duration_ms,
            "range": "" if self.range == _DEFAULT_RANGE else self.range,
            "start": self.start,
            "end": self.end,
        }
        fields.update({f"attr.{pair.key}": pair.value for pair in self.attributes})
        return {name: value for name, value in fields.items() if value or name.startswith("attr.")}

    def search(self, now: datetime, *, limit: int) -> TraceSearch:
        """What to ask the reader for.

        Raises:
            InvalidFieldError: A field cannot be used.
        """
        if self.status and self.status not in STATUS_CODES:
            raise InvalidFieldError(f"Status: choose one of {', '.join(STATUS_CODES)}.")
        if self.range not in _SECONDS:
            raise InvalidFieldError(f"Time: choose one of {', '.join(_SECONDS)}.")
        end = _time("Until", self.end) or now + timedelta(seconds=1)
        start = _time("From", self.start) or end - timedelta(seconds=_SECONDS[self.range])
        if start >= end:
            raise InvalidFieldError("From: has to be earlier than Until.")
        shortest = _duration("Longer than", self.min_duration_ms)
        longest = _duration("Shorter than", self.max_duration_ms)
        if shortest is not None and longest is not None and shortest > longest:
            raise InvalidFieldError("Longer than: has to be less than Shorter than.")
        return TraceSearch(
            start=start,
            end=end,
            service=self.service or None,
            operation=self.operation or None,
            status=self.status or None,
            min_duration_ms=shortest,
            max_duration_ms=longest,
            attributes={pair.key: pair.value for pair in self.attributes},
            limit=limit,
        )


def pairs_of(fields: Mapping[str, str]) -> tuple[AttributePair, ...]:
    """Attribute pairs by key; a key without a value asks for the empty text."""
    return tuple(AttributePair(key=key, value=value) for key, value in fields.items() if key)


def _duration(label: str, text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not (0 <= value < 1e12):
        raise InvalidFieldError(f"{label}: write milliseconds, such as 250.")
    return value


def _time(label: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidFieldError(
            f"{label}: write a time in UTC, such as 2026-11-24T09:30."
        ) from None
    if not 1970 <= moment.year <= 9998:
        raise InvalidFieldError(f"{label}: write a time between the years 1970 and 9998.")
    return moment
