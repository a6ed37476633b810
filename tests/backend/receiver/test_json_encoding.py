"""OTLP/JSON against protobuf's own JSON reader and the official messages."""

from __future__ import annotations

import base64
import contextlib
import json
import math
import time
import tracemalloc
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from seamwatch.backend.receiver.ingest_protocol import Signal, TooLargeError
from seamwatch.backend.receiver.json_encoding import json_to_protobuf
from seamwatch.backend.receiver.json_fields import InvalidFieldError
from seamwatch.core import RejectedError

TRACE_ID = "5B8EFFF798038103D269B633813FC60C"
SPAN_ID = "EEE19B7EC3C1B174"
_IDS = ("traceId", "spanId", "parentSpanId")

# The content of examples/trace.json of opentelemetry-proto.
OFFICIAL: dict[str, Any] = {
    "resourceSpans": [
        {
            "resource": {
                "attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]
            },
            "scopeSpans": [
                {
                    "scope": {
                        "name": "my.library",
                        "version": "1.0.0",
                        "attributes": [
                            {
                                "key": "my.scope.attribute",
                                "value": {"stringValue": "some scope attribute"},
                            }
                        ],
                    },
                    "spans": [
                        {
                            "traceId": TRACE_ID,
                            "spanId": SPAN_ID,
                            "parentSpanId": "EEE19B7EC3C1B173",
                            "name": "I'm a server span",
                            "startTimeUnixNano": 1544712660000000000,
                            "endTimeUnixNano": 1544712661000000000,
                            "kind": 2,
                            "attributes": [
                                {"key": "my.span.attr", "value": {"stringValue": "some value"}}
                            ],
                        }
                    ],
                }
            ],
        }
    ]
}


def convert(content: object) -> ExportTraceServiceRequest:
    """Our conversion, read by the official message."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return ExportTraceServiceRequest.FromString(json_to_protobuf(Signal.TRACES, body))


def truth(content: dict[str, Any]) -> ExportTraceServiceRequest:
    """Protobuf's own reading, after the ids became the base64 that it expects."""

    def fix(node: Any) -> Any:
        if isinstance(node, list):
            return [fix(item) for item in node]
        if isinstance(node, dict):
            return {
                key: base64.b64encode(bytes.fromhex(value)).decode() if key in _IDS else fix(value)
                for key, value in node.items()
            }
        return node

    return json_format.ParseDict(
        fix(content), ExportTraceServiceRequest(), ignore_unknown_fields=True
    )


def with_span(**fields: Any) -> dict[str, Any]:
    span = {"traceId": TRACE_ID, "spanId": SPAN_ID, **fields}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def with_value(value: object) -> dict[str, Any]:
    return with_span(attributes=[{"key": "k", "value": value}])


def span_of(content: object) -> Span:
    return convert(content).resource_spans[0].scope_spans[0].spans[0]


def value_of(value: object) -> Any:
    return span_of(with_value(value)).attributes[0].value


def test_point_26_the_official_example_reads_as_protobuf_reads_it() -> None:
    assert convert(OFFICIAL) == truth(OFFICIAL)


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

    assert convert(content) == truth(content)


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

    assert convert(content) == truth(content)


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
