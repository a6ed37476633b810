"""What both transports ask of the ingest behind them, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from seamwatch.backend.auth import Access
from seamwatch.core import RejectedError

__all__ = ["IngestService", "Outcome", "Signal", "TooLargeError"]


class Signal(IntEnum):
    """A kind of telemetry that OTLP carries."""

    TRACES = 1
    LOGS = 2
    METRICS = 3


class TooLargeError(RejectedError):
    """The request exceeds a limit: HTTP 413, gRPC RESOURCE_EXHAUSTED without a delay to retry after."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a stored request: `rejected` items (0: none) and why, in English.

    A message without rejected items is a warning. ``Outcome()`` is a full success.
    """

    rejected: int = 0
    message: str = ""


class IngestService(Protocol):
    """Checks, admits and stores OTLP requests. Its coroutines run in the transport's event loop."""

    def authenticate(
        self, authorization: str | Sequence[str] | None, peer: str, *, is_forwarded: bool = False
    ) -> Access:
        """The access that a credential gives. May wait for the database; called from any thread.

        Args:
            authorization: The value of the Authorization header, or all of them where several came.
            peer: The socket's other end.
            is_forwarded: A proxy's header came along, so a loopback peer says nothing about the sender.

        Raises:
            UnauthenticatedError: Nothing, or no accepted credential, was sent.
            ForbiddenError: The credential may not send telemetry.
            LockedOutError: This peer sent too many wrong credentials.
            UnavailableError: The credential could not be checked now.
        """
        ...

    def authenticate_cached(
        self, authorization: str | Sequence[str] | None, peer: str, *, is_forwarded: bool = False
    ) -> Access | None:
        """The same where memory is enough to accept, else None; never waits, so an event loop may ask.

        Raises:
            ForbiddenError: The credential may not send telemetry.
        """
        ...

    def admit(self, access: Access) -> None:
        """Let a request pass before its body is read; returns at once, never waits.

        Raises:
            UnavailableError: Overloaded, stopping, or the database is away.
        """
        ...

    def reading(self) -> AbstractAsyncContextManager[object]:
        """A slot of the concurrent readers; entering waits for one while the body stays unread.

        Raises:
            UnavailableError: On entering: no slot came free in time.
        """
        ...

    async def store(self, signal: Signal, access: Access, body: bytes) -> Outcome:
        """Store a decompressed OTLP protobuf request; returns only after it is committed.

        Raises:
            TooLargeError: It exceeds a limit.
            RejectedError: It is not an OTLP request.
            UnavailableError: It cannot be stored now.
        """
        ...
