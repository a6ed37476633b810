"""The span exporter `seamwatch`, for any span processor and for OTEL_CONFIG_FILE."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from seamwatch.core import Clock, SystemClock
from seamwatch.exporters.counters import ExportCounters, ExportStatistics
from seamwatch.exporters.delivery import SpanDelivery
from seamwatch.exporters.lenient_settings import (
    read_export_config,
    read_otlp_http_config,
)
from seamwatch.exporters.otlp_http import OtlpHttpSender
from seamwatch.exporters.span_processor import SeamwatchSpanProcessor
from seamwatch.exporters.stop_signal import StopSignal

__all__ = ["SeamwatchSpanExporter"]

_logger = logging.getLogger(__name__)


class SeamwatchSpanExporter(SpanExporter):
    """Sends spans by OTLP/HTTP; works alone, better with `SeamwatchSpanProcessor`.

    Alone (under an SDK processor) it has no lanes: `export` blocks its caller until the batch is
    accepted or `timeout_s` has passed. `seamwatch.client` replaces the SDK's processor by ours.
    It never raises: a setting that cannot be used is logged, and its default holds.

    Attributes:
        instances: Exporters that are not shut down yet.
    """

    instances: ClassVar[weakref.WeakSet[SeamwatchSpanExporter]] = weakref.WeakSet()

    def __init__(
        self,
        endpoint: str | None = None,
        headers: Mapping[str, str] | str | None = None,
        timeout_s: float | None = None,
        compression: str | None = None,
        certificate: str | Path | None = None,
        client_certificate: str | Path | None = None,
        client_key: str | Path | None = None,
        *,
        clock: Clock | None = None,
        environ: Mapping[str, str] = os.environ,
        **options: object,
    ) -> None:
        """Make an exporter; arguments beat the environment, which beats the defaults.

        Args:
            endpoint: URL; without a path ``/v1/traces`` is added.
            headers: By name, or the text of ``OTEL_EXPORTER_OTLP_HEADERS``.
            timeout_s: Time for one batch, its retries included.
            compression: ``gzip`` or ``none``.
            certificate: PEM file of the trusted authorities.
            client_certificate: PEM file of this service's certificate.
            client_key: PEM file of its key.
            clock: Source of time.
            environ: Variables by name.
            options: Fields of `ExportConfig`, for the processor that takes this exporter's place.
        """
        self._clock = clock or SystemClock()
        self.otlp_config = read_otlp_http_config(
            environ,
            endpoint=endpoint,
            headers=headers,
            timeout_s=timeout_s,
            compression=compression,
            certificate=certificate,
            client_certificate=client_certificate,
            client_key=client_key,
        )
        self.export_config = read_export_config(environ, options)
        self._sender = OtlpHttpSender(self.otlp_config, clock=self._clock)
        self._start_afresh()
        self.instances.add(self)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send one batch; FAILURE if any of it was lost."""
        try:
            if self._pid != os.getpid():
                self._sender.abandon_after_fork()
                self._start_afresh()
            if not spans:
                return SpanExportResult.SUCCESS
            is_delivered = not self._stop.is_set and self._delivery.deliver(spans)
            return SpanExportResult.SUCCESS if is_delivered else SpanExportResult.FAILURE
        except Exception:
            _logger.warning("a batch of spans was not exported", exc_info=True)
            return SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing waits here: `export` returns after the answer."""
        return True

    def shutdown(self) -> None:
        """End the waiting of an `export` under way and close the connection; may be called again."""
        self.instances.discard(self)
        if not self._stop.is_set:
            self._stop.set(timeout_s=0.0)
            self._sender.close(timeout_s=0.0)

    def statistics(self) -> ExportStatistics:
        """Read the counters of what went through `export`."""
        return self._counters.read(queued=0)

    def make_processor(self) -> SeamwatchSpanProcessor:
        """A processor with a connection of its own and the same settings."""
        return SeamwatchSpanProcessor(
            OtlpHttpSender(self.otlp_config, clock=self._clock),
            self.export_config,
            clock=self._clock,
        )

    def _start_afresh(self) -> None:
        self._pid = os.getpid()
        self._counters = ExportCounters()
        self._stop = StopSignal(self._clock)
        self._delivery = SpanDelivery(
            self._sender,
            self._counters,
            self._stop,
            retry_limit_s=self.otlp_config.timeout_s,
            clock=self._clock,
        )
