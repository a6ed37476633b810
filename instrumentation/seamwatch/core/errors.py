"""What seamwatch raises on purpose (a caller's own mistake stays ValueError or TypeError).

SeamwatchError
  ConfigurationError    a setting cannot be used; at start only; also a ValueError
  RejectedError         the same request will always fail: the sender must not retry
  UnavailableError      the same request may succeed later: the sender should retry
"""

from __future__ import annotations

__all__ = ["ConfigurationError", "RejectedError", "SeamwatchError", "UnavailableError"]


class SeamwatchError(Exception):
    """Base of every error that Seamwatch raises on purpose."""


class ConfigurationError(SeamwatchError, ValueError):
    """A setting cannot be used; raised at start only, with the value and the remedy."""


class RejectedError(SeamwatchError):
    """The same request will always fail: the sender must not retry."""


class UnavailableError(SeamwatchError):
    """The same request may succeed after `retry_after_s` seconds (None: unknown)."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
