"""Sizes and delays of the ring buffer and its two lanes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from seamwatch.core import ConfigurationError, read_settings

__all__ = ["ExportConfig"]

_PREFIX = "SEAMWATCH_EXPORT_"
_LONGEST_SHUTDOWN_S = 3600.0


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """When spans leave a watched service and how many wait (variables: ``SEAMWATCH_EXPORT_…``).

    Attributes:
        interval_s: Longest time that a span waits in the batch lane.
        fast_interval_s: Longest time that an error span waits in the fast lane.
        batch_size: Spans per request; a lane that holds as many is sent at once.
        queue_size: Spans that wait at most, both lanes together; beyond it the oldest are dropped.
        retry_limit_s: How long one batch is tried again before it is dropped.
        shutdown_timeout_s: How long the end of the process may be delayed by the last batches.
        drain_on_sigterm: Send what waits when SIGTERM arrives and nobody else handles it. Switch it
            off where a SIGTERM must end the process even inside a long call of C code.
    """

    interval_s: float = 30.0
    fast_interval_s: float = 0.2
    batch_size: int = 512
    queue_size: int = 8192
    retry_limit_s: float = 300.0
    shutdown_timeout_s: float = 5.0
    drain_on_sigterm: bool = True

    def __post_init__(self) -> None:
        for name in ("interval_s", "fast_interval_s", "batch_size", "queue_size", "retry_limit_s"):
            if not getattr(self, name) > 0:  # a NaN is refused as well
                raise ConfigurationError(
                    f"{_PREFIX}{name.upper()}: must be > 0, got {getattr(self, name)}"
                )
        if not 0 <= self.shutdown_timeout_s <= _LONGEST_SHUTDOWN_S:
            raise ConfigurationError(
                f"{_PREFIX}SHUTDOWN_TIMEOUT_S: must be 0 to {_LONGEST_SHUTDOWN_S:.0f},"
                f" got {self.shutdown_timeout_s}"
            )
        if self.batch_size > self.queue_size:
            raise ConfigurationError(
                f"{_PREFIX}BATCH_SIZE: must not exceed {_PREFIX}QUEUE_SIZE ({self.queue_size}),"
                f" got {self.batch_size}"
            )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> ExportConfig:
        """Read the variables that are set; raises ConfigurationError for one that cannot be used."""
        return read_settings(cls, environ, prefix=_PREFIX)
