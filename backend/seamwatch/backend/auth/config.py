"""Settings of authentication."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from seamwatch.core import ConfigurationError, read_settings

__all__ = ["MAX_LINK_S", "AuthConfig", "IngestAuthMode"]

MAX_LINK_S = 600.0
"""Longest life of a one-time sign-in link: it ends up in browser histories."""


class IngestAuthMode(StrEnum):
    """Whether telemetry is accepted without a token."""

    REQUIRED = "required"
    """Every request carries a token with the role ``ingest``."""
    OPEN = "open"
    """A request from this machine without an Authorization header goes to the tenant ``default``."""


@dataclass(frozen=True, kw_only=True)
class AuthConfig:
    """Settings of authentication (variables: ``SEAMWATCH_AUTH_…`` and ``SEAMWATCH_INGEST_AUTH``)."""

    ingest_auth: IngestAuthMode | None = field(
        default=None, metadata={"variable": "SEAMWATCH_INGEST_AUTH"}
    )
    """None: ``open`` where the receivers listen on loopback only, else ``required``."""
    lockout_failures: int = 10
    """Refused credentials allowed per minute, peer and token id, before the peer has to wait."""
    cache_s: float = 2.0
    """How long an accepted token is not looked up again: a revocation bites after this, at the latest."""
    stale_s: float = 30.0
    """How long an accepted token still passes while the database is away."""
    session_idle_s: float = 1800.0
    """A browser session ends after this time without a request."""
    session_absolute_s: float = 43200.0
    """A browser session ends after this time in any case."""
    sign_in_link_s: float = 600.0
    """How long a one-time sign-in link works."""

    def __post_init__(self) -> None:
        if self.lockout_failures < 1:
            raise ConfigurationError(
                f"SEAMWATCH_AUTH_LOCKOUT_FAILURES: must be >= 1, got {self.lockout_failures}"
            )
        if not 0 <= self.cache_s <= 2:
            raise ConfigurationError(f"SEAMWATCH_AUTH_CACHE_S: must be 0 to 2, got {self.cache_s}")
        if not self.cache_s <= self.stale_s <= 300:
            raise ConfigurationError(
                f"SEAMWATCH_AUTH_STALE_S: must be SEAMWATCH_AUTH_CACHE_S to 300, got {self.stale_s}"
            )
        if not 0 < self.sign_in_link_s <= MAX_LINK_S:
            raise ConfigurationError(
                f"SEAMWATCH_AUTH_SIGN_IN_LINK_S: must be > 0 and at most {MAX_LINK_S:g}, got "
                f"{self.sign_in_link_s}"
            )
        for name in ("session_idle_s", "session_absolute_s"):
            value = getattr(self, name)
            if not 0 < value <= 86400 * 7:
                raise ConfigurationError(
                    f"SEAMWATCH_AUTH_{name.upper()}: must be > 0 and at most 7 days, got {value}"
                )

    def ingest_mode(self, *, is_loopback_only: bool) -> IngestAuthMode:
        """The mode in force for receivers that listen on loopback only, or beyond."""
        if self.ingest_auth is not None:
            return self.ingest_auth
        return IngestAuthMode.OPEN if is_loopback_only else IngestAuthMode.REQUIRED

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> AuthConfig:
        """Read the variables that are set; the rest keep their defaults."""
        return read_settings(cls, environ, prefix="SEAMWATCH_AUTH_")
