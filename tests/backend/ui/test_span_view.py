"""The details of one span."""

from __future__ import annotations

from typing import Any

import msgspec

from seamwatch.backend.ui.span_view import span_view


def view(sample: Any, **given: Any) -> Any:
    span = sample.span(1, None, "shop", "step", **given)
    return span_view(span, trace_start_ns=int(span.start_time_unix_nano), has_parent=False)


def test_values_keep_their_type_and_every_digit(sample: Any) -> None:
    raw = (
        b'{"a": true, "b": 1e400, "c": 0.1, "d": "9007199254740993", "e": null, "f": "",'
        b' "g": 123456789012345678901234567890, "h": {"@bytes": "AAE="}, "i": [1, "x"]}'
    )
    span = msgspec.structs.replace(sample.span(1, None, "s", "n"), attributes=msgspec.Raw(raw))

    rows = span_view(span, trace_start_ns=0, has_parent=False).attributes

    assert [(row.value, row.kind) for row in rows] == [
        ("true", "boolean"),
        ("1e400", "number"),
        ("0.1", "number"),
        ("9007199254740993", "text"),
        ("empty", "empty"),
        ("empty text", "empty"),
        ("123456789012345678901234567890", "number"),
        ("bytes, base64: AAE=", "text"),
        ('[\n 1,\n "x"\n]', "text"),
    ]


def test_long_value_is_cut_and_whole_behind_it(sample: Any) -> None:
    (row,) = view(sample, attributes={"payload": "x" * 4096}).attributes

    assert (len(row.value), len(row.rest), row.length) == (201, 4096, 4096)


def test_stack_trace_stands_in_the_exception_and_not_in_the_event(sample: Any) -> None:
    details = {
        "exception.type": "E",
        "exception.message": "m",
        "exception.stacktrace": "line 1\nline 2",
    }
    shown = view(
        sample, events=[{"name": "exception", "time_unix_nano": None, "attributes": details}]
    )

    assert shown.exceptions[0].stacktrace == "line 1\nline 2"
    assert [row.key for row in shown.events[0].attributes] == [
        "exception.message",
        "exception.type",
    ]


def test_link_with_ids_that_are_no_ids_leads_nowhere(sample: Any) -> None:
    links = [
        {"trace_id": "../../evil", "span_id": "x"},
        {"trace_id": "0" * 32, "span_id": "1" * 16},
    ]

    assert [link.trace_id for link in view(sample, links=links).links] == ["", ""]


def test_what_the_sender_dropped_is_said(sample: Any) -> None:
    assert view(sample, dropped=(2, 0, 1)).dropped == "2 attributes, 1 links"


def test_span_whose_resource_is_gone_is_shown(sample: Any) -> None:
    null = msgspec.Raw(b"null")
    span = msgspec.structs.replace(
        sample.span(1, None, "s", "n"), resource=null, scope=null, events=null
    )

    shown = span_view(span, trace_start_ns=0, has_parent=False)

    assert (shown.resource, shown.scope, shown.events) == ((), (), ())
