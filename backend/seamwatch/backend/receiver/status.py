"""The one table from an error to its gRPC and HTTP codes, and the Status message that carries it.

A sender drops its records on any HTTP 4xx but 429 and on 500, so what may succeed later is 429 or 503 and nothing
else is; `seamwatch.core.errors` decides which is which where the error is raised.
"""

from __future__ import annotations

from dataclasses import dataclass

from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status

from seamwatch.backend.auth import ForbiddenError, LockedOutError, UnauthenticatedError
from seamwatch.backend.receiver.ingest_protocol import TooLargeError
from seamwatch.backend.receiver.retry_delay import GrpcDetails, retry_details
from seamwatch.core import RejectedError, UnavailableError

__all__ = [
    "DEADLINE_EXCEEDED",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "RESOURCE_EXHAUSTED",
    "UNAVAILABLE",
    "UNIMPLEMENTED",
    "StatusCodes",
    "codes_of",
    "grpc_details",
    "status_message",
]

INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
UNIMPLEMENTED = 12
UNAVAILABLE = 14
UNAUTHENTICATED = 16

_MAX_MESSAGE_CHARS = 4096  # point 4: an answer stays far below 4 MiB


@dataclass(frozen=True, slots=True)
class StatusCodes:
    """How both transports say one kind of error; `is_retryable`: a delay goes with it."""

    grpc: int
    http: int
    is_retryable: bool = False


_TABLE: tuple[tuple[type[BaseException], StatusCodes], ...] = (  # the first that fits decides
    (UnauthenticatedError, StatusCodes(UNAUTHENTICATED, 401)),
    (ForbiddenError, StatusCodes(PERMISSION_DENIED, 403)),
    (TooLargeError, StatusCodes(RESOURCE_EXHAUSTED, 413)),
    (RejectedError, StatusCodes(INVALID_ARGUMENT, 400)),
    (LockedOutError, StatusCodes(UNAVAILABLE, 429, is_retryable=True)),
    (UnavailableError, StatusCodes(UNAVAILABLE, 503, is_retryable=True)),
)
_UNEXPECTED = StatusCodes(UNAVAILABLE, 503, is_retryable=True)


def codes_of(error: BaseException) -> StatusCodes:
    """The codes of an error; an unexpected one is retryable, so that our own fault loses no record."""
    for kind, codes in _TABLE:
        if isinstance(error, kind):
            return codes
    return _UNEXPECTED


def status_message(grpc_code: int, message: str, *, field: str | None = None) -> Status:
    """The Status that an error's answer carries.

    Args:
        grpc_code: One of gRPC's status codes, also over HTTP.
        message: English, for the sender's developer; shortened when it is very long.
        field: Path of the offending field, where known. INVALID_ARGUMENT carries a BadRequest detail either way.
    """
    message = message[:_MAX_MESSAGE_CHARS]
    status = Status(code=grpc_code, message=message)
    if grpc_code == INVALID_ARGUMENT:
        violation = BadRequest.FieldViolation(
            field=(field or "")[:_MAX_MESSAGE_CHARS], description=message
        )
        status.details.add().Pack(BadRequest(field_violations=[violation]))
    return status


def grpc_details(grpc_code: int, message: str, *, delay_s: float | None = None) -> GrpcDetails:
    """Trailing metadata of a gRPC refusal: RetryInfo where a delay is given, else the Status alone."""
    if delay_s is not None:
        return retry_details(grpc_code, message, delay_s)
    return (("grpc-status-details-bin", status_message(grpc_code, message).SerializeToString()),)
