"""Waiting for something that another process does, with a bound."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["wait_for"]

_Found = TypeVar("_Found")
_PAUSE = threading.Event()  # never set: waiting on it gives the processor away


def wait_for(ask: Callable[[], _Found], what: str, timeout_s: float = 30.0) -> _Found:
    """Ask until the answer is true.

    Raises:
        AssertionError: It was not within `timeout_s`; says what.
    """
    give_up_at = time.monotonic() + timeout_s
    while True:
        found = ask()
        if found:
            return found
        if time.monotonic() > give_up_at:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        _PAUSE.wait(0.02)
