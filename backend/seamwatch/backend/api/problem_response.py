"""Turns errors into RFC 9457 answers."""

from __future__ import annotations

import math

import msgspec
import psycopg
from psycopg.errors import QueryCanceled
from starlette.responses import Response

from seamwatch.backend.api.problem import PROBLEM_TYPE, ProblemError
from seamwatch.backend.auth.errors import ForbiddenError, LockedOutError, UnauthenticatedError
from seamwatch.core import UnavailableError

__all__ = ["as_problem", "internal_problem", "problem_response"]

_DATABASE_RETRY_S = 2


def problem_response(error: ProblemError) -> Response:
    """The answer that carries `error`."""
    return Response(
        msgspec.json.encode(error.problem),
        status_code=error.problem.status,
        media_type=PROBLEM_TYPE,
        headers={"Cache-Control": "no-store", **error.headers},
    )


def as_problem(error: Exception) -> ProblemError | None:
    """The problem that `error` stands for; None where nobody expected it."""
    match error:
        case ProblemError():
            return error
        case UnauthenticatedError():
            return ProblemError(
                401,
                "Not signed in",
                detail=str(error),
                remedy="send Authorization: Bearer swk_..., made by `seamwatch token create`",
                headers={"WWW-Authenticate": 'Bearer realm="seamwatch"'},
            )
        case ForbiddenError():
            return ProblemError(
                403, "Not allowed", detail=str(error), remedy="use a token with such a role"
            )
        case LockedOutError():
            return _later(429, "Too many refused credentials", str(error), error.retry_after_s)
        case QueryCanceled() | UnavailableError(__cause__=QueryCanceled()):
            return ProblemError(
                503,
                "Statement timeout",
                detail="the database took longer than SEAMWATCH_ADMIN_STATEMENT_TIMEOUT_S",
                remedy="ask for a shorter time range or name a service, or raise the setting",
                headers={"Retry-After": str(_DATABASE_RETRY_S)},
            )
        # The library's own words would name hosts and relations.
        case (
            psycopg.OperationalError()
            | psycopg.InterfaceError()
            | UnavailableError(__cause__=psycopg.Error())
        ):
            return _later(503, "Database not available", "the database cannot be asked now", None)
        case UnavailableError():
            return _later(503, "Not available", str(error), error.retry_after_s)
        case _:
            return None


def internal_problem() -> ProblemError:
    """What a caller learns of a fault of ours: nothing but that it was logged."""
    return ProblemError(
        500,
        "Internal error",
        detail="the server failed on this request; its log holds the reason",
        remedy="retry; if it stays, report it with the server's log",
    )


def _later(status: int, title: str, detail: str, retry_after_s: float | None) -> ProblemError:
    """A problem that goes away by itself."""
    delay_s = max(1, math.ceil(retry_after_s or _DATABASE_RETRY_S))
    return ProblemError(
        status,
        title,
        detail=detail,
        remedy=f"retry after {delay_s} s",
        headers={"Retry-After": str(delay_s)},
    )
