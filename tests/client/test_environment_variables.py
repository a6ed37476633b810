"""The light client under the command, with no variable but the exporter's."""

from __future__ import annotations

import importlib
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from far_end import FarEnd

from seamwatch.client.environment_variables import VARIABLES, switch_off_missing_exporters

module: Any = importlib.import_module("seamwatch.client.environment_variables")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """Entry points, as (group, name), that the test declares to be there."""
    names: set[tuple[str, str]] = set()
    monkeypatch.setattr(
        module, "entry_points", lambda group, name: [1] if (group, name) in names else []
    )
    return names


def exporters(**variables: str) -> tuple[str | None, str | None]:
    environ = {f"OTEL_{name}": value for name, value in variables.items()}
    switch_off_missing_exporters(environ)
    return environ.get("OTEL_METRICS_EXPORTER"), environ.get("OTEL_LOGS_EXPORTER")


def test_signals_without_an_installed_exporter_are_switched_off(
    installed: set[tuple[str, str]],
) -> None:
    assert exporters(TRACES_EXPORTER="console,seamwatch") == ("none", "none")


def test_signals_with_an_installed_exporter_stay(installed: set[tuple[str, str]]) -> None:
    installed.add(("opentelemetry_metrics_exporter", "otlp_proto_grpc"))

    assert exporters(TRACES_EXPORTER="seamwatch") == (None, "none")


def test_exporter_of_the_chosen_protocol_counts(installed: set[tuple[str, str]]) -> None:
    installed.add(("opentelemetry_metrics_exporter", "otlp_proto_http"))
    installed.add(("opentelemetry_logs_exporter", "otlp_proto_grpc"))

    assert exporters(TRACES_EXPORTER="seamwatch", EXPORTER_OTLP_PROTOCOL="http/protobuf") == (
        None,
        "none",
    )


def test_what_is_set_stays(installed: set[tuple[str, str]]) -> None:
    assert exporters(
        TRACES_EXPORTER="seamwatch", METRICS_EXPORTER="console", LOGS_EXPORTER="otlp"
    ) == ("console", "otlp")


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"TRACES_EXPORTER": "otlp"},
        {"TRACES_EXPORTER": "seamwatch", "CONFIG_FILE": "/otel.yaml"},
    ],
)
def test_nothing_changes_where_our_exporter_is_not_chosen(
    variables: dict[str, str], installed: set[tuple[str, str]]
) -> None:
    assert exporters(**variables) == (None, None)


def test_listing_adds_no_option_and_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(environ: object) -> None:
        raise RuntimeError("broken metadata")

    monkeypatch.setattr(module, "switch_off_missing_exporters", fail)

    assert dir(VARIABLES) == []


def test_exporter_alone_is_enough_under_the_command(
    far_end: FarEnd, run_service: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """Traces leave whether or not the stock exporters of the other signals are installed."""
    result = run_service(
        """
        from opentelemetry import trace
        with trace.get_tracer("tiny").start_as_current_span("a"):
            pass
        """,
        OTEL_METRICS_EXPORTER=None,
        OTEL_LOGS_EXPORTER=None,
    )

    assert result.returncode == 0
    assert far_end.counts() == {"a": 1}
