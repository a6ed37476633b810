"""Verdicts, filtered and paged."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

_INSERT = (
    "INSERT INTO seamwatch.verdict (tenant_id, kind, subject, state, since, until, evidence)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb) RETURNING verdict_id"
)


def _add(store: Any, subject: str, *, tenant: int = 1, until: Any = None, minutes: int = 0) -> int:
    since = store.now - timedelta(minutes=minutes)
    rows = store.execute(
        _INSERT, (tenant, "drift", subject, "alarm", since, until, '{"n": 9007199254740993}')
    )
    return int(rows[0][0])


def test_verdict_has_its_evidence_and_its_times(api: Any, store: Any) -> None:
    verdict_id = _add(store, "model a")
    _add(store, "model b", tenant=2)

    (verdict,) = api.get("/api/apm/verdicts").json()["items"]

    assert verdict == {
        "verdict_id": str(verdict_id),
        "kind": "drift",
        "subject": "model a",
        "state": "alarm",
        "since": store.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "until": None,
        "evidence": {"n": "9007199254740993"},
    }


def test_filters_are_equality_and_whether_it_lasts(api: Any, store: Any) -> None:
    _add(store, "a", minutes=1)
    _add(store, "b", minutes=2, until=store.now)

    def subjects(query: str) -> list[str]:
        items = api.get(f"/api/apm/verdicts?{query}").json()["items"]
        return [item["subject"] for item in items]

    assert subjects("open=true") == ["a"]
    assert subjects("open=false") == ["b"]
    assert subjects("subject=b&kind=drift&state=alarm") == ["b"]
    assert subjects("kind=other") == []


def test_pages_hold_every_verdict_once_newest_first(api: Any, store: Any) -> None:
    for n in range(5):
        _add(store, f"m{n}", minutes=n // 2)

    pages = list(api.pages("/api/apm/verdicts", {"limit": 2}))

    assert [item["subject"] for page in pages for item in page] == ["m1", "m0", "m3", "m2", "m4"]
