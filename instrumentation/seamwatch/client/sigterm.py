"""Sends what waits before SIGTERM ends a process that does not handle it."""

from __future__ import annotations

import os
import signal
import threading
import weakref
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seamwatch.exporters import SeamwatchSpanProcessor

__all__ = ["drain_on_sigterm"]

# In a container: the kernel keeps the default action from it, so the service goes on.
_INIT_PID = 1

_draining: weakref.WeakSet[SeamwatchSpanProcessor] = weakref.WeakSet()


def drain_on_sigterm(processor: SeamwatchSpanProcessor) -> bool:
    """On SIGTERM send what `processor` holds, then end as if no handler had been there.

    Python runs no `atexit` hooks when the default action of SIGTERM ends it. That is how plain
    scripts end, and uvicorn too: it restores the handler it found and raises the signal again. A
    service that sets a handler afterwards replaces ours.

    Returns:
        Whether the handler is installed: only from the main thread, and only for the default action.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    if signal.getsignal(signal.SIGTERM) not in (signal.SIG_DFL, _drain):
        return False
    try:
        signal.signal(signal.SIGTERM, _drain)
    except ValueError:  # the main thread of a subinterpreter
        return False
    _draining.add(processor)
    return True


def _drain(number: int, frame: FrameType | None) -> None:
    if os.getpid() == _INIT_PID:
        for processor in list(_draining):
            processor.force_flush(round(processor.config.shutdown_timeout_s * 1000))
        return
    signal.signal(number, signal.SIG_DFL)  # a second signal ends the process without waiting
    for processor in list(_draining):
        processor.shutdown()
    os.kill(os.getpid(), number)
