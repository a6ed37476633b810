"""What refuses a credential.

UnauthenticatedError  no credential, or one that is not accepted (HTTP 401, gRPC UNAUTHENTICATED)
ForbiddenError        an accepted credential without the role (HTTP 403, gRPC PERMISSION_DENIED)
LockedOutError        too many refused credentials from this peer (HTTP 429, gRPC UNAVAILABLE with a delay)

A credential store that cannot be asked raises UnavailableError itself: never a 401, which would make a
sender throw its spans away.
"""

from __future__ import annotations

from seamwatch.core import RejectedError, UnavailableError

__all__ = ["ForbiddenError", "LockedOutError", "UnauthenticatedError"]


class UnauthenticatedError(RejectedError):
    """No credential, or one that is not accepted; the message never says which part was wrong."""

    def __init__(self, message: str = "a valid bearer token is required") -> None:
        super().__init__(message)


class ForbiddenError(RejectedError):
    """The credential is accepted but carries none of the roles that are needed."""


class LockedOutError(UnavailableError):
    """Too many refused credentials: the peer is asked to wait `retry_after_s` seconds."""

    retry_after_s: float

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(
            "too many refused credentials, wait before the next", retry_after_s=retry_after_s
        )
