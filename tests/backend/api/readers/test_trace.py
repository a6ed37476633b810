"""One trace comes back with every field as it was stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from seamwatch.backend.api import AdminConfig


def _dictionaries(store: Any) -> None:
    store.execute(
        "INSERT INTO seamwatch.resource (tenant_id, resource_id, service_name, attributes, schema_url,"
        " dropped_attributes_count) VALUES (1, 1, 'shop', %s::jsonb, 'https://example.test/1', 3)",
        ('{"service.name": "shop", "process.pid": 9007199254740993}',),
    )
    store.execute(
        "INSERT INTO seamwatch.scope (tenant_id, scope_id, name, version, attributes)"
        " VALUES (1, 1, 'lib', '1.2', '{\"a\": true}')"
    )


def test_span_has_every_field(api: Any, store: Any, span_row: Any) -> None:
    _dictionaries(store)
    at = store.now.replace(microsecond=123_456)
    events = (
        '[{"time_unix_nano": "1700000000123456789", "name": "e", "attributes": {},'
        ' "dropped_attributes_count": 0}]'
    )
    links = (
        '[{"trace_id": "00", "span_id": "01", "trace_state": "", "attributes": {},'
        ' "dropped_attributes_count": 0, "flags": 1}]'
    )
    store.add(
        span_row(trace=10, id=1, at=at, ns=789, duration_ns=1_500_001, name="GET /a"),
        span_row(
            trace=10, id=2, parent=1, at=at, ns=790, duration_ns=1, kind=3, status=2,
            status_message="no", trace_state="k=v", flags=769, events=events, links=links,
            dropped=[1, 2, 3],
            attributes='{"big": 9007199254740993, "exact": 0.12345678901234567890, "raw": {"@bytes": "AA=="}}',
        ),
    )  # fmt: skip

    answer = api.get(f"/api/apm/traces/{10:032x}")

    trace = answer.json()
    stamp = at.strftime("%Y-%m-%dT%H:%M:%S.123456")
    start_ns = int(at.timestamp()) * 10**9 + 123_456_789
    assert list(trace) == ["trace_id", "start_time", "duration_ms", "truncated", "spans"]
    assert (trace["trace_id"], trace["start_time"]) == (f"{10:032x}", f"{stamp}789Z")
    assert (trace["duration_ms"], trace["truncated"]) == (1.500001, False)
    assert trace["spans"][1] == {
        "span_id": "0000000000000002",
        "parent_span_id": "0000000000000001",
        "service_name": "shop",
        "name": "GET /",
        "kind": "client",
        "status": "error",
        "status_message": "no",
        "start_time": f"{stamp}790Z",
        "start_time_unix_nano": str(start_ns + 1),
        "duration_ms": 0.000001,
        "attributes": {
            "big": "9007199254740993",
            "exact": 0.12345678901234568,
            "raw": {"@bytes": "AA=="},
        },
        "resource": {
            "attributes": {"service.name": "shop", "process.pid": "9007199254740993"},
            "schema_url": "https://example.test/1",
            "dropped_attributes_count": 3,
        },
        "scope": {
            "name": "lib",
            "version": "1.2",
            "attributes": {"a": True},
            "schema_url": None,
            "dropped_attributes_count": 0,
        },
        "events": [
            {"time_unix_nano": "1700000000123456789", "name": "e", "attributes": {},
             "dropped_attributes_count": 0}
        ],
        "links": [
            {"trace_id": "00", "span_id": "01", "trace_state": "", "attributes": {},
             "dropped_attributes_count": 0, "flags": 1}
        ],
        "flags": 769,
        "trace_state": "k=v",
        "dropped": {"attributes": 1, "events": 2, "links": 3},
    }  # fmt: skip
    assert "0.12345678901234567890" in answer.text
    assert trace["spans"][0]["parent_span_id"] is None
    assert trace["spans"][0]["events"] == []


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        (0, 0, ("unspecified", "unset")),
        (1, 1, ("internal", "ok")),
        (2, 2, ("server", "error")),
        (4, 7, ("producer", "7")),
        (5, 0, ("consumer", "unset")),
        (9, -1, ("9", "-1")),
    ],
)
def test_kind_and_status_are_words(
    api: Any, store: Any, span_row: Any, kind: int, status: int, words: tuple[str, str]
) -> None:
    store.add(span_row(trace=1, at=store.now, kind=kind, status=status))

    (span,) = api.get(f"/api/apm/traces/{1:032x}").json()["spans"]

    assert (span["kind"], span["status"]) == words


def test_spans_outside_every_partition_belong_to_their_trace(
    api: Any, store: Any, span_row: Any
) -> None:
    early = datetime(1970, 1, 1, tzinfo=UTC)
    late = datetime(2554, 7, 21, 23, 34, 33, 709_551, tzinfo=UTC)
    store.add(span_row(trace=1, id=1, at=store.now))
    store.add(
        span_row(trace=1, id=2, at=early),
        span_row(trace=1, id=3, at=late, ns=615),
        relation="seamwatch.span_out_of_range",
    )

    trace = api.get(f"/api/apm/traces/{1:032x}").json()

    assert [span["span_id"][-1] for span in trace["spans"]] == ["2", "1", "3"]
    assert trace["spans"][2]["start_time_unix_nano"] == str(2**64 - 1)
    assert trace["start_time"] == "1970-01-01T00:00:00.000000000Z"


def test_trace_beyond_the_limit_shows_its_first_spans(api: Any, store: Any, span_row: Any) -> None:
    api = api.with_services(config=AdminConfig(max_trace_spans=5))
    store.add(
        *(span_row(trace=1, id=100 - n, at=store.now + timedelta(milliseconds=n)) for n in range(7))
    )

    trace = api.get(f"/api/apm/traces/{1:032x}").json()

    assert trace["truncated"] is True
    assert [int(span["span_id"], 16) for span in trace["spans"]] == [100, 99, 98, 97, 96]


def test_trace_of_exactly_the_limit_is_whole(api: Any, store: Any, span_row: Any) -> None:
    api = api.with_services(config=AdminConfig(max_trace_spans=5))
    store.add(*(span_row(trace=1, id=n + 1, at=store.now) for n in range(5)))

    trace = api.get(f"/api/apm/traces/{1:032x}").json()

    assert (trace["truncated"], len(trace["spans"])) == (False, 5)


@pytest.mark.parametrize(
    ("many", "large"),
    [
        ("span", {"attributes": '{"v": "%s"}' % ("x" * 10_000)}),
        ("span", {"name": "x" * 10_000}),
        ("span", {"status_message": "x" * 10_000}),
        ("span", {"events": '[{"name": "%s"}]' % ("x" * 10_000)}),
        ("resource", {}),
        ("scope", {}),
    ],
)
def test_trace_beyond_the_bytes_shows_its_first_spans(
    api: Any, store: Any, span_row: Any, many: str, large: dict[str, str]
) -> None:
    api = api.with_services(config=AdminConfig(max_trace_bytes=35_000))
    size = {"resource": 0, "scope": 0, many: 10_000}
    store.execute(
        "INSERT INTO seamwatch.resource (tenant_id, resource_id, service_name, attributes)"
        " SELECT 1, n, 'shop', jsonb_build_object('v', repeat('x', %s)) FROM generate_series(1, 2) n",
        (size["resource"],),
    )
    store.execute(
        "INSERT INTO seamwatch.scope (tenant_id, scope_id, name, version, attributes)"
        " SELECT 1, n, repeat('x', %s), '', '{}' FROM generate_series(1, 2) n",
        (size["scope"],),
    )
    store.add(
        *(
            span_row(trace=1, id=n + 1, at=store.now, resource=1 + n % 2, scope=2 - n % 2, **large)
            for n in range(50)
        )
    )

    answer = api.get(f"/api/apm/traces/{1:032x}")

    trace = answer.json()
    assert trace["truncated"] is True
    assert [int(span["span_id"], 16) for span in trace["spans"]] == [1, 2, 3]
    assert all(span["resource"] and span["scope"] for span in trace["spans"])
    assert len(answer.content) < 40_000


def test_span_larger_than_the_bytes_of_a_trace_is_shown_alone(
    api: Any, store: Any, span_row: Any
) -> None:
    api = api.with_services(config=AdminConfig(max_trace_bytes=1))
    store.add(span_row(trace=1, at=store.now), span_row(trace=1, id=2, at=store.now))

    trace = api.get(f"/api/apm/traces/{1:032x}").json()

    assert (trace["truncated"], [span["span_id"][-1] for span in trace["spans"]]) == (True, ["1"])


@pytest.mark.parametrize("text", ["x", "0" * 32, "a" * 31, "a" * 33, "g" * 32, "a" * 31 + "%20"])
def test_bad_trace_id_is_refused(api: Any, text: str) -> None:
    answer = api.get(f"/api/apm/traces/{text}")

    assert (answer.status_code, answer.json()["parameter"]) == (400, "trace_id")


def test_foreign_trace_answers_like_one_that_never_was(api: Any, store: Any, span_row: Any) -> None:
    store.add(span_row(trace=1, at=store.now, tenant="other"))

    foreign = api.get(f"/api/apm/traces/{1:032x}")
    missing = api.get(f"/api/apm/traces/{2:032x}")

    assert (foreign.status_code, foreign.content) == (404, missing.content)
    assert api.get(f"/api/apm/traces/{1:032x}", tenant="other").status_code == 200


def test_values_of_four_kilobytes_come_back_whole(api: Any, store: Any, span_row: Any) -> None:
    value = "ü" * 4096
    store.add(span_row(trace=1, at=store.now, name=value, attributes=f'{{"v": "{value}"}}'))

    (span,) = api.get(f"/api/apm/traces/{1:032x}").json()["spans"]

    assert (span["name"], span["attributes"]["v"]) == (value, value)
