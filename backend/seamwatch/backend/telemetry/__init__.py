"""The backend's own metrics."""

from seamwatch.backend.telemetry.metrics import (
    CONTENT_TYPE,
    Counter,
    Gauge,
    Histogram,
    MetricRegistry,
)

__all__ = ["CONTENT_TYPE", "Counter", "Gauge", "Histogram", "MetricRegistry"]
