"""Where and how spans are sent: the standard's OTLP exporter variables."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from urllib.parse import unquote, urlsplit

from seamwatch.core import ConfigurationError, read_settings

__all__ = ["Compression", "OtlpHttpConfig"]

_GENERIC = "OTEL_EXPORTER_OTLP_"
_TRACES = "OTEL_EXPORTER_OTLP_TRACES_"
_PATH = "/v1/traces"
_GRPC_PORT = 4317
_LONGEST_TIMEOUT_S = 1000.0
_LARGEST_TIMEOUT = 3_600_000.0  # sockets refuse infinity


class Compression(Enum):
    """Content encoding of a request."""

    GZIP = "gzip"
    NONE = "none"


def _variable(name: str) -> dict[str, str]:
    return {"variable": _TRACES + name}


@dataclass(frozen=True, kw_only=True)
class OtlpHttpConfig:
    """Destination of the OTLP/HTTP sender (variables: ``OTEL_EXPORTER_OTLP_[TRACES_]…``).

    Attributes:
        endpoint: Full URL. ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`` is taken as it is; to
            ``OTEL_EXPORTER_OTLP_ENDPOINT`` the path ``/v1/traces`` is added.
        headers: ``key=value`` each, percent-encoded; for instance ``authorization=Bearer%20…``.
        timeout_s: Time for one request. The variable counts in seconds as in the official Python
            exporters; 1000 and more are the milliseconds of the specification.
        compression: ``gzip`` or ``none``.
        certificate: PEM file with the authorities that are trusted, instead of the system's.
        client_certificate: PEM file with this service's own certificate (mutual TLS).
        client_key: PEM file with the key of `client_certificate`.
    """

    endpoint: str = field(default="http://localhost:4318/v1/traces", metadata=_variable("ENDPOINT"))
    headers: tuple[str, ...] = field(default=(), metadata=_variable("HEADERS"), repr=False)
    timeout_s: float = field(default=10.0, metadata=_variable("TIMEOUT"))
    compression: Compression = field(default=Compression.GZIP, metadata=_variable("COMPRESSION"))
    certificate: Path | None = field(default=None, metadata=_variable("CERTIFICATE"))
    client_certificate: Path | None = field(default=None, metadata=_variable("CLIENT_CERTIFICATE"))
    client_key: Path | None = field(default=None, metadata=_variable("CLIENT_KEY"))

    def __post_init__(self) -> None:
        if not _is_usable_url(self.endpoint):
            raise ConfigurationError(
                f"{_TRACES}ENDPOINT: must be a URL like http://localhost:4318/v1/traces,"
                f" got {self.endpoint!r}"
            )
        if not 0 < self.timeout_s <= _LARGEST_TIMEOUT:
            raise ConfigurationError(
                f"{_TRACES}TIMEOUT: must be > 0 and at most {_LARGEST_TIMEOUT:.0f},"
                f" got {self.timeout_s}"
            )
        for name, value in self.header_items():
            if not name.isascii() or not name.isprintable() or " " in name or not name:
                raise ConfigurationError(f"{_TRACES}HEADERS: {name!r} is no header name")
            if "\r" in value or "\n" in value or not value.isprintable() or _beyond_latin(value):
                raise ConfigurationError(
                    f"{_TRACES}HEADERS: the value of {name!r} is not printable"
                )

    @property
    def is_grpc_port(self) -> bool:
        """Whether the endpoint names the port of OTLP/gRPC, which cannot answer HTTP/1.1."""
        return urlsplit(self.endpoint).port == _GRPC_PORT

    def header_items(self) -> Iterator[tuple[str, str]]:
        """Names in lower case with their decoded values."""
        for item in self.headers:
            name, _, value = item.partition("=")
            yield unquote(name).strip().lower(), unquote(value).strip()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> OtlpHttpConfig:
        """Read the variables of traces, and where one is missing those of all signals.

        Raises:
            ConfigurationError: A variable cannot be used.
        """
        variables = {
            name: environ.get(name, "").strip() or environ.get(general, "").strip()
            for name, general in _names()
        }
        if not environ.get(_TRACES + "ENDPOINT", "").strip() and variables[_TRACES + "ENDPOINT"]:
            variables[_TRACES + "ENDPOINT"] = variables[_TRACES + "ENDPOINT"].rstrip("/") + _PATH
        config = read_settings(cls, variables, prefix=_TRACES)
        if config.timeout_s >= _LONGEST_TIMEOUT_S:
            object.__setattr__(config, "timeout_s", config.timeout_s / 1000)
        return config


def _is_usable_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:  # a port or an IPv6 address that is none
        return False


def _names() -> Iterator[tuple[str, str]]:
    """Each variable of traces with its fallback of all signals."""
    for field_name in (
        "ENDPOINT",
        "HEADERS",
        "TIMEOUT",
        "COMPRESSION",
        "CERTIFICATE",
        "CLIENT_CERTIFICATE",
        "CLIENT_KEY",
    ):
        yield _TRACES + field_name, _GENERIC + field_name


def _beyond_latin(text: str) -> bool:
    return any(ord(character) > 0xFF for character in text)
