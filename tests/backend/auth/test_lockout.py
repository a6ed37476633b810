"""The token bucket that slows down guessing."""

from __future__ import annotations

from typing import Any

import pytest

from seamwatch.backend.auth.lockout import LockOut


def test_key_is_locked_after_its_failures_and_opens_as_they_refill(clock: Any) -> None:
    lockout = LockOut(failures=10, window_s=60.0, clock=clock)
    for _ in range(10):
        assert lockout.retry_after_s("peer") is None
        lockout.record_failure("peer")

    waits = [lockout.retry_after_s("peer")]
    clock.advance(2.0)
    waits.append(lockout.retry_after_s("peer"))
    clock.advance(4.0)
    waits.append(lockout.retry_after_s("peer"))

    assert waits == [pytest.approx(6.0), pytest.approx(4.0), None]


def test_failures_of_one_key_do_not_lock_another(clock: Any) -> None:
    lockout = LockOut(failures=1, window_s=60.0, clock=clock)

    lockout.record_failure("one")

    assert lockout.retry_after_s("one") is not None
    assert lockout.retry_after_s("other") is None


def test_bucket_never_holds_more_than_its_failures(clock: Any) -> None:
    lockout = LockOut(failures=2, window_s=60.0, clock=clock)
    lockout.record_failure("peer")
    clock.advance(86_400.0)

    lockout.record_failure("peer")
    lockout.record_failure("peer")

    assert lockout.retry_after_s("peer") == pytest.approx(30.0)


def test_memory_stays_bounded_under_any_number_of_keys(clock: Any) -> None:
    lockout = LockOut(failures=1, window_s=60.0, clock=clock, capacity=100)

    for number in range(1000):
        lockout.record_failure(str(number))

    assert len(lockout) == 100
    assert lockout.retry_after_s("999") is not None


@pytest.mark.parametrize(
    "limits", [{"failures": 0, "window_s": 1.0}, {"failures": 1, "window_s": 0.0}]
)
def test_lockout_that_can_never_open_is_refused(clock: Any, limits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        LockOut(clock=clock, **limits)


def test_key_has_failures_until_they_have_refilled(clock: Any) -> None:
    lockout = LockOut(failures=10, window_s=60.0, clock=clock)
    seen = [lockout.has_failures("peer")]
    lockout.record_failure("peer")

    clock.advance(5.0)
    seen.append(lockout.has_failures("peer"))
    clock.advance(1.0)
    seen.append(lockout.has_failures("peer"))

    assert seen == [False, True, False]
