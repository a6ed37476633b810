"""Times of the database as the API writes them, to the nanosecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["as_utc", "rfc3339", "to_datetime"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_datetime(time_us: int) -> datetime:
    """Microseconds since 1970 as a time; exact, unlike going through a float."""
    return _EPOCH + timedelta(microseconds=time_us)


def as_utc(moment: datetime) -> datetime:
    """A time of the database, which comes in the server's own zone, in UTC."""
    return moment.astimezone(UTC)


def rfc3339(time_ns: int) -> str:
    """Nanoseconds since 1970 as RFC 3339 UTC with nine digits."""
    seconds, fraction = divmod(time_ns, 1_000_000_000)
    whole = _EPOCH + timedelta(seconds=seconds)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"
