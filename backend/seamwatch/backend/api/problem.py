"""Problem details of the admin API (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

__all__ = ["PROBLEM_TYPE", "Problem", "ProblemError"]

PROBLEM_TYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong with one request, as a machine and a person can read it."""

    title: str
    status: int
    detail: str
    remedy: str
    type: str = "about:blank"
    parameter: str | None = None
    value: str | None = None


class ProblemError(Exception):
    """Ends a request with a problem; raised by routes, parameters and middleware of the admin API.

    Args:
        status: HTTP status, 400 to 599.
        title: The kind of problem, the same for every occurrence.
        detail: The fact and the value of this occurrence.
        remedy: What the caller can do about it.
        parameter: Name of the query or path parameter at fault.
        value: Its value as received (cut to 200 characters).
        headers: Further headers of the answer, for example Retry-After.
    """

    def __init__(
        self,
        status: int,
        title: str,
        *,
        detail: str,
        remedy: str,
        parameter: str | None = None,
        value: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.problem = Problem(
            title=title,
            status=status,
            detail=detail,
            remedy=remedy,
            parameter=parameter,
            value=None if value is None else value[:200],
        )
        self.headers = dict(headers or {})
