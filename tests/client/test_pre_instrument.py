"""The hook itself, in this process."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from far_end import FarEnd
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from seamwatch.client import pre_instrument
from seamwatch.exporters import SeamwatchSpanExporter


class Wrapping(SpanExporter):
    """An exporter of somebody else around ours, as some vendors' distributions do it."""

    def __init__(self, inner: SpanExporter) -> None:
        self.inner = inner

    def export(self, spans: Any) -> Any:
        return self.inner.export(spans)

    def shutdown(self) -> None:
        self.inner.shutdown()


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    return provider


def test_exporter_wrapped_by_others_is_not_doubled(
    far_end: FarEnd, provider: TracerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "seamwatch")
    provider.add_span_processor(
        BatchSpanProcessor(Wrapping(SeamwatchSpanExporter(endpoint=far_end.url)))
    )

    pre_instrument()
    provider.get_tracer("tests").start_span("a").end()
    provider.shutdown()

    assert far_end.counts() == {"a": 1}


def test_config_file_without_our_exporter_changes_nothing(
    provider: TracerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTEL_TRACES_EXPORTER", raising=False)
    monkeypatch.setenv("OTEL_CONFIG_FILE", "/some/file.yaml")

    pre_instrument()

    assert provider._active_span_processor._span_processors == ()


def test_failure_inside_is_logged_and_never_raised(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("no provider today")

    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "seamwatch")
    monkeypatch.setattr(trace, "get_tracer_provider", fail)

    with caplog.at_level(logging.ERROR):
        pre_instrument()

    assert "the service runs without it" in caplog.text
