"""The end of worker processes that leave by `os._exit`, which runs no `atexit` hooks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

__all__ = ["call_at_end_of_child"]

_BEFORE_OTHERS = 100  # exit priority of `Finalize`


def call_at_end_of_child(callback: Callable[[], object]) -> None:
    """Call `callback` at the end if this is a child of `multiprocessing`, billiard or celery.

    Does nothing in any other process; loads none of these libraries into a host that has not.
    """
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None and multiprocessing.parent_process() is not None:
        _finalize("multiprocessing.util", callback)
    billiard = sys.modules.get("billiard.process")
    if (
        billiard is not None
        and getattr(billiard.current_process(), "_parent_pid", None) is not None
    ):
        _finalize("billiard.util", callback)
        signals = sys.modules.get("celery.signals")
        if signals is not None:  # a pool's process leaves without billiard's finalizers
            signals.worker_process_shutdown.connect(lambda **_: callback(), weak=False)


def _finalize(module_name: str, callback: Callable[[], object]) -> None:
    util: Any = __import__(module_name, fromlist=["Finalize"])
    util.Finalize(None, callback, exitpriority=_BEFORE_OTHERS)
