"""Exporters of Seamwatch: the ring buffer with its lanes and the OTLP/HTTP sender."""

from seamwatch.exporters.config import ExportConfig
from seamwatch.exporters.counters import ExportStatistics
from seamwatch.exporters.otlp_config import Compression, OtlpHttpConfig
from seamwatch.exporters.otlp_http import OtlpHttpResponse, OtlpHttpSender
from seamwatch.exporters.ring import RingBuffer
from seamwatch.exporters.span_exporter import SeamwatchSpanExporter
from seamwatch.exporters.span_processor import SeamwatchSpanProcessor

__all__ = [
    "Compression",
    "ExportConfig",
    "ExportStatistics",
    "OtlpHttpConfig",
    "OtlpHttpResponse",
    "OtlpHttpSender",
    "RingBuffer",
    "SeamwatchSpanExporter",
    "SeamwatchSpanProcessor",
]
