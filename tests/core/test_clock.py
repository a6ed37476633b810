"""The machine's clock behind the protocol."""

from __future__ import annotations

import time

from seamwatch.core import SystemClock


def test_system_clock_tells_utc_nanoseconds_and_never_runs_backwards() -> None:
    clock = SystemClock()

    readings = [clock.monotonic() for _ in range(100)]

    assert abs(clock.time_ns() - time.time_ns()) < 1_000_000_000
    assert readings == sorted(readings)
