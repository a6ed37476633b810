"""OTLP/JSON that is damaged, hostile or of the wrong shape is refused early, in bounded memory, with its path."""

from __future__ import annotations

import contextlib
import json
import math
import time
import tracemalloc
from typing import Any

import pytest
from tests.support.otlp_json import (
    convert,
    span_of,
    with_span,
    with_value,
)

from seamwatch.backend.receiver.ingest_protocol import Signal, TooLargeError
from seamwatch.backend.receiver.json_encoding import json_to_protobuf
from seamwatch.backend.receiver.json_fields import InvalidFieldError
from seamwatch.core import RejectedError


def test_a_problem_deep_inside_is_named_from_the_top() -> None:
    inner = {"kvlistValue": {"values": [{"key": "a"}, {"key": "b", "value": {"intValue": "x"}}]}}
    content = with_span(
        events=[{}, {"attributes": [{"value": {"arrayValue": {"values": [{}, inner]}}}]}]
    )

    with pytest.raises(InvalidFieldError) as caught:
        convert(content)

    assert caught.value.path == (
        "resourceSpans[0].scopeSpans[0].spans[0].events[1].attributes[0].value"
        ".arrayValue.values[1].kvlistValue.values[1].value.intValue"
    )


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ({"resourceSpans": {}}, "resourceSpans"),
        ({"resourceSpans": [3]}, "resourceSpans[0]"),
        ({"resourceSpans": [{"resource": []}]}, "resourceSpans[0].resource"),
        ({"resourceSpans": [{}, {"scopeSpans": [{"scope": {"name": 1}}]}]}, "resourceSpans[1].scopeSpans[0].scope.name"),
        (with_span(name=3), "resourceSpans[0].scopeSpans[0].spans[0].name"),
        (with_span(attributes={}), "resourceSpans[0].scopeSpans[0].spans[0].attributes"),
        (with_span(links=[{"flags": -1}]), "resourceSpans[0].scopeSpans[0].spans[0].links[0].flags"),
        (with_span(traceId=5), "resourceSpans[0].scopeSpans[0].spans[0].traceId"),
        ({"resourceSpans": [{"scopeSpans": [{"spans": [{}, None]}]}]}, "resourceSpans[0].scopeSpans[0].spans[1]"),
        (
            {"resourceSpans": [{"resource": {"attributes": [{"value": {"intValue": "x"}}]}}]},
            "resourceSpans[0].resource.attributes[0].value.intValue",
        ),
    ],
)  # fmt: skip
def test_a_known_field_of_the_wrong_type_is_rejected_and_named(content: object, path: str) -> None:
    with pytest.raises(InvalidFieldError) as caught:
        convert(content)

    assert caught.value.path == path


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"{", b"nul", b"{} {}", b'{"resourceSpans":[{]}', b"\x80abc", b"{'a':1}", b"NaN"],
)
def test_what_is_no_json_is_rejected(body: bytes) -> None:
    with pytest.raises(RejectedError):
        json_to_protobuf(Signal.TRACES, body)


@pytest.mark.parametrize("body", [b"[]", b"3", b"null", b'"x"'])
def test_json_that_is_no_object_is_rejected(body: bytes) -> None:
    with pytest.raises(RejectedError, match="Expected `object`"):
        json_to_protobuf(Signal.TRACES, body)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (rb"\ud800", "\ufffd"),
        (rb"a\udfffb", "a\ufffdb"),
        (rb"\ud83d\ude00", "\U0001f600"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\\ud800\ud800", "\\ud800\ufffd"),
        (rb"\u0000", "\0"),
        (b"\xff", "\ufffd"),
        (b"a\xc3", "a\ufffd"),
    ],
)
def test_text_that_nothing_can_hold_becomes_the_replacement_character(
    written: bytes, expected: str
) -> None:
    body = json.dumps(with_span(name="NAME", attributes=[])).encode().replace(b"NAME", written)

    assert span_of(body).name == expected


def test_a_bad_byte_in_one_span_leaves_its_neighbours_untouched() -> None:
    body = json.dumps(
        {
            "resourceSpans": [
                {"scopeSpans": [{"spans": [{"name": "é1"}, {"name": "X"}, {"name": "😀"}]}]}
            ]
        },
        ensure_ascii=False,
    ).encode()

    spans = convert(body.replace(b"X", b"\xff")).resource_spans[0].scope_spans[0].spans

    assert [span.name for span in spans] == ["é1", "\ufffd", "😀"]


