"""ETags: equal bodies are not sent twice."""

from __future__ import annotations

from typing import Any

import pytest


def test_equal_answers_have_equal_strong_etags(api: Any) -> None:
    first, second = api.get("/api/apm/verdicts"), api.get("/api/apm/verdicts")

    assert first.headers["ETag"] == second.headers["ETag"]
    assert first.headers["ETag"].startswith('"')
    assert first.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_what_the_caller_has_is_answered_304_without_a_body(api: Any, form: str) -> None:
    etag = api.get("/api/apm/verdicts").headers["ETag"]

    answer = api.get("/api/apm/verdicts", headers={"If-None-Match": form.format(etag)})

    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag)


def test_changed_answer_is_sent_whole(api: Any, store: Any) -> None:
    etag = api.get("/api/apm/verdicts").headers["ETag"]
    store.execute(
        "INSERT INTO seamwatch.verdict (tenant_id, kind, subject, state, since)"
        " VALUES (1, 'k', 's', 'x', now())"
    )

    answer = api.get("/api/apm/verdicts", headers={"If-None-Match": etag})

    assert answer.status_code == 200
    assert answer.headers["ETag"] != etag
