"""Slots and bytes of the receiver."""

from __future__ import annotations

import pytest

from seamwatch.backend.receiver.admission import Admission
from seamwatch.core import UnavailableError


def admission(*, slots: int = 2, max_bytes: int = 100, is_available: bool = True) -> Admission:
    return Admission(slots=slots, max_bytes=max_bytes, is_available=lambda: is_available)


def test_slots_are_given_out_until_none_is_left_and_then_in_the_order_of_asking() -> None:
    made = admission(slots=2)
    first, second, third, fourth = (made.acquire() for _ in range(4))

    assert [first.done(), second.done(), third.done(), fourth.done()] == [True, True, False, False]
    assert made.waiting == 2
    made.release()
    assert [third.done(), fourth.done()] == [True, False]
    made.release()
    assert fourth.done()


def test_who_gives_up_waiting_is_passed_over() -> None:
    made = admission(slots=1)
    made.acquire()
    second, third = made.acquire(), made.acquire()

    made.abandon(second)
    made.release()

    assert third.done()
    assert made.waiting == 0


def test_a_slot_granted_to_who_has_given_up_goes_to_the_next() -> None:
    made = admission(slots=1)
    made.acquire()
    second, third = made.acquire(), made.acquire()
    made.release()
    assert second.done()

    made.abandon(second)

    assert third.done()


def test_a_released_slot_can_be_taken_again() -> None:
    made = admission(slots=1)

    for _ in range(3):
        assert made.acquire().done()
        made.release()


def test_at_the_limit_of_bytes_new_requests_are_told_to_come_back() -> None:
    made = admission(max_bytes=100)
    made.add_bytes(99)
    made.check()

    made.add_bytes(1)
    with pytest.raises(UnavailableError, match="100 bytes"):
        made.check()

    made.remove_bytes(1)
    made.check()
    assert made.bytes_in_flight == 99


def test_without_a_database_nothing_is_read() -> None:
    with pytest.raises(UnavailableError, match="database"):
        admission(is_available=False).check()


def test_after_the_stop_nothing_is_read() -> None:
    made = admission()

    made.stop()

    with pytest.raises(UnavailableError, match="stopping"):
        made.check()
