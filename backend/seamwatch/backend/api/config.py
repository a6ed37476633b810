"""Settings of the admin listener."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from seamwatch.core import ConfigurationError, read_settings

__all__ = ["AdminConfig"]


@dataclass(frozen=True, kw_only=True)
class AdminConfig:
    """Admin API and dashboard (variables: ``SEAMWATCH_ADMIN_…``)."""

    endpoint: str = "127.0.0.1:4320"
    """Address and port of the API and the pages."""
    allowed_hosts: tuple[str, ...] = ()
    """Names beside loopback that a request's Host header may carry, comma separated."""
    statement_timeout_s: float = 5.0
    """Longest time one database statement of a request may take."""
    requests_per_s: float = 50.0
    """Requests a second that one token may make on average."""
    request_burst: int = 200
    """Requests one token may make at once after a pause."""
    max_trace_spans: int = 10_000
    """Spans of one trace that are read; what is beyond is reported as truncated."""
    max_trace_bytes: int = 32 * 1024 * 1024
    """Bytes of one trace that are read, resource and scope counted with every span; as above."""

    def __post_init__(self) -> None:
        for name in (
            "statement_timeout_s", "requests_per_s", "request_burst", "max_trace_spans", "max_trace_bytes",
        ):  # fmt: skip
            value = getattr(self, name)
            if value <= 0:
                raise ConfigurationError(
                    f"SEAMWATCH_ADMIN_{name.upper()}: must be > 0, got {value}"
                )
        for host in self.allowed_hosts:
            if "/" in host or "*" in host:
                raise ConfigurationError(
                    "SEAMWATCH_ADMIN_ALLOWED_HOSTS: give host names without scheme, port or *, "
                    f"got {host!r}"
                )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> AdminConfig:
        """Read the variables that are set; the rest keep their defaults."""
        return read_settings(cls, environ, prefix="SEAMWATCH_ADMIN_")
