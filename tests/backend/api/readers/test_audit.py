"""The audit log is read by auditors and admins, newest first."""

from __future__ import annotations

from typing import Any

_INSERT = (
    "INSERT INTO seamwatch.audit_entry (tenant_id, actor, action, target, detail)"
    " VALUES (%s, %s, %s, %s, %s::jsonb)"
)


def test_pages_hold_every_entry_of_the_tenant_once_newest_first(api: Any, store: Any) -> None:
    for n in range(5):
        store.execute(_INSERT, (1, "cli:root", "token.create", f"t{n}", '{"roles": ["viewer"]}'))
    store.execute(_INSERT, (2, "cli:root", "token.create", "foreign", "{}"))

    targets, cursor = [], ""
    while True:
        answer = api.get(f"/api/apm/audit?limit=2{cursor}", role="auditor").json()
        targets += [item["target"] for item in answer["items"]]
        if answer["next_cursor"] is None:
            break
        cursor = "&cursor=" + answer["next_cursor"]

    assert targets == ["t4", "t3", "t2", "t1", "t0"]


def test_filters_are_equality(api: Any, store: Any) -> None:
    store.execute(_INSERT, (1, "a", "sign_in", "x", "{}"))
    store.execute(_INSERT, (1, "b", "sign_in", "y", '{"how": "link"}'))

    (entry,) = api.get("/api/apm/audit?actor=b&action=sign_in", role="admin").json()["items"]

    assert (entry["target"], entry["detail"]) == ("y", {"how": "link"})
    assert api.get("/api/apm/audit?action=no", role="admin").json()["items"] == []
