"""Sends what waits before SIGTERM ends a process that does not handle it."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seamwatch.exporters import SeamwatchSpanProcessor

__all__ = ["drain_on_sigterm"]


def drain_on_sigterm(processor: SeamwatchSpanProcessor) -> bool:
    """On SIGTERM send what waits, then end as if no handler had been there.

    Servers that handle SIGTERM themselves (gunicorn, uvicorn) end by `atexit`, where the SDK shuts
    its processors down; this is for plain scripts. Opt-in, because a Python handler only runs
    between two bytecodes: a process inside a long C call would no longer end at once.

    Returns:
        Whether the handler was installed: only in the main thread, and only in place of the default.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return False

    def drain(number: int, frame: FrameType | None) -> None:
        processor.shutdown()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, drain)
    return True
