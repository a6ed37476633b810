"""Ctrl-C asks to stop; a second one does not want to wait."""

from __future__ import annotations

import os
import signal

from seamwatch.backend.demo.stop_request import SAME_WISH_S, StopRequest


def test_nobody_has_asked_at_first() -> None:
    stop = StopRequest()

    assert (stop.is_set, stop.is_urgent, stop.wait(0)) == (False, False, False)


def test_one_signal_stops_without_urgency() -> None:
    stop = StopRequest()

    with stop.installed():
        os.kill(os.getpid(), signal.SIGINT)

        assert (stop.wait(5), stop.is_urgent) == (True, False)


def test_a_second_signal_is_urgent_only_when_it_is_another_wish() -> None:
    now_s = 100.0
    stop = StopRequest(clock=lambda: now_s)

    stop.request()
    now_s += SAME_WISH_S / 2
    stop.request()
    was_urgent = stop.is_urgent
    now_s += SAME_WISH_S
    stop.request()

    assert (was_urgent, stop.is_urgent) == (False, True)


def test_former_handlers_are_back_afterwards() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]

    with StopRequest().installed():
        pass

    after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert after == before
