"""OTLP/JSON against protobuf's own JSON reader and the official messages."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.otlp_json import (
    OFFICIAL,
    SPAN_ID,
    TRACE_ID,
    convert,
    json_truth,
    span_of,
    value_of,
    with_span,
    with_value,
)

from seamwatch.backend.receiver.json_fields import InvalidFieldError


def test_point_26_the_official_example_reads_as_protobuf_reads_it() -> None:
    assert convert(OFFICIAL) == json_truth(OFFICIAL)


def test_point_26_every_field_reads_as_protobuf_reads_it() -> None:
    attributes = [
        {"key": "s", "value": {"stringValue": "é" * 300}},
        {"key": "empty", "value": {"stringValue": ""}},
        {"key": "b", "value": {"boolValue": False}},
        {"key": "t", "value": {"boolValue": True}},
        {"key": "i", "value": {"intValue": "-9223372036854775808"}},
        {"key": "n", "value": {"intValue": 0}},
        {"key": "d", "value": {"doubleValue": 0.0}},
        {"key": "w", "value": {"doubleValue": 3}},
        {"key": "x", "value": {"bytesValue": "AAEC/w=="}},
        {
            "key": "a",
            "value": {"arrayValue": {"values": [{"intValue": 5}, {}, {"stringValue": "z"}]}},
        },
        {"key": "ea", "value": {"arrayValue": {}}},
        {
            "key": "kv",
            "value": {"kvlistValue": {"values": [{"key": "in", "value": {"doubleValue": 1e300}}]}},
        },
        {"key": "none", "value": {}},
        {"key": "absent"},
        {"value": {"intValue": 1024}},
    ]
    counts = {"droppedAttributesCount": 4_294_967_295}
    content = {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": attributes,
                    "entityRefs": [
                        {
                            "schemaUrl": "u",
                            "type": "service",
                            "idKeys": ["service.name", "x"],
                            "descriptionKeys": ["y"],
                        }
                    ],
                    **counts,
                },
                "schemaUrl": "https://opentelemetry.io/schemas/1.30.0",
                "scopeSpans": [
                    {
                        "scope": {"name": "n", "version": "v", "attributes": attributes, **counts},
                        "schemaUrl": "https://opentelemetry.io/schemas/1.31.0",
                        "spans": [
                            {
                                "traceId": TRACE_ID,
                                "spanId": SPAN_ID,
                                "traceState": "a=b",
                                "parentSpanId": SPAN_ID.lower(),
                                "flags": 257,
                                "name": "näme",
                                "kind": 99,
                                "startTimeUnixNano": "18446744073709551615",
                                "endTimeUnixNano": 1,
                                "attributes": attributes,
                                **counts,
                                "events": [
                                    {
                                        "timeUnixNano": "1",
                                        "name": "e",
                                        "attributes": attributes,
                                        **counts,
                                    },
                                    {},
                                ],
                                "droppedEventsCount": 7,
                                "links": [
                                    {
                                        "traceId": TRACE_ID,
                                        "spanId": SPAN_ID,
                                        "traceState": "c=d",
                                        "attributes": attributes,
                                        "flags": 1,
                                        **counts,
                                    },
                                    {},
                                ],
                                "droppedLinksCount": 8,
                                "status": {"message": "broken", "code": 2},
                            },
                            {"status": {}},
                        ],
                    },
                    {},
                ],
            },
            {},
        ]
    }

    assert convert(content) == json_truth(content)


_NUMBERS = st.integers(-(2**63), 2**63 - 1)
_VALUES = st.recursive(
    st.one_of(
        st.builds(dict),
        st.text(max_size=20).map(lambda v: {"stringValue": v}),
        st.booleans().map(lambda v: {"boolValue": v}),
        _NUMBERS.map(lambda v: {"intValue": v}),
        _NUMBERS.map(lambda v: {"intValue": str(v)}),
        st.floats(allow_nan=False, allow_infinity=False).map(lambda v: {"doubleValue": v}),
        st.binary(max_size=9).map(lambda v: {"bytesValue": base64.b64encode(v).decode()}),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda v: {"arrayValue": {"values": v}}),
        st.lists(st.tuples(st.text(max_size=5), inner), max_size=4).map(
            lambda v: {"kvlistValue": {"values": [{"key": k, "value": x} for k, x in v]}}
        ),
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=300), _VALUES), max_size=5))
def test_point_26_any_attributes_read_as_protobuf_reads_them(
    pairs: list[tuple[str, object]],
) -> None:
    content = with_span(attributes=[{"key": key, "value": value} for key, value in pairs])

    assert convert(content) == json_truth(content)


@pytest.mark.parametrize("spelling", [TRACE_ID, TRACE_ID.lower(), TRACE_ID.title()])
def test_point_24_ids_are_hex_in_either_case(spelling: str) -> None:
    span = span_of(with_span(traceId=spelling, links=[{"traceId": spelling, "spanId": SPAN_ID}]))

    assert span.trace_id == bytes.fromhex(TRACE_ID)
    assert span.links[0].trace_id == bytes.fromhex(TRACE_ID)
    assert span.links[0].span_id == bytes.fromhex(SPAN_ID)


@pytest.mark.parametrize("field", ["traceId", "spanId", "parentSpanId"])
@pytest.mark.parametrize("value", ["5B8E", "no hex at all", "W47/95gDgQPSabYzgT/GDA==", "0", "é"])
def test_point_24_an_id_that_is_wrong_has_a_wrong_length_so_that_its_span_is_rejected_alone(
    field: str, value: str
) -> None:
    span = span_of(with_span(**{field: value}))

    snake = {"traceId": "trace_id", "spanId": "span_id", "parentSpanId": "parent_span_id"}[field]
    assert len(getattr(span, snake)) not in (0, 8, 16)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"kind": "SPAN_KIND_SERVER"}, "kind"),
        ({"kind": "2"}, "kind"),
        ({"status": {"code": "STATUS_CODE_ERROR"}}, "status.code"),
    ],
)
def test_point_25_an_enum_by_name_is_rejected_and_named(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidFieldError) as caught:
        convert(with_span(**fields))

    assert caught.value.path == f"resourceSpans[0].scopeSpans[0].spans[0].{path}"
    assert caught.value.path in str(caught.value)


def test_point_25_an_unknown_enum_number_is_kept() -> None:
    span = span_of(with_span(kind=77, status={"code": -3}))

    assert (span.kind, span.status.code) == (77, -3)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1544712660000000001", 1544712660000000001),
        (1544712660000000001, 1544712660000000001),
        (1.5447126600000000e18, 1544712660000000000),
        ("18446744073709551615", 2**64 - 1),
        ("0", 0),
        (None, 0),
    ],
)
def test_point_25_a_64_bit_number_is_a_string_or_a_number(written: object, expected: int) -> None:
    assert span_of(with_span(startTimeUnixNano=written)).start_time_unix_nano == expected


@pytest.mark.parametrize(
    "written",
    ["", "abc", "1e5", " 1", "1_0", "٣", -1, 2**64, "18446744073709551616", 0.5, True, []],
)
def test_point_25_what_is_no_64_bit_number_is_rejected_and_named(written: object) -> None:
    with pytest.raises(InvalidFieldError) as caught:
        convert(with_span(startTimeUnixNano=written))

    assert caught.value.path == "resourceSpans[0].scopeSpans[0].spans[0].startTimeUnixNano"


@pytest.mark.parametrize("written", [2**63, str(-(2**63) - 1), "9" * 5000, 10**400, 1.5, "x"])
def test_point_25_an_int_value_out_of_range_is_rejected_and_named(written: object) -> None:
    body = json.dumps(with_value({"intValue": 7})).replace("7}", f"{_json_number(written)}}}")

    with pytest.raises(InvalidFieldError) as caught:
        convert(body.encode())

    assert caught.value.path.startswith(
        "resourceSpans[0].scopeSpans[0].spans[0].attributes[0].value"
    )


def _json_number(value: object) -> str:
    if isinstance(value, int) and value > 10**30:
        return "1" + "0" * 400
    return json.dumps(value)


def test_point_25_snake_case_and_unknown_fields_are_ignored() -> None:
    content = with_span(
        trace_id="00" * 16, parent_span_id="11" * 8, start_time_unix_nano=5, future={"a": [1, None]}
    )
    content["resource_spans"] = [{"x": 1}]

    span = span_of(content)

    assert span.trace_id == bytes.fromhex(TRACE_ID)
    assert (span.parent_span_id, span.start_time_unix_nano) == (b"", 0)


def test_point_25_null_is_absent() -> None:
    fields = (
        "parentSpanId",
        "name",
        "kind",
        "endTimeUnixNano",
        "attributes",
        "events",
        "links",
        "status",
    )

    assert convert(with_span(**dict.fromkeys(fields))) == convert(with_span())
    assert convert({"resourceSpans": None}) == ExportTraceServiceRequest()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
        (1, 1.0),
        ("1.5e3", 1500.0),
        (-0.0, -0.0),
        (5e-324, 5e-324),
    ],
)
def test_point_26_doubles_may_be_written_as_strings(written: object, expected: float) -> None:
    value = value_of({"doubleValue": written}).double_value

    assert (value, math.copysign(1, value)) == (expected, math.copysign(1, expected))


def test_point_26_nan_is_a_string() -> None:
    assert math.isnan(value_of({"doubleValue": "NaN"}).double_value)


@pytest.mark.parametrize("written", ["nan", "inf", "1_0", "0x1p3", "", "1e999", 10**400, True])
def test_point_26_what_is_no_double_is_rejected_and_named(written: object) -> None:
    body = json.dumps(with_value({"doubleValue": 7})).replace("7}", f"{_json_number(written)}}}")

    with pytest.raises(InvalidFieldError, match=r"attributes\[0\]\.value\.doubleValue"):
        convert(body.encode())


@pytest.mark.parametrize("written", ["+/8=", "-_8=", "-_8"])
def test_point_26_bytes_are_base64_standard_or_url_safe(written: str) -> None:
    assert value_of({"bytesValue": written}).bytes_value == b"\xfb\xff"


def test_point_26_what_is_no_base64_is_rejected_and_named() -> None:
    with pytest.raises(
        InvalidFieldError, match=r"attributes\[0\]\.value\.bytesValue: expected base64"
    ):
        value_of({"bytesValue": "a*b"})
