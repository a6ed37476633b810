"""The search for traces equals plain filtering of the same spans, in order, each trace once."""

from __future__ import annotations

import itertools
import json
import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seamwatch.backend.api import AdminConfig
from seamwatch.backend.api.readers import candidates


def _ids(api: Any, **params: Any) -> list[str]:
    """Trace ids of all pages."""
    return [item["trace_id"] for page in api.pages("/api/apm/traces", params) for item in page]


def _random_spans(store: Any, span_row: Any, traces: int, seed: int) -> list[Any]:
    """Traces of a few spans, some without a root, some of one moment, some hours long."""
    rng = random.Random(seed)
    spans = []
    for trace in range(1, traces + 1):
        age_s = 200 + rng.choice([0.001, 1, 3600, 80_000]) * rng.random()
        start = store.now - timedelta(seconds=age_s)
        for number in range(rng.randint(1, 4)):
            spans.append(
                span_row(
                    trace=trace,
                    id=trace * 10 + number,
                    parent=None if number == 0 and rng.random() < 0.8 else 1,
                    at=start
                    + timedelta(microseconds=rng.choice([0, 1, 5000, 40_000_000]) * number),
                    ns=rng.choice([0, 0, 999]),
                    duration_ns=rng.choice([0, 1_000_000, 250_000_000, 9_000_000_000]),
                    service=rng.choice(["shop", "cart", "mail"]),
                    name=rng.choice(["GET /", "POST /", "SQL"]),
                    kind=rng.choice([1, 2, 3, 5]),
                    status=rng.choice([0, 0, 1, 2]),
                    attributes=rng.choice(
                        ['{"n": 200}', '{"n": "200"}', '{"n": 200.0, "on": true}', '{"on": "true"}']
                    ),
                )
            )
    return spans


def _expected(spans: list[Any], matches: Any) -> list[str]:
    """Trace ids by start, newest first, of traces with a matching span."""
    order: dict[str, tuple[int, str]] = {}
    wanted = {span.trace_id for span in spans if matches(span)}
    for span in spans:
        key = (span.start_ns, span.trace_id)
        order[span.trace_id] = min(order.get(span.trace_id, key), key)
    return sorted(wanted, key=lambda trace_id: order[trace_id], reverse=True)


def _reads_200(attributes: str) -> bool:
    value = json.loads(attributes).get("n")
    return value is not None and (value == 200 or value == "200")


