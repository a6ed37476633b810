"""Errors group by what they are and by the shape of their message."""

from __future__ import annotations

from typing import Any

import pytest

from seamwatch.backend.storage.error_group import describe_error, fingerprint

EXCEPTION = {
    "name": "exception",
    "attributes": {"exception.type": "CardDeclined", "exception.message": "card 42 declined"},
}


@pytest.mark.parametrize(
    ("attributes", "events", "status_message", "expected"),
    [
        ({"error.type": "TimeoutError"}, [EXCEPTION], "", ("TimeoutError", "card 42 declined")),
        ({"error.type": "500"}, [EXCEPTION], "", ("CardDeclined", "card 42 declined")),
        ({"error.type": "500"}, [], "", ("HTTP 500", "")),
        ({"error.type": 500}, [], "bad gateway", ("HTTP 500", "bad gateway")),
        ({"http.response.status_code": 503}, [], "", ("HTTP 503", "")),
        ({"http.status_code": 402}, [], "", ("HTTP 402", "")),
        ({}, [EXCEPTION], "declined", ("CardDeclined", "declined")),
        ({}, [{"name": "retry", "attributes": {}}], "", ("unknown", "")),
        ({}, [{"name": "exception", "attributes": None}], "", ("unknown", "")),
        ({"error.type": "x" * 999}, [], "y" * 999, ("x" * 200, "y" * 500)),
    ],
)
def test_type_and_message_come_from_the_most_telling_source(
    attributes: dict[str, Any],
    events: list[dict[str, Any]],
    status_message: str,
    expected: tuple[str, str],
) -> None:
    assert describe_error(attributes, events, status_message) == expected


@pytest.mark.parametrize(
    "message",
    [
        "order 17 of user 9 is gone",
        "order 18 of user 11 is gone",
    ],
)
def test_numbers_do_not_make_another_group(message: str) -> None:
    assert fingerprint("E", message) == fingerprint("E", "order 1 of user 2 is gone")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "no 5b8efff7-9803-8103-d269-b633813fc60c here",
            "no 00000000-0000-0000-0000-000000000001 here",
        ),
        ("at 0x7f10", "at 0x8a20"),
        ('key "a b" missing', 'key "c" missing'),
        ("host 10.0.0.1:80", "host 10.0.0.27:443"),
    ],
)
def test_ids_addresses_and_quoted_values_do_not_make_another_group(one: str, other: str) -> None:
    assert fingerprint("E", one) == fingerprint("E", other)


def test_another_type_or_another_sentence_is_another_group() -> None:
    assert len({fingerprint("E", "gone"), fingerprint("F", "gone"), fingerprint("E", "lost")}) == 3
