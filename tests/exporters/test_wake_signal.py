from __future__ import annotations

import threading

from seamwatch.exporters.wake_signal import WakeSignal


def test_set_before_the_wait_is_kept_and_counts_once() -> None:
    signal = WakeSignal()
    signal.set()
    signal.set()

    signal.wait(None)

    ended = threading.Event()
    waiter = threading.Thread(target=lambda: (signal.wait(None), ended.set()), daemon=True)
    waiter.start()
    assert not ended.wait(0.05)
    signal.set()
    assert ended.wait(5.0)


def test_wait_without_end_in_sight_is_cut_short_by_set() -> None:
    signal = WakeSignal()
    ended = threading.Event()
    threading.Thread(target=lambda: (signal.wait(float("inf")), ended.set()), daemon=True).start()

    signal.set()

    assert ended.wait(5.0)


def test_wait_ends_at_its_timeout() -> None:
    WakeSignal().wait(-1.0)
    WakeSignal().wait(0.01)
