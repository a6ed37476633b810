"""The hook that `opentelemetry-instrument` calls after the SDK is configured."""

from __future__ import annotations

import logging
import os

__all__ = ["pre_instrument"]

_logger = logging.getLogger(__name__)

_NAME = "seamwatch"


def pre_instrument() -> None:
    """Attach Seamwatch if ``OTEL_TRACES_EXPORTER`` or ``OTEL_CONFIG_FILE`` chose its exporter.

    Entry point of the group ``opentelemetry_pre_instrument``. An exception out of such a hook
    would leave the service without any instrumentation, so it never raises.
    """
    try:
        _pre_instrument()
    except Exception:
        _logger.exception("Seamwatch could not start; the service runs without it")


def _pre_instrument() -> None:
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return
    chosen = os.environ.get("OTEL_TRACES_EXPORTER", "").split(",")
    is_chosen = _NAME in (name.strip() for name in chosen)
    has_config_file = bool(os.environ.get("OTEL_CONFIG_FILE", "").strip())
    if not is_chosen and not has_config_file:
        return  # nothing of ours is loaded into a service that does not use it

    from opentelemetry import trace

    from seamwatch.client._sdk_processors import processors_of
    from seamwatch.client.attach import attach
    from seamwatch.exporters import SeamwatchSpanExporter

    provider = trace.get_tracer_provider()
    if hasattr(provider, "add_span_processor"):
        exporters = [getattr(p, "span_exporter", None) for p in processors_of(provider) or ()]
        is_visible = any(isinstance(exporter, SeamwatchSpanExporter) for exporter in exporters)
        if not is_visible and (has_config_file or len(SeamwatchSpanExporter.instances)):
            # Not configured; or wrapped by somebody, where a second processor would send twice.
            return
    attach(provider)
