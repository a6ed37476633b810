"""Odd texts, numbers, durations and times are stored as docs/reference/otlp.md says."""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from tests.support.attack import GrpcAnswer, GrpcClient
from tests.support.otlp import add_attributes
from tests.support.receiver_service import NOW_NS, OK, request_of, stored

ODD_TEXTS = {
    "nul": ("a\0b", "a\ufffdb"),
    "only nul": ("\0", "\ufffd"),
    "escape": ("\\u0000", "\\u0000"),
    "astral": ("\U0001f600", "\U0001f600"),
    "noncharacter": ("\uffff\ufffe", "\uffff\ufffe"),
    "controls": ("\x01\x1f\x7f\t\n", "\x01\x1f\x7f\t\n"),
}


@pytest.mark.parametrize("name", ODD_TEXTS)
def test_odd_text_is_stored_everywhere_as_documented(
    name: str, client: GrpcClient, conninfo: str
) -> None:
    sent, kept = ODD_TEXTS[name]
    service = f"odd-text-{name}"
    request = request_of(service, name=sent, trace_state=sent)
    request.resource_spans[0].schema_url = sent
    request.resource_spans[0].scope_spans[0].schema_url = sent
    scope = request.resource_spans[0].scope_spans[0].scope
    scope.name, scope.version = sent, sent
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.status.code, span.status.message = 2, sent
    values = {sent: sent, "list": [sent], "map": {sent: sent}, "error.type": sent}
    add_attributes(span.attributes, values)
    add_attributes(request.resource_spans[0].resource.attributes, {sent: sent})
    add_attributes(scope.attributes, {sent: sent})
    event = span.events.add(name=sent)
    add_attributes(event.attributes, {"exception.type": sent, "exception.message": sent})
    span.links.add(trace_id=b"\1" * 16, span_id=b"\2" * 8, trace_state=sent)

    assert client.export(request.SerializeToString()) == GrpcAnswer(OK)

    [row] = stored(conninfo, service)
    assert (row["name"], row["trace_state"], row["status_message"]) == (kept, kept, kept)
    assert {row["resource_schema_url"], row["scope_schema_url"]} == {kept}
    assert (row["scope_name"], row["scope_version"], row["scope_attributes"]) == (
        kept, kept, {kept: kept},
    )  # fmt: skip
    assert row["resource_attributes"] == {"service.name": service, kept: kept}
    attributes = row["attributes"]
    assert attributes[kept] == kept
    assert (attributes["list"], attributes["map"]) == ([kept], {kept: kept})
    assert row["events"][0]["name"] == kept
    assert row["links"][0]["trace_state"] == kept


def test_a_nul_in_the_service_name_is_stored_as_documented(
    client: GrpcClient, conninfo: str
) -> None:
    assert client.export(request_of("nul\0service").SerializeToString()) == GrpcAnswer(OK)

    assert len(stored(conninfo, "nul\ufffdservice")) == 1


ODD_VALUES: dict[str, tuple[Any, Any]] = {
    "nan": (math.nan, "NaN"),
    "infinity": (math.inf, "Infinity"),
    "minus infinity": (-math.inf, "-Infinity"),
    "minus zero": (-0.0, 0.0),
    "smallest double": (5e-324, 5e-324),
    "largest double": (1.7976931348623157e308, int(Decimal("1.7976931348623157e308"))),
    "a third": (1 / 3, 1 / 3),
    "largest integer": (2**63 - 1, 2**63 - 1),
    "smallest integer": (-(2**63), -(2**63)),
    "beyond double": (2**53 + 1, 2**53 + 1),
    "nothing": (None, None),
    "empty text": ("", ""),
    "bytes": (b"\0\xff", {"@bytes": "AP8="}),
    "empty bytes": (b"", {"@bytes": ""}),
    "empty list": ([], []),
    "empty map": ({}, {}),
    "nested": ([{"a": [b"\1", math.nan, None]}], [{"a": [{"@bytes": "AQ=="}, "NaN", None]}]),
}  # fmt: skip


