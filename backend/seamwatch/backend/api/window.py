"""A look back in time, such as ``15m``, ``1h`` or ``7d``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["MAX_WINDOW_S", "Window", "parse_window", "utc_now"]

MAX_WINDOW_S = 90 * 86400
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_TEXT = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)


@dataclass(frozen=True)
class Window:
    """The last `duration_s` seconds, widened to whole minutes, as `text` said it."""

    text: str
    duration_s: int

    def since(self, now: datetime) -> datetime:
        """First minute of the window: the one that holds `now` minus the duration."""
        return (now - timedelta(seconds=self.duration_s)).replace(second=0, microsecond=0)

    @staticmethod
    def until(now: datetime) -> datetime:
        """End of the window, exclusive: the minute that holds `now` is the last one."""
        return now.replace(second=0, microsecond=0) + timedelta(minutes=1)


def parse_window(text: str) -> Window:
    """Read a number and a unit of s, m, h, d or w; one minute to 90 days.

    Raises:
        ValueError: With the remedy, where `text` is no such duration.
    """
    match = _TEXT.fullmatch(text)
    duration_s = int(match[1]) * _UNIT_S[match[2]] if match else 0
    if not 60 <= duration_s <= MAX_WINDOW_S:
        raise ValueError("give a number and a unit of s, m, h, d or w, 1m to 90d, such as 15m")
    return Window(text, duration_s)


def utc_now(clock_s: float) -> datetime:
    """`clock_s` Unix seconds as a time."""
    return datetime.fromtimestamp(clock_s, UTC)
