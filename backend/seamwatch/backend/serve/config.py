"""Settings of the running backend as a whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from seamwatch.backend.analysis.retention import RetentionConfig
from seamwatch.backend.api.config import AdminConfig
from seamwatch.backend.auth import AuthConfig
from seamwatch.backend.postgres import PostgresConfig
from seamwatch.backend.receiver.config import ReceiverConfig
from seamwatch.backend.serve.ports import is_loopback_host, split_endpoint
from seamwatch.core import ConfigurationError, read_settings

__all__ = ["ServeConfig", "ServerConfig"]


@dataclass(frozen=True, kw_only=True)
class ServeConfig:
    """How the backend runs (variables: ``SEAMWATCH_…``)."""

    allow_insecure_bind: bool = False
    """Listen beyond loopback without TLS; tokens and spans then cross the network readable."""
    drain_s: float = 8.0
    """How long requests under way may finish after SIGTERM."""
    writers: int = 2
    """Connections that store telemetry."""

    def __post_init__(self) -> None:
        if not 0 < self.drain_s <= 60:
            raise ConfigurationError(
                f"SEAMWATCH_DRAIN_S: must be > 0 and at most 60, got {self.drain_s}"
            )
        if not 1 <= self.writers <= 32:
            raise ConfigurationError(f"SEAMWATCH_WRITERS: must be 1 to 32, got {self.writers}")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> ServeConfig:
        """Read the variables that are set; the rest keep their defaults."""
        return read_settings(cls, environ, prefix="SEAMWATCH_")


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """All settings of one backend process, each from its own component."""

    postgres: PostgresConfig = field(default_factory=PostgresConfig)
    receiver: ReceiverConfig = field(default_factory=ReceiverConfig)
    admin: AdminConfig = field(default_factory=AdminConfig)
    auth: AuthConfig = field(default_factory=AuthConfig)
    retention: RetentionConfig = field(default_factory=RetentionConfig)
    serve: ServeConfig = field(default_factory=ServeConfig)

    def __post_init__(self) -> None:
        for variable, endpoint in self.endpoints().items():
            host, _ = split_endpoint(variable, endpoint)
            if not is_loopback_host(host) and not self.serve.allow_insecure_bind:
                raise ConfigurationError(
                    f"{variable}: {endpoint} is reachable from other machines without TLS; put a TLS proxy in front "
                    "and listen on 127.0.0.1, or set SEAMWATCH_ALLOW_INSECURE_BIND=true"
                )

    @property
    def is_loopback_only(self) -> bool:
        """Whether the receivers can be reached from this machine only."""
        receivers = (self.receiver.grpc_endpoint, self.receiver.http_endpoint)
        return all(is_loopback_host(split_endpoint("", endpoint)[0]) for endpoint in receivers)

    def endpoints(self) -> dict[str, str]:
        """Variable -> ``host:port`` of each listener."""
        return {
            "SEAMWATCH_OTLP_GRPC_ENDPOINT": self.receiver.grpc_endpoint,
            "SEAMWATCH_OTLP_HTTP_ENDPOINT": self.receiver.http_endpoint,
            "SEAMWATCH_ADMIN_ENDPOINT": self.admin.endpoint,
        }

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> ServerConfig:
        """Read every component's variables.

        Raises:
            ConfigurationError: A variable cannot be used; names it, its value and the remedy.
        """
        return cls(
            postgres=PostgresConfig.from_environment(environ),
            receiver=ReceiverConfig.from_environment(environ),
            admin=AdminConfig.from_environment(environ),
            auth=AuthConfig.from_environment(environ),
            retention=RetentionConfig.from_environment(environ),
            serve=ServeConfig.from_environment(environ),
        )
