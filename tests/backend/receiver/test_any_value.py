"""Attributes from wire bytes to JSON text."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from tests.support.otlp import any_value

from seamwatch.backend.receiver.any_value import (
    MAX_NESTED_PER_REQUEST,
    AttributeFragments,
    ValueLimitError,
)
from seamwatch.backend.receiver.ingest_protocol import TooLargeError
from seamwatch.backend.receiver.wire import MalformedError


def wire(key: str, value: Any) -> bytes:
    made = KeyValue(key=key)
    made.value.CopyFrom(any_value(value))
    return made.SerializeToString()


def nested(levels: int) -> Any:
    value: Any = "deep"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("text", "text"),
        ("a\0b", "a\ufffdb"),
        ("x" * 127, "x" * 127),
        ("x" * 128, "x" * 128),
        ("\u00e9" * 64, "\u00e9" * 64),
        (True, True),
        (False, False),
        (0, 0),
        (-1, -1),
        (127, 127),
        (128, 128),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (0.5, 0.5),
        (-0.0, -0.0),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (b"\0\xff", {"@bytes": "AP8="}),
        ([], []),
        ({}, {}),
        (None, None),
        ([1, [b"a"], {"k\0": None}], [1, [{"@bytes": "YQ=="}], {"k\ufffd": None}]),
    ],
)
def test_a_value_is_written_as_documented(value: Any, kept: Any) -> None:
    fragments = AttributeFragments()
    encoded = wire("key", value)

    first, again = fragments[encoded], fragments[encoded]

    assert orjson.loads(b"{" + first + b"}") == {"key": kept}
    assert again == first


@pytest.mark.parametrize(
    "encoded",
    [
        b"\x0a\x01\xff\x12\x02\x18\x01",  # a key that is no UTF-8
        b"\x0a\x01k\x12\x03\x0a\x01\xff",  # a text that is no UTF-8
        b"\x0a\x05k",
        b"\xff",
    ],
)
def test_what_is_no_key_value_is_malformed(encoded: bytes) -> None:
    with pytest.raises(MalformedError):
        AttributeFragments()[encoded]


def test_values_nested_32_deep_are_kept_and_deeper_ones_refused() -> None:
    fragments = AttributeFragments()

    assert orjson.loads(b"{" + fragments[wire("k", nested(32))] + b"}") == {"k": nested(32)}
    with pytest.raises(ValueLimitError, match="32"):
        fragments[wire("k", nested(33))]


def test_a_large_attribute_of_too_many_values_is_refused_before_it_is_built() -> None:
    with pytest.raises(ValueLimitError, match="more than 10000"):
        AttributeFragments()[wire("k", ["value"] * 10_001)]


def test_a_request_holds_a_bounded_number_of_nested_values_and_the_next_has_its_own_budget() -> (
    None
):
    fragments = AttributeFragments()
    thousand = [wire(f"key {number}", [None] * 1_000) for number in range(200)]

    fragments.begin_request()
    for encoded in thousand[: MAX_NESTED_PER_REQUEST // 1_000]:
        fragments[encoded]
    with pytest.raises(TooLargeError):
        fragments[thousand[-1]]

    fragments.begin_request()
    assert fragments[thousand[-1]]


def test_what_is_remembered_is_bounded() -> None:
    fragments = AttributeFragments(capacity=10)

    for number in range(1_000):
        fragments[wire("key", number)]
    fragments[wire("long", "x" * 1_000)]

    assert len(fragments) <= 10
    assert wire("long", "x" * 1_000) not in fragments