_CASES: dict[str, tuple[dict[str, Any], Any]] = {
    "nothing": ({}, lambda s: s.is_entry),
    "service": ({"service": "cart"}, lambda s: s.service == "cart"),
    "operation": ({"operation": "SQL"}, lambda s: s.name == "SQL"),
    "service and operation": (
        {"service": "cart", "operation": "SQL"},
        lambda s: s.service == "cart" and s.name == "SQL",
    ),
    "error": ({"status": "error"}, lambda s: s.status == 2),
    "ok": ({"status": "ok"}, lambda s: s.is_entry and s.status == 1),
    "error of a service": (
        {"status": "error", "service": "mail"},
        lambda s: s.status == 2 and s.service == "mail",
    ),
    "shortest": (
        {"min_duration_ms": 250},
        lambda s: s.is_entry and s.duration_ns >= 250_000_000,
    ),
    "shortest of a service": (
        {"min_duration_ms": 250.000001, "service": "shop"},
        lambda s: s.service == "shop" and s.duration_ns > 250_000_000,
    ),
    "number or text": ({"attr.n": "200"}, lambda s: _reads_200(s.attributes)),
    "boolean or text": ({"attr.on": "true"}, lambda s: '"on"' in s.attributes),
    "two attributes": (
        {"attr.on": "true", "attr.n": "200"},
        lambda s: '"on"' in s.attributes and '"n"' in s.attributes,
    ),
    "text only": ({"attr.on": "True"}, lambda s: False),
    "attribute of a service": (
        {"attr.on": "true", "service": "shop"},
        lambda s: '"on"' in s.attributes and s.service == "shop",
    ),
    "no such service": ({"service": "nobody"}, lambda s: False),
}


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that end after a few rows, so that a small test crosses many of their edges."""
    monkeypatch.setattr(candidates, "_FIRST_SCANNED", 3)
    monkeypatch.setattr(candidates, "_MAX_SCANNED", 7)
    monkeypatch.setattr(candidates, "_MIN_SCANNED_PER_SERVICE", 2)


def test_every_filter_equals_plain_filtering(
    api: Any, store: Any, span_row: Any, small_steps: None
) -> None:
    api = api.with_services(config=AdminConfig(request_burst=100_000))
    store.add(*_random_spans(store, span_row, traces=60, seed=3))

    found = {name: _ids(api, limit=7, **params) for name, (params, _) in _CASES.items()}

    expected = {name: _expected(store.spans, matches) for name, (_, matches) in _CASES.items()}
    for name in _CASES:
        assert sorted(found[name]) == sorted(expected[name]), name
        assert found[name] == expected[name], name
    assert sum(map(len, found.values())) > 200


def test_longest_duration_holds_for_the_trace_too(api: Any, store: Any, span_row: Any) -> None:
    at = store.now - timedelta(minutes=1)
    store.add(
        span_row(trace=1, id=1, at=at, duration_ns=800_000_000),
        span_row(trace=1, id=2, parent=1, at=at, duration_ns=1_000_000),
        span_row(trace=2, id=3, at=at, duration_ns=50_000_000),
    )

    assert _ids(api, max_duration_ms=50) == [f"{2:032x}"]


def test_item_sums_its_trace_up(api: Any, store: Any, span_row: Any) -> None:
    at = store.now - timedelta(minutes=1)
    store.add(
        span_row(trace=1, id=1, at=at, ns=5, duration_ns=10_000_000, name="GET /a", service="web"),
        span_row(trace=1, id=2, parent=1, at=at - timedelta(microseconds=1), status=2),
        span_row(
            trace=1, id=3, parent=1, at=at + timedelta(milliseconds=8), duration_ns=7_000_000,
            status=2, kind=3,
        ),
    )  # fmt: skip

    (item,) = api.get("/api/apm/traces").json()["items"]

    assert item == {
        "trace_id": f"{1:032x}",
        "root_service_name": "web",
        "root_name": "GET /a",
        "start_time": (at - timedelta(microseconds=1)).strftime("%Y-%m-%dT%H:%M:%S.%f000Z"),
        "duration_ms": 15.001,
        "span_count": 3,
        "error_count": 2,
    }


def test_name_in_the_list_is_cut_to_a_thousand_characters_and_found_whole(
    api: Any, store: Any, span_row: Any
) -> None:
    name = "ü" * 1_001
    store.add(span_row(trace=1, at=store.now - timedelta(minutes=1), name=name))

    (item,) = api.get("/api/apm/traces", params={"operation": name}).json()["items"]

    assert item["root_name"] == "ü" * 1_000


def test_start_is_inclusive_and_end_exclusive(api: Any, store: Any, span_row: Any) -> None:
    times = [store.now - timedelta(minutes=n) for n in (1, 2, 3)]
    store.add(*(span_row(trace=n + 1, at=at) for n, at in enumerate(times)))

    found = _ids(api, start=times[2].isoformat(), end=times[0].isoformat())

    assert found == [f"{2:032x}", f"{3:032x}"]


def test_start_after_end_is_refused(api: Any) -> None:
    answer = api.get(
        "/api/apm/traces?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z",
    )

    assert (answer.status_code, answer.json()["parameter"]) == (400, "start")


def test_foreign_spans_are_never_found(api: Any, store: Any, span_row: Any) -> None:
    shared = {"at": store.now - timedelta(minutes=1), "status": 2, "attributes": '{"n": 200}'}
    store.add(span_row(trace=1, tenant="other", **shared))
    store.add(span_row(trace=2, tenant="default", **shared))

    for params, _ in _CASES.values():
        assert f"{1:032x}" not in _ids(api, **params)
    assert _ids(api, status="error") == [f"{2:032x}"]


def test_trace_id_that_two_tenants_use_shows_only_ones_own_spans(
    api: Any, store: Any, span_row: Any
) -> None:
    at = store.now - timedelta(minutes=1)
    store.add(
        span_row(trace=1, id=1, at=at), span_row(trace=1, id=2, at=at, tenant="other", status=2)
    )

    (item,) = api.get("/api/apm/traces").json()["items"]

    assert (item["span_count"], item["error_count"]) == (1, 0)
    assert len(api.get(f"/api/apm/traces/{1:032x}").json()["spans"]) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "other"},
        {"params": {"service": "cart"}},
        {"path": "/api/apm/services"},
        {"forge": True},
    ],
)
def test_cursor_is_good_for_its_own_question_only(
    api: Any, store: Any, change: dict[str, Any]
) -> None:
    store.add_traces(5)
    cursor = api.get("/api/apm/traces?limit=2").json()["next_cursor"]
    if change.get("forge"):
        cursor = ("A" if cursor[0] != "A" else "B") + cursor[1:]

    answer = api.get(
        change.get("path", "/api/apm/traces"),
        tenant=change.get("tenant", "default"),
        params={"limit": 2, "cursor": cursor, **change.get("params", {})},
    )

    assert (answer.status_code, answer.json()["parameter"]) == (400, "cursor")


def test_spent_time_budget_ends_the_page_and_the_cursor_goes_on(
    api: Any, store: Any, span_row: Any, monkeypatch: pytest.MonkeyPatch, small_steps: None
) -> None:
    monkeypatch.setattr("seamwatch.backend.api.readers.traces._TIME_BUDGET_S", -1.0)
    api = api.with_services(config=AdminConfig(request_burst=100_000))
    expected = store.add_traces(20)

    pages = list(api.pages("/api/apm/traces", {"limit": 50}))

    assert [item["trace_id"] for page in pages for item in page] == expected
    assert len(pages) > 3


def test_values_of_four_kilobytes_are_found(api: Any, store: Any, span_row: Any) -> None:
    name, value = "n" * 4096, "v" * 4096
    at = store.now - timedelta(minutes=1)
    store.add(
        span_row(trace=1, at=at, name=name, attributes=json.dumps({"k": value})),
        span_row(trace=2, at=at, name=name[:-1], attributes=json.dumps({"k": value[:-1]})),
    )

    assert _ids(api, operation=name) == [f"{1:032x}"]
    assert _ids(api, **{"attr.k": value}) == [f"{1:032x}"]


@pytest.mark.parametrize(
    ("stored", "asked", "is_found"),
    [
        ("9007199254740993", "9007199254740993", True),
        ("9007199254740993", "9007199254740992", False),
        ("0.1", "0.1", True),
        ("1000", "1e3", True),
        ('"1e3"', "1e3", True),
        ("false", "false", True),
        ("null", "null", False),
        ('["a"]', "a", False),
        ('{"b": 1}', "1", False),
        ('"ü\\"x"', 'ü"x', True),
        pytest.param(f'"{"[" * 4000}"', "[" * 4000, True, id="brackets as deep as no JSON"),
    ],
)
def test_attribute_matches_by_its_meaning_and_exactly(
    api: Any, store: Any, span_row: Any, stored: str, asked: str, is_found: bool
) -> None:
    at = store.now - timedelta(minutes=1)
    store.add(span_row(trace=1, at=at, attributes=f'{{"k.x": {stored}}}'))

    assert bool(_ids(api, **{"attr.k.x": asked})) is is_found


def test_trace_longer_than_the_count_limit_is_listed_once(
    api: Any, store: Any, span_row: Any, small_steps: None
) -> None:
    api = api.with_services(config=AdminConfig(max_trace_spans=5, request_burst=10_000))
    at = store.now - timedelta(minutes=1)
    store.add(
        *(span_row(trace=1, id=n + 1, at=at + timedelta(milliseconds=n)) for n in range(20)),
        *(span_row(trace=2 + n, at=at + timedelta(milliseconds=n)) for n in range(20)),
    )

    found = _ids(api, limit=4)

    assert found.count(f"{1:032x}") == 1
    assert len(found) == len(set(found)) == 21


def test_traces_that_all_overlap_fill_every_page_and_come_once(
    api: Any, store: Any, span_row: Any
) -> None:
    api = api.with_services(config=AdminConfig(request_burst=10_000))
    at = store.now - timedelta(minutes=1)
    for n in range(1, 201):
        moment = at + timedelta(microseconds=n)
        store.add(
            span_row(trace=n, id=1, at=moment, duration_ns=2_000_000_000),
            span_row(trace=n, id=2, parent=1, at=moment + timedelta(seconds=1)),
        )

    pages = list(api.pages("/api/apm/traces", {"limit": 20}))

    assert [len(page) for page in pages if page] == [20] * 10
    assert len({item["trace_id"] for page in pages for item in page}) == 200
    for page in pages:
        starts = [item["start_time"] for item in page]
        assert starts == sorted(starts, reverse=True)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_paging_gives_each_trace_once_in_order_while_others_arrive(
    api: Any, store: Any, span_row: Any, small_steps: None, data: st.DataObject
) -> None:
    api = api.with_services(config=AdminConfig(request_burst=100_000))
    store.execute("TRUNCATE seamwatch.span")
    store.spans.clear()
    seed = data.draw(st.integers(0, 10_000), label="seed")
    params = data.draw(st.sampled_from(list(_CASES.values())), label="case")
    store.add(*_random_spans(store, span_row, traces=15, seed=seed))
    before = _expected(store.spans, params[1])
    numbers = itertools.count(1000)

    found: list[dict[str, Any]] = []
    for page in api.pages("/api/apm/traces", {"limit": 3, **params[0]}):
        found += page
        for _ in range(data.draw(st.integers(0, 2), label="arrivals")):
            second = data.draw(st.integers(-3, 80_000), label="age")
            number = next(numbers)
            store.add(span_row(trace=number, id=number, at=store.now - timedelta(seconds=second)))

    ids = [item["trace_id"] for item in found]
    assert len(ids) == len(set(ids))
    assert [trace_id for trace_id in ids if int(trace_id, 16) < 1000] == before
    starts = [item["start_time"] for item in found]
    assert starts == sorted(starts, reverse=True)
