"""Numbers, durations, times and hostile text as a reader of the pages sees them.

Every function is pure. Absent values give an en dash. Nothing is rounded into a claim: a ratio that is not
quite 1 never reads "100 %", one that is not quite 0 never reads "0 %".
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

__all__ = [
    "ABSENT",
    "absolute_time",
    "clip",
    "count",
    "duration",
    "plural",
    "rate",
    "ratio",
    "relative_time",
    "visible",
]

ABSENT = "–"  # noqa: RUF001  an en dash, as typographers mark an absent figure

_MINUS = "−"  # noqa: RUF001
_NARROW = "\u202f"  # no-break, so that a figure and its unit stay on one line

# Right-to-left marks and overrides: shown as their code, they would reorder the text around them.
_BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def duration(ms: float | None) -> str:
    """A duration in the unit that needs the fewest digits: ``850 µs``, ``12.3 ms``, ``1.24 s``, ``2 m 05 s``."""
    if ms is None:
        return ABSENT
    if ms < 0:
        return _MINUS + duration(-ms)
    if ms == 0:
        return f"0{_NARROW}ms"
    if ms < 0.001:
        return f"{_significant(ms * 1e6)}{_NARROW}ns"
    if ms < 0.9995:
        return f"{_significant(ms * 1e3)}{_NARROW}µs"
    if ms < 999.5:
        return f"{_significant(ms)}{_NARROW}ms"
    seconds = ms / 1e3
    if seconds < 59.95:
        return f"{_significant(seconds)}{_NARROW}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}{_NARROW}m {whole % 60:02d}{_NARROW}s"
    minutes = round(seconds / 60)
    return f"{minutes // 60}{_NARROW}h {minutes % 60:02d}{_NARROW}m"


def rate(events: float | None, seconds: float) -> str:
    """Events per second, or per minute where fewer than one comes in ten seconds."""
    if events is None or seconds <= 0:
        return ABSENT
    if events == 0:
        return "0/s"
    per_second = events / seconds
    if per_second < 0.1:
        return f"{_significant(per_second * 60)}/min"
    return f"{_significant(per_second)}/s"


def ratio(value: float | None) -> str:
    """A share of 0 to 1 as per cent, exact at both ends: ``0 %``, ``<0.01 %``, ``1.25 %``, ``>99.99 %``."""
    if value is None:
        return ABSENT
    if value <= 0:
        return f"0{_NARROW}%"
    if value >= 1:
        return f"100{_NARROW}%"
    percent = value * 100
    if percent < 0.01:
        return f"<0.01{_NARROW}%"
    if percent > 99.99:
        return f">99.99{_NARROW}%"
    digits = 2 if percent < 10 or percent >= 99.9 else 1
    return f"{percent:.{digits}f}{_NARROW}%"


def count(value: int | None) -> str:
    """A whole number with thousands apart, shortened from ten million on: ``12,480``, ``31.5 M``."""
    if value is None:
        return ABSENT
    if abs(value) < 10_000_000:
        return f"{value:,}"
    for limit, unit in ((1e9, "M"), (1e12, "G"), (1e15, "T")):
        if abs(value) < limit:
            return f"{_significant(value / (limit / 1e3))}{_NARROW}{unit}"
    return f"{value:.2e}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """``1 span``, ``2 spans``, ``1,200 spans``."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def relative_time(then: datetime | None, now: datetime) -> str:
    """How long ago, in one unit: ``just now``, ``12 s ago``, ``3 min ago``, ``in 5 s``."""
    if then is None:
        return ABSENT
    seconds = (now - then).total_seconds()
    distance = abs(seconds)
    if distance < 1:
        return "just now"
    size, unit = next(
        (size, unit)
        for limit, size, unit in (
            (60, 1, "s"),
            (3600, 60, "min"),
            (86_400, 3600, "h"),
            (float("inf"), 86_400, "d"),
        )
        if distance < limit
    )
    text = f"{int(distance // size)}{_NARROW}{unit}"
    return f"{text} ago" if seconds > 0 else f"in {text}"


def absolute_time(then: datetime | None) -> str:
    """A time to the millisecond, in UTC: ``2026-11-24 09:30:00.250 UTC``."""
    if then is None:
        return ABSENT
    utc = then.astimezone(UTC)
    return f"{utc:%Y-%m-%d %H:%M:%S}.{utc.microsecond // 1000:03d} UTC"


def clip(text: str, characters: int) -> str:
    """`text`, cut to at most `characters` with an ellipsis at the end where something is missing."""
    return text if len(text) <= characters else text[: characters - 1].rstrip() + "…"


def visible(text: str) -> str:
    """`text` with its control and direction marks spelled out, as ``⟨U+202E⟩``.

    Line breaks and tabs stay. Markup is left alone: escaping it is the template's work.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible_character, text))


def _visible_character(character: str) -> str:
    if character in "\n\t":
        return character
    code = ord(character)
    if character in _BIDI_CONTROLS or unicodedata.category(character) in ("Cc", "Cs", "Co"):
        return f"⟨U+{code:04X}⟩"
    return character


def _significant(value: float) -> str:
    """Three significant digits without an exponent, trailing zeros dropped: 1.5, 12.3, 850."""
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
