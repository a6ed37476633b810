"""The named queries: each file has its header and one statement."""

from __future__ import annotations

import pytest

from seamwatch.backend.storage import queries
from seamwatch.backend.storage.queries import QueryError, load, names


@pytest.mark.parametrize("name", names())
def test_every_query_has_its_header_and_one_statement(name: str) -> None:
    text = load(name)

    code = "\n".join(line.split("--")[0] for line in text.splitlines()).strip()
    assert code.endswith(";")
    assert code.count(";") == 1


@pytest.mark.parametrize("name", ["../schema", "Schema", "", "no_such_query", "a.sql"])
def test_a_name_that_is_no_query_is_refused(name: str) -> None:
    with pytest.raises(QueryError):
        load(name)


def test_a_header_that_lacks_a_field_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "HEADER_FIELDS", ("in", "out", "index", "budget", "owner"))
    load.cache_clear()

    with pytest.raises(QueryError, match="the header lacks owner"):
        load("tenant_list")
    load.cache_clear()


def test_a_query_is_read_once() -> None:
    assert load("tenant_list") is load("tenant_list")
