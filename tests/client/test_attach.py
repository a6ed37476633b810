"""Joining our processor to a provider in code."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from far_end import FarEnd
from opentelemetry.sdk.trace import (
    ConcurrentMultiSpanProcessor,
    SynchronousMultiSpanProcessor,
    TracerProvider,
)
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SimpleSpanProcessor,
    SpanExporter,
)
from opentelemetry.trace import ProxyTracerProvider

from seamwatch.client import attach
from seamwatch.exporters import SeamwatchSpanExporter, SeamwatchSpanProcessor


@pytest.fixture(autouse=True)
def endpoint(far_end: FarEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", far_end.url)


@pytest.fixture
def provider() -> Iterator[TracerProvider]:
    provider = TracerProvider(shutdown_on_exit=False)
    yield provider
    provider.shutdown()


def processors(provider: TracerProvider) -> list[Any]:
    return list(provider._active_span_processor._span_processors)


def test_attached_provider_delivers(far_end: FarEnd, provider: TracerProvider) -> None:
    processor = attach(provider)
    provider.get_tracer("tests").start_span("a").end()

    provider.shutdown()

    assert isinstance(processor, SeamwatchSpanProcessor)
    assert far_end.counts() == {"a": 1}
    assert processor.statistics().sent == 1


def test_attaching_again_returns_the_same_processor(provider: TracerProvider) -> None:
    first = attach(provider)

    assert attach(provider) is first
    assert processors(provider) == [first]


def test_attaching_from_many_threads_adds_one_processor(provider: TracerProvider) -> None:
    threads = [threading.Thread(target=attach, args=(provider,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(processors(provider)) == 1


@pytest.mark.parametrize("kind", [BatchSpanProcessor, SimpleSpanProcessor])
@pytest.mark.parametrize("multi", [SynchronousMultiSpanProcessor, ConcurrentMultiSpanProcessor])
def test_sdk_processor_around_our_exporter_gives_way_and_its_settings_stay(
    kind: Any, multi: Any, far_end: FarEnd
) -> None:
    provider = TracerProvider(shutdown_on_exit=False, active_span_processor=multi())
    tracer = provider.get_tracer("tests")  # made before, as instrumentors do
    beside = SimpleSpanProcessor(ConsoleSpanExporter(out=open("/dev/null", "w")))
    provider.add_span_processor(kind(SeamwatchSpanExporter(endpoint=far_end.url, interval_s=9.0)))
    provider.add_span_processor(beside)
    tracer.start_span("before").end()

    processor = attach(provider)
    tracer.start_span("after").end()

    assert processor is not None
    assert processors(provider) == [processor, beside]
    assert processor.config.interval_s == 9.0
    provider.shutdown()
    beside.span_exporter.out.close()
    assert far_end.counts() == {"before": 1, "after": 1}


def test_two_of_our_exporters_become_one_processor(
    far_end: FarEnd, provider: TracerProvider
) -> None:
    for _ in range(2):
        provider.add_span_processor(BatchSpanProcessor(SeamwatchSpanExporter(endpoint=far_end.url)))

    processor = attach(provider)
    provider.get_tracer("tests").start_span("a").end()

    assert processors(provider) == [processor]
    provider.shutdown()
    assert far_end.counts() == {"a": 1}


def test_processors_of_others_are_left_alone(provider: TracerProvider) -> None:
    class Foreign(SpanExporter):
        def shutdown(self) -> None:
            pass

    foreign = BatchSpanProcessor(Foreign())
    provider.add_span_processor(foreign)

    processor = attach(provider)

    assert processors(provider) == [foreign, processor]


def test_unknown_structure_is_left_alone_and_said_once(
    far_end: FarEnd, caplog: pytest.LogCaptureFixture
) -> None:
    class Unknown:
        """A provider of a later SDK that keeps its processors elsewhere."""

        def __init__(self) -> None:
            self.added = [BatchSpanProcessor(SeamwatchSpanExporter(endpoint=far_end.url))]

        def add_span_processor(self, processor: Any) -> None:
            self.added.append(processor)

    provider = Unknown()

    with caplog.at_level(logging.WARNING):
        assert attach(provider) is None
        assert attach(provider) is None

    assert len(provider.added) == 1
    assert len(caplog.records) == 1
    provider.added[0].shutdown()


def test_provider_without_an_sdk_costs_one_line_and_no_exception(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert attach(ProxyTracerProvider()) is None

    assert len(caplog.records) == 1
    assert "opentelemetry-distro" in caplog.records[0].getMessage()


def test_provider_that_refuses_never_raises_into_the_host(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Refusing:
        def add_span_processor(self, processor: Any) -> None:
            raise RuntimeError("no")

    assert attach(Refusing()) is None
    assert "could not be attached" in caplog.text
