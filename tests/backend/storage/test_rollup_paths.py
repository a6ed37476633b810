"""Rollups of the COPY path and of the staged path are the same, whatever odd values a failed span carries."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import psycopg
import pytest
from tests.support.database import rollup_totals
from tests.support.otlp import add_attributes, simple_request

from seamwatch.backend.analysis.fold_rollups import FoldRollups
from seamwatch.backend.receiver.config import ReceiverConfig
from seamwatch.backend.receiver.decode_traces import TimeRange, TraceDecoder
from seamwatch.backend.storage.group_transaction import GroupTransaction, WriterMode
from seamwatch.backend.storage.name_limit import NameLimit
from seamwatch.backend.storage.roles import conninfo_as
from seamwatch.backend.telemetry import MetricRegistry

NOW_NS = time.time_ns() // 60_000_000_000 * 60_000_000_000
RANGE = TimeRange(NOW_NS - 86_400 * 10**9, NOW_NS + 86_400 * 10**9)
DECODER = TraceDecoder(ReceiverConfig())

ODD: dict[str, Any] = {
    "a double that JSON writes with an exponent": 1e16,
    "a large double": 1.2345678901234567e18,
    "a double beyond 64 bits": 1e23,
    "the largest double": 1.7976931348623157e308,
    "a whole double": 500.0,
    "a small double": 1e-7,
    "a list": ["b", 1e20],
    "a map whose keys PostgreSQL sorts by length": {"zz": 1, "b": 2, "aaa": {"y": 1e20, "x": None}},
    "bytes": b"\xff\0",
    "a boolean": True,
    "text with NUL": "a\0b",
    "an integer": 2**62,
    "not a number": float("nan"),
    "minus zero": -0.0,
    "empty text": "",
    "nothing": None,
}


def store(
    database: str, mode: WriterMode, spans: list[Mapping[str, Any]], status: str = ""
) -> None:
    request = simple_request(count=len(spans), start_ns=NOW_NS, failed=len(spans))
    for span, values in zip(request.resource_spans[0].scope_spans[0].spans, spans, strict=True):
        span.status.message = status
        add_attributes(span.attributes, {k: v for k, v in values.items() if k != "exception"})
        if "exception" in values:
            event = span.events.add(name="exception")
            add_attributes(event.attributes, values["exception"])
    batch = DECODER.decode(request.SerializeToString(), 1, RANGE)
    conninfo = conninfo_as(database, "seamwatch_writer", application_name="test")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        committed = GroupTransaction(connection, mode, 10, NameLimit()).store([batch])
    assert committed.rows == len(spans)


def both_paths(
    make_database: Any, template: str, spans: list[Mapping[str, Any]], status: str = ""
) -> list[tuple[list[Any], list[Any]]]:
    totals = []
    for mode in WriterMode:
        database = make_database(template)
        store(database, mode, spans, status)
        totals.append(rollup_totals(database))
    return totals


def test_odd_values_of_error_attributes_give_one_group_on_either_path(
    make_database: Any, database_template: str
) -> None:
    spans: list[Mapping[str, Any]] = []
    for value in ODD.values():
        spans.append({"error.type": value})
        spans.append({"http.response.status_code": value})
        spans.append({"exception": {"exception.type": value}})
        spans.append({"exception": {"exception.type": "E", "exception.message": value}})

    copied, staged = both_paths(make_database, database_template, spans)

    assert sum(row[5] for row in copied[1]) == len(spans)
    assert copied == staged


def test_nul_in_a_status_message_gives_one_group_on_either_path(
    make_database: Any, database_template: str
) -> None:
    copied, staged = both_paths(make_database, database_template, [{}], status="gone\0away")

    assert copied[1][0][7] == "gone\ufffdaway"
    assert copied == staged


@pytest.mark.parametrize("size", [1, 2, 4], ids="{} spans a request".format)
def test_the_exemplar_among_equal_starts_does_not_depend_on_how_spans_are_batched(
    database: str, size: int
) -> None:
    request = simple_request(count=4, start_ns=NOW_NS, failed=4)
    spans = list(request.resource_spans[0].scope_spans[0].spans)
    for span, name in zip(spans, ("b", "Z", "é", "a"), strict=True):
        span.trace_id = spans[0].trace_id
        span.start_time_unix_nano = NOW_NS
        span.name = name
        span.status.message = "2 gone" if name == "é" else "1 gone"
    conninfo = conninfo_as(database, "seamwatch_writer", application_name="test")
    analyst = conninfo_as(database, "seamwatch_analysis", application_name="test")
    for first in range(0, 4, size):
        del request.resource_spans[0].scope_spans[0].spans[:]
        request.resource_spans[0].scope_spans[0].spans.extend(spans[first : first + size])
        batch = DECODER.decode(request.SerializeToString(), 1, RANGE)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            GroupTransaction(connection, WriterMode.COPY, 10, NameLimit()).store([batch])

    with psycopg.connect(analyst, autocommit=True) as connection:
        FoldRollups(MetricRegistry(), parts_per_transaction=1).run(connection)
        exemplar = connection.execute(
            "SELECT span_name, message, error_count FROM seamwatch.error_rollup_minute"
        ).fetchall()

    assert exemplar == [("é", "2 gone", 4)]
