"""The table of codes, and the delays that go with it."""

from __future__ import annotations

import math

import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status

from seamwatch.backend.auth import ForbiddenError, LockedOutError, UnauthenticatedError
from seamwatch.backend.receiver.ingest_protocol import TooLargeError
from seamwatch.backend.receiver.json_fields import InvalidFieldError
from seamwatch.backend.receiver.retry_delay import retry_after_s, retry_details
from seamwatch.backend.receiver.status import codes_of, grpc_details, status_message
from seamwatch.core import RejectedError, UnavailableError


@pytest.mark.parametrize(
    ("error", "grpc", "http", "is_retryable"),
    [
        (UnauthenticatedError(), 16, 401, False),
        (ForbiddenError("no role"), 7, 403, False),
        (TooLargeError("large"), 8, 413, False),
        (RejectedError("bad"), 3, 400, False),
        (InvalidFieldError("a.b", "bad"), 3, 400, False),
        (LockedOutError(5.0), 14, 429, True),
        (UnavailableError("away"), 14, 503, True),
        (OSError("unforeseen"), 14, 503, True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_points_15_and_22_only_what_may_succeed_later_is_retryable(
    error: Exception, grpc: int, http: int, is_retryable: bool
) -> None:
    codes = codes_of(error)

    assert (codes.grpc, codes.http, codes.is_retryable) == (grpc, http, is_retryable)


def test_point_14_the_delay_is_1_to_5_s_with_jitter() -> None:
    delays = {retry_after_s() for _ in range(500)}

    assert delays == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("minimum_s", [0.0, 0.2, 1.0, 1.2, 30.0])
def test_point_14_the_delay_is_never_below_what_the_error_asked_for(minimum_s: float) -> None:
    delays = {retry_after_s(minimum_s) for _ in range(200)}

    assert min(delays) >= max(1, math.ceil(minimum_s))
    assert max(delays) <= max(1, math.ceil(minimum_s)) + 4


def test_point_14_both_trailers_carry_the_delay() -> None:
    trailers = dict(retry_details(14, "the database is away", 2.5))

    status = Status.FromString(trailers["grpc-status-details-bin"])
    inside = RetryInfo()
    assert (status.code, status.message) == (14, "the database is away")
    assert status.details[0].Unpack(inside)
    alone = RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"])
    assert inside == alone
    assert (alone.retry_delay.seconds, alone.retry_delay.nanos) == (2, 500_000_000)


def test_point_13_invalid_argument_carries_a_bad_request_with_the_field() -> None:
    status = status_message(3, "a.b: bad", field="a.b")

    detail = BadRequest()
    assert status.details[0].Unpack(detail)
    assert [(v.field, v.description) for v in detail.field_violations] == [("a.b", "a.b: bad")]


def test_point_13_grpc_details_of_a_refusal_carry_the_status_and_no_delay() -> None:
    trailers = dict(grpc_details(3, "bad"))

    assert set(trailers) == {"grpc-status-details-bin"}
    assert Status.FromString(trailers["grpc-status-details-bin"]).code == 3


def test_point_4_a_long_message_is_shortened() -> None:
    assert len(status_message(3, "x" * 10**7, field="y" * 10**7).SerializeToString()) < 64 * 1024