def test_odd_values_are_stored_as_documented(client: GrpcClient, conninfo: str) -> None:
    request = request_of("odd-values")
    span = request.resource_spans[0].scope_spans[0].spans[0]
    del span.attributes[:]
    add_attributes(span.attributes, {key: sent for key, (sent, _) in ODD_VALUES.items()})

    assert client.export(request.SerializeToString()) == GrpcAnswer(OK)

    [row] = stored(conninfo, "odd-values")
    found = row["attributes"]
    assert {key: exact(found[key]) for key in found} == {
        key: exact(kept) for key, (_, kept) in ODD_VALUES.items()
    }


def exact(value: Any) -> Any:
    """A double as its eight bytes, so that 5e-324 is not taken for another."""
    return struct.pack(">d", value) if isinstance(value, float) and value else value


def test_numbers_at_the_bounds_of_their_fields_are_stored_exactly(
    client: GrpcClient, conninfo: str
) -> None:
    request = request_of(
        "bounds",
        dropped_attributes_count=2**32 - 1,
        dropped_events_count=2**32 - 1,
        dropped_links_count=2**32 - 1,
        kind=32_767,
    )
    request.resource_spans[0].resource.dropped_attributes_count = 2**32 - 1
    request.resource_spans[0].scope_spans[0].scope.dropped_attributes_count = 2**32 - 1
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.status.code = -32_768
    span.events.add(time_unix_nano=2**64 - 1, dropped_attributes_count=2**32 - 1)
    span.links.add(dropped_attributes_count=2**32 - 1, flags=2**32 - 1)

    assert client.export(request.SerializeToString()) == GrpcAnswer(OK)

    [row] = stored(conninfo, "bounds")
    assert row["dropped_counts"] == [2**32 - 1] * 3
    assert (row["resource_dropped"], row["scope_dropped"]) == (2**32 - 1, 2**32 - 1)
    assert (row["kind"], row["status_code"]) == (32_767, -32_768)
    assert row["events"][0]["time_unix_nano"] == str(2**64 - 1)
    assert row["links"][0]["trace_id"] == ""


@pytest.mark.parametrize("duration_ns", [-1, -(10**18), 0, 1, 10**18])
def test_durations_of_any_sign_are_stored_exactly(
    duration_ns: int, client: GrpcClient, conninfo: str
) -> None:
    service = f"duration-{duration_ns}"
    request = request_of(service, end_time_unix_nano=NOW_NS + duration_ns)

    assert client.export(request.SerializeToString()) == GrpcAnswer(OK)

    assert [row["duration_ns"] for row in stored(conninfo, service)] == [duration_ns]


@pytest.mark.parametrize("start_ns", [0, 1, 10**18, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_start_outside_the_partitions_is_kept_exactly_in_the_twin(
    start_ns: int, client: GrpcClient, conninfo: str
) -> None:
    service = f"outside-{start_ns}"
    request = request_of(service, start_time_unix_nano=start_ns, end_time_unix_nano=start_ns)

    assert client.export(request.SerializeToString()) == GrpcAnswer(OK)

    with psycopg.connect(conninfo) as connection:
        rows = connection.execute(
            "SELECT (extract(epoch FROM start_time) * 1000000)::numeric(30,0) * 1000 + start_ns "
            "FROM seamwatch.span_out_of_range WHERE service_name = %s",
            (service,),
        ).fetchall()
    assert rows == [(start_ns,)]
    assert stored(conninfo, service) == []


def test_a_poisoned_span_whose_aggregates_are_odd_does_not_stop_the_writer(
    client: GrpcClient, conninfo: str
) -> None:
    request = request_of("x" * 10_000 + "\U0001f600" * 300, name="\U0001f600" * 20_000)
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.status.code, span.status.message = 2, "m" * 1_000_000
    event = span.events.add(name="exception")
    add_attributes(event.attributes, {"exception.type": {"a": [1]}, "exception.message": [None]})

    assert client.export(request.SerializeToString()) == GrpcAnswer(OK)
    assert client.export(request_of("after-odd").SerializeToString()) == GrpcAnswer(OK)

    assert len(stored(conninfo, "after-odd")) == 1


# HTTP over the real server: what the transport's own tests show with a fake behind it, once with rows.