@pytest.mark.parametrize("levels", [1, 32, 60])
def test_nested_values_are_kept_to_a_depth(levels: int) -> None:
    value: dict[str, Any] = {"intValue": 1}
    for _ in range(levels):
        value = {"arrayValue": {"values": [value]}}

    out = json_to_protobuf(Signal.TRACES, json.dumps(with_value(value)).encode())

    assert out.count(b"\x18\x01") == 1


@pytest.mark.parametrize("levels", [65, 500, 50_000])
@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        (b'{"arrayValue":{"values":[', b"]}}"),
        (b'{"kvlistValue":{"values":[{"value":', b"}]}}"),
    ],
)
def test_values_nested_too_deeply_are_rejected(levels: int, opening: bytes, closing: bytes) -> None:
    nested = opening * levels + b"{}" + closing * levels
    body = json.dumps(with_value("VALUE")).encode().replace(b'"VALUE"', nested)

    with pytest.raises(RejectedError, match="nested"):
        json_to_protobuf(Signal.TRACES, body)


def test_an_unknown_field_nested_too_deeply_is_rejected() -> None:
    with pytest.raises(RejectedError, match="nested"):
        json_to_protobuf(Signal.TRACES, b'{"x":' + b"[" * 10**6 + b"]" * 10**6 + b"}")


def test_a_bomb_of_empty_spans_is_refused_before_anything_is_built() -> None:
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b"{}," * 5_000_000 + b"{}]}]}]}"

    tracemalloc.start()
    with pytest.raises(TooLargeError):
        json_to_protobuf(Signal.TRACES, body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 100_000


def test_more_spans_than_allowed_are_refused_before_the_first_is_built() -> None:
    scope_spans = {"spans": [{}] * 3}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [scope_spans] * 2}, {}]}).encode()

    assert json_to_protobuf(Signal.TRACES, body, max_items=6)
    with pytest.raises(TooLargeError, match="6 spans, more than 5"):
        json_to_protobuf(Signal.TRACES, body, max_items=5)


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        (b'"spans":[', b"]"),
        (b'"spans":[{"attributes":[', b"]}]"),
        (b'"spans":[{"events":[', b"]}]"),
    ],
    ids=["spans", "attributes", "events"],
)
def test_empty_objects_take_no_more_memory_than_a_fifth_of_64_mib_for_a_fifth_of_their_limit(
    opening: bytes, closing: bytes
) -> None:
    items = b",".join([b"{}"] * 99_000)
    body = b'{"resourceSpans":[{"scopeSpans":[{' + opening + items + closing + b"}]}]}"

    tracemalloc.start()
    with contextlib.suppress(TooLargeError):
        json_to_protobuf(Signal.TRACES, body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 64 * 1024 * 1024 / 5


def test_a_batch_is_converted_fast_enough() -> None:
    attributes = [
        {"key": f"attribute.number.{number}", "value": {"stringValue": f"some value of {number}"}}
        for number in range(15)
    ]
    span = with_span(name="GET /", kind=2, attributes=attributes)["resourceSpans"][0]["scopeSpans"][
        0
    ]
    body = json.dumps(
        {"resourceSpans": [{"scopeSpans": [{"spans": span["spans"] * 512}]}]}
    ).encode()

    fastest_s = math.inf
    for _ in range(7):
        start = time.thread_time()
        json_to_protobuf(Signal.TRACES, body)
        fastest_s = min(fastest_s, time.thread_time() - start)

    assert (
        512 / fastest_s > 20_000
    )  # the budget is 40,000 spans a second; a test asserts half of one


@pytest.mark.parametrize("written", [rb"\ud800", b"\xff"])
def test_text_damaged_without_end_is_rejected_within_bounded_memory(written: bytes) -> None:
    body = json.dumps(with_span(name="NAME")).encode().replace(b"NAME", written * 1_000_000)

    tracemalloc.start()
    with pytest.raises(RejectedError):
        json_to_protobuf(Signal.TRACES, body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 3 * len(body) + 1_000_000


def test_entity_refs_without_end_are_rejected_and_named() -> None:
    content = {"resourceSpans": [{"resource": {"entityRefs": [{"idKeys": [""] * 100_000}]}}]}

    with pytest.raises(InvalidFieldError) as caught:
        convert(content)

    assert caught.value.path == "resourceSpans[0].resource.entityRefs"


def test_an_entity_ref_of_the_wrong_type_is_named() -> None:
    with pytest.raises(InvalidFieldError) as caught:
        convert({"resourceSpans": [{"resource": {"entityRefs": [{"idKeys": [3]}]}}]})

    assert caught.value.path == "resourceSpans[0].resource.entityRefs[0].idKeys[0]"
