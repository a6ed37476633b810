"""Limits of the OTLP receiver."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from seamwatch.core import ConfigurationError, read_settings

__all__ = ["ReceiverConfig"]

_PREFIX = "SEAMWATCH_RECEIVER_"


@dataclass(frozen=True, kw_only=True)
class ReceiverConfig:
    """Endpoints and limits of the OTLP receiver (variables ``SEAMWATCH_RECEIVER_…`` and ``SEAMWATCH_OTLP_…``).

    Attributes:
        grpc_endpoint: host:port of OTLP/gRPC.
        http_endpoint: host:port of OTLP/HTTP.
        max_request_bytes: Largest request, before and after decompression.
        max_spans: Most items in one request, counted before any is built.
        max_attributes: Most attributes of one span; a span with more is rejected alone.
        readers: Requests that are read and decoded at a time; the rest wait unread.
        wait_s: Longest wait of an unread request for a reader before it is told to come back.
        max_bytes_in_flight: Bodies that are read but not committed, in bytes, over all requests.
        read_timeout_s: Longest time for reading one request.
        commit_timeout_s: Longest wait for one request's commit before it is told to come back; less than the
            10 s after which exporters give up by themselves.
        max_out_of_range: Most spans per tenant kept outside the partitions; more are rejected.
    """

    grpc_endpoint: str = field(
        default="127.0.0.1:4317", metadata={"variable": "SEAMWATCH_OTLP_GRPC_ENDPOINT"}
    )
    http_endpoint: str = field(
        default="127.0.0.1:4318", metadata={"variable": "SEAMWATCH_OTLP_HTTP_ENDPOINT"}
    )
    max_request_bytes: int = 16 * 1024 * 1024
    max_spans: int = 65_536
    max_attributes: int = 1_024
    readers: int = 8
    wait_s: float = 5.0
    max_bytes_in_flight: int = 32 * 1024 * 1024
    read_timeout_s: float = 30.0
    commit_timeout_s: float = 8.0
    max_out_of_range: int = 100_000

    def __post_init__(self) -> None:
        for name in (
            "max_request_bytes", "max_spans", "max_attributes", "readers", "wait_s", "max_bytes_in_flight",
            "read_timeout_s", "commit_timeout_s",
        ):  # fmt: skip
            value = getattr(self, name)
            if value <= 0:
                raise ConfigurationError(f"{_PREFIX}{name.upper()}: must be > 0, got {value}")
        if self.max_out_of_range < 0:
            raise ConfigurationError(
                f"{_PREFIX}MAX_OUT_OF_RANGE: must be >= 0, got {self.max_out_of_range}"
            )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> ReceiverConfig:
        """Read the variables; unset ones keep their defaults."""
        return read_settings(cls, environ, prefix=_PREFIX)
