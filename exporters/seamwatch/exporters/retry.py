"""When a request may be sent again, and after which delay."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["RETRYABLE_STATUSES", "backoff_s", "parse_retry_after_s"]

# OTLP specification, "Retryable Response Codes"; every other status is final.
RETRYABLE_STATUSES = frozenset({429, 502, 503, 504})

_FIRST_S = 0.5
_LONGEST_S = 30.0
_LONGEST_SERVER_DELAY_S = 3600.0


def backoff_s(attempt: int, *, uniform: Callable[[float, float], float] = random.uniform) -> float:
    """Delay before the next attempt: doubling from 0.5 s to 30 s, the upper half of it random.

    Args:
        attempt: Attempts that have failed so far, >= 1.
        uniform: Source of the jitter.
    """
    ceiling = min(_LONGEST_S, _FIRST_S * 2.0 ** min(attempt - 1, 16))
    return uniform(ceiling / 2, ceiling)


def parse_retry_after_s(value: str | None, *, now_unix_s: float) -> float | None:
    """Seconds to wait by a ``Retry-After`` header, at most an hour; None if there is none.

    Args:
        value: Whole seconds or an HTTP date (RFC 9110 §10.2.3).
        now_unix_s: The present time, to which a date is compared.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _LONGEST_SERVER_DELAY_S)
    try:
        date = parsedate_to_datetime(text)
        # A date without a zone is UTC in HTTP; `timestamp` would read it as local time.
        unix_s = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(0.0, unix_s - now_unix_s), _LONGEST_SERVER_DELAY_S)
