"""The exporter alone, under the SDK's own processors."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from far_end import Answer, FarEnd
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

from seamwatch.exporters import SeamwatchSpanExporter


def test_exporter_works_under_the_batch_span_processor(far_end: FarEnd) -> None:
    exporter = SeamwatchSpanExporter(endpoint=far_end.url)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    for number in range(3):
        provider.get_tracer("tests").start_span(str(number)).end()

    provider.shutdown()

    assert far_end.counts() == {"0": 1, "1": 1, "2": 1}
    assert far_end.requests[0].path == "/v1/traces"
    assert exporter.statistics().sent == 3


def test_environment_without_arguments_is_enough(
    far_end: FarEnd, make_spans: Callable[..., Any]
) -> None:
    exporter = SeamwatchSpanExporter(
        environ={
            "OTEL_EXPORTER_OTLP_ENDPOINT": far_end.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20swk_1_a",
        }
    )

    assert exporter.export(make_spans("a")) is SpanExportResult.SUCCESS
    assert far_end.requests[0].headers["authorization"] == "Bearer swk_1_a"
    exporter.shutdown()


def test_argument_beats_environment(far_end: FarEnd, make_spans: Callable[..., Any]) -> None:
    exporter = SeamwatchSpanExporter(
        endpoint=far_end.url + "/mine",
        headers={"Authorization": "Bearer of, news"},
        compression="none",
        interval_s=3.0,
        environ={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
    )

    exporter.export(make_spans("a"))
    exporter.shutdown()

    assert far_end.requests[0].path == "/mine"
    assert far_end.requests[0].headers["authorization"] == "Bearer of, news"
    assert exporter.make_processor().config.interval_s == 3.0


def test_refused_batch_is_a_failure(far_end: FarEnd, make_spans: Callable[..., Any]) -> None:
    far_end.script = [Answer(301, {"location": far_end.url})]
    exporter = SeamwatchSpanExporter(endpoint=far_end.url)

    assert exporter.export(make_spans("a")) is SpanExportResult.FAILURE
    assert exporter.statistics().dropped == {"refused": 1}
    exporter.shutdown()


def test_garbage_is_a_failure_and_no_exception(far_end: FarEnd) -> None:
    exporter = SeamwatchSpanExporter(endpoint=far_end.url)

    results = [exporter.export(garbage) for garbage in ([None], [1, 2], 7)]  # type: ignore[list-item,arg-type]

    assert results == [SpanExportResult.FAILURE] * 3
    exporter.shutdown()


def test_shutdown_twice_is_harmless_and_ends_export(
    far_end: FarEnd, make_spans: Callable[..., Any]
) -> None:
    exporter = SeamwatchSpanExporter(endpoint=far_end.url)

    exporter.shutdown()
    exporter.shutdown()

    assert exporter.export(make_spans("a")) is SpanExportResult.FAILURE
    assert exporter.force_flush()


def test_unusable_settings_are_logged_and_their_defaults_hold(
    caplog: pytest.LogCaptureFixture,
) -> None:
    exporter = SeamwatchSpanExporter(
        environ={
            "OTEL_EXPORTER_OTLP_ENDPOINT": "nonsense",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "7",
            "SEAMWATCH_EXPORT_BATCH_SIZE": "many",
            "SEAMWATCH_EXPORT_INTERVAL_S": "4",
        },
        colour="red",
        queue_size="big",
        fast_interval_s=-1,
    )

    assert exporter.otlp_config.endpoint == "http://localhost:4318/v1/traces"
    assert exporter.otlp_config.timeout_s == 7.0
    assert exporter.export_config.batch_size == 512
    assert exporter.export_config.interval_s == 4.0
    assert exporter.export_config.queue_size == 8192
    assert exporter.export_config.fast_interval_s == 0.2
    assert len(caplog.records) == 5


def test_size_that_does_not_fit_a_default_costs_no_other_setting() -> None:
    exporter = SeamwatchSpanExporter(
        environ={
            "SEAMWATCH_EXPORT_QUEUE_SIZE": "10",  # below the default batch size
            "SEAMWATCH_EXPORT_DRAIN_ON_SIGTERM": "false",
        }
    )

    config = exporter.export_config
    assert (config.queue_size, config.drain_on_sigterm) == (8192, False)


@pytest.mark.parametrize(
    ("environ", "lines"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4317"}, 1),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, 1),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, 0),  # the distro sets it, unasked
        ({}, 0),
    ],
)
def test_endpoint_of_grpc_costs_one_clear_line(
    environ: dict[str, str], lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        SeamwatchSpanExporter(environ=environ)

    assert len(caplog.records) == lines
    assert all("port 4318" in record.getMessage() for record in caplog.records)
