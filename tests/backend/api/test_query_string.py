"""A query string holds what its route declares, once, and nothing else."""

from __future__ import annotations

import pytest
from starlette.responses import Response

from seamwatch.backend.api.call import Call
from seamwatch.backend.api.parameter import PrefixParameter
from seamwatch.backend.api.parameters import LIMIT, SERVICE, WINDOW
from seamwatch.backend.api.problem import ProblemError
from seamwatch.backend.api.query_string import parse_query
from seamwatch.backend.api.route import Route
from seamwatch.backend.auth.roles import Role


async def _handler(call: Call) -> Response:
    return Response()


_ROUTE = Route(
    path="/x",
    method="GET",
    roles=frozenset({Role.VIEWER}),
    handler=_handler,
    summary="",
    parameters=(WINDOW, LIMIT, SERVICE, PrefixParameter(prefix="attr.", summary="", max_count=2)),
)


def _refusal(query: bytes) -> tuple[str | None, str | None, str]:
    with pytest.raises(ProblemError) as caught:
        parse_query(_ROUTE, query)
    problem = caught.value.problem
    assert problem.status == 400
    return problem.parameter, problem.value, problem.remedy


def test_values_are_parsed_by_their_parameters() -> None:
    parsed = parse_query(_ROUTE, b"limit=7&window=2h&service=a%20b&attr.k.x=1&tenant=t")

    assert parsed.values["limit"] == 7
    assert parsed.values["window"].duration_s == 7200
    assert parsed.values["service"] == "a b"
    assert parsed.prefixed == {"attr.": {"k.x": "1"}}
    assert parsed.tenant == "t"


@pytest.mark.parametrize(
    ("query", "parameter", "value", "remedy"),
    [
        (b"limit=0", "limit", "0", "give a whole number from 1 to 200"),
        (b"limit=201", "limit", "201", "give a whole number from 1 to 200"),
        (b"limit=1e2", "limit", "1e2", "give a whole number from 1 to 200"),
        ("limit=٣".encode().replace("٣".encode(), b"%D9%A3"), "limit", "٣", "1 to 200"),
        (b"window=10s", "window", "10s", "1m to 90d"),
        (b"window=91d", "window", "91d", "1m to 90d"),
        (b"window=", "window", "", "1m to 90d"),
        (b"limit=1&limit=2", "limit", "2", "give it once"),
        (b"limits=1", "limits", "1", "known here: window, limit, service, attr.<key>"),
        (b"attr.=1", "attr.", "1", "write attr.<key>=<value>"),
        (b"attr.a=1&attr.b=1&attr.c=1", "attr.c", "1", "give at most 2"),
        (b"service=a%00b", "service", "a\0b", "leave it out"),
        (b"service=" + b"x" * 9000, "service", "x" * 200, "give 1 to 8192 characters"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_value_and_remedy(
    query: bytes, parameter: str, value: str, remedy: str
) -> None:
    found = _refusal(query)

    assert found[:2] == (parameter, value)
    assert remedy in found[2]


@pytest.mark.parametrize("query", [b"service=%FF", b"&".join([b"attr.a=1"] * 65), b"s=\xc3\xa4"])
def test_query_string_that_is_no_text_is_refused(query: bytes) -> None:
    with pytest.raises(ProblemError) as caught:
        parse_query(_ROUTE, query)

    assert caught.value.problem.title == "Invalid query string"
