"""Query parameters that several routes share."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from seamwatch.backend.api.parameter import Parameter
from seamwatch.backend.api.window import Window, parse_window

__all__ = [
    "CURSOR",
    "LIMIT",
    "SERVICE",
    "WINDOW",
    "choice",
    "duration_parameter",
    "text_parameter",
    "time_parameter",
]

_MAX_LIMIT = 200
_MAX_TEXT_LENGTH = 8192  # names and attribute values of some 4 kB are ordinary
_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def _text(text: str) -> str:
    if not 0 < len(text) <= _MAX_TEXT_LENGTH:
        raise ValueError(f"give 1 to {_MAX_TEXT_LENGTH} characters, or leave the parameter out")
    return text


def _limit(text: str) -> int:
    if not _DIGITS.fullmatch(text) or not 1 <= int(text) <= _MAX_LIMIT:
        raise ValueError(f"give a whole number from 1 to {_MAX_LIMIT}")
    return int(text)


def _duration_ms(text: str) -> float:
    try:
        duration_ms = float(text)
    except ValueError:
        duration_ms = math.nan
    if not 0 <= duration_ms < 9e12:  # also refuses NaN
        raise ValueError("give a number of milliseconds, 0 or more, such as 250 or 0.5")
    return duration_ms


def _time(text: str) -> datetime:
    try:
        if not _RFC3339.fullmatch(text):
            raise ValueError
        # fromisoformat takes at most six digits of a second; the rest is below the index's precision.
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.upper())).astimezone(
            UTC
        )
    except (ValueError, OverflowError) as error:
        raise ValueError("give a time as RFC 3339, such as 2026-01-31T12:00:00Z") from error
    if not 1970 <= moment.year <= 9998:
        raise ValueError("give a time between the years 1970 and 9998")
    return moment


def text_parameter(name: str, summary: str) -> Parameter[str | None]:
    """A filter by equality with a text; None where it is not given."""
    return Parameter[str | None](name=name, parse=_text, default=None, summary=summary)


def time_parameter(name: str, summary: str) -> Parameter[datetime | None]:
    """A time in RFC 3339; None where it is not given."""
    return Parameter[datetime | None](
        name=name,
        parse=_time,
        default=None,
        summary=summary,
        schema={"type": "string", "format": "date-time"},
    )


def duration_parameter(name: str, summary: str) -> Parameter[float | None]:
    """A number of milliseconds; None where it is not given."""
    return Parameter[float | None](
        name=name,
        parse=_duration_ms,
        default=None,
        summary=summary,
        schema={"type": "number", "minimum": 0},
    )


def choice(name: str, words: tuple[str, ...], summary: str) -> Parameter[str | None]:
    """One of a few words; None where it is not given."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"give one of {', '.join(words)}")
        return text

    return Parameter[str | None](
        name=name,
        parse=parse,
        default=None,
        summary=summary,
        schema={"type": "string", "enum": list(words)},
    )


WINDOW: Parameter[Window] = Parameter(
    name="window",
    parse=parse_window,
    default=Window("1h", 3600),
    summary="How far to look back: a number and s, m, h, d or w, 1m to 90d",
    schema={"type": "string", "default": "1h", "pattern": "^[0-9]+[smhdw]$"},
)
LIMIT: Parameter[int] = Parameter(
    name="limit",
    parse=_limit,
    default=50,
    summary="Longest page",
    schema={"type": "integer", "minimum": 1, "maximum": _MAX_LIMIT, "default": 50},
)
CURSOR = text_parameter("cursor", "next_cursor of the page before")
SERVICE = text_parameter("service", "Name of a service")
