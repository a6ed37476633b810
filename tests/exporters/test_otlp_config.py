"""The standard's variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from seamwatch.core import ConfigurationError
from seamwatch.exporters import Compression, ExportConfig, OtlpHttpConfig


def read(**variables: str) -> OtlpHttpConfig:
    return OtlpHttpConfig.from_environment(
        {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in variables.items()}
    )


def test_without_variables_it_sends_compressed_to_the_standard_port() -> None:
    config = read()

    assert config.endpoint == "http://localhost:4318/v1/traces"
    assert (config.timeout_s, config.compression) == (10.0, Compression.GZIP)


@pytest.mark.parametrize(
    ("variables", "endpoint"),
    [
        ({"ENDPOINT": "http://a:1"}, "http://a:1/v1/traces"),
        ({"ENDPOINT": "http://a:1/otlp/"}, "http://a:1/otlp/v1/traces"),
        ({"TRACES_ENDPOINT": "https://a/x?y=1"}, "https://a/x?y=1"),
        ({"TRACES_ENDPOINT": "http://t:2", "ENDPOINT": "http://a:1"}, "http://t:2"),
        ({"TRACES_ENDPOINT": " ", "ENDPOINT": "http://a:1"}, "http://a:1/v1/traces"),
    ],
)
def test_path_is_added_to_the_endpoint_of_all_signals_only(
    variables: dict[str, str], endpoint: str
) -> None:
    assert read(**variables).endpoint == endpoint


def test_variables_of_traces_beat_those_of_all_signals() -> None:
    config = read(
        TRACES_TIMEOUT="3",
        TIMEOUT="5",
        TRACES_COMPRESSION="none",
        COMPRESSION="gzip",
        CERTIFICATE="/ca.pem",
        CLIENT_CERTIFICATE="/me.pem",
        TRACES_CLIENT_KEY="/me.key",
    )

    assert (config.timeout_s, config.compression) == (3.0, Compression.NONE)
    assert (config.certificate, config.client_certificate, config.client_key) == (
        Path("/ca.pem"),
        Path("/me.pem"),
        Path("/me.key"),
    )


def test_long_timeouts_are_the_milliseconds_of_the_specification() -> None:
    assert [read(TIMEOUT=value).timeout_s for value in ("0.5", "30", "10000")] == [0.5, 30.0, 10.0]


def test_headers_are_decoded() -> None:
    config = read(HEADERS="Authorization=Bearer%20swk_1_a%3Db, X-Two = 2,x-three=a=b")

    assert list(config.header_items()) == [
        ("authorization", "Bearer swk_1_a=b"),
        ("x-two", "2"),
        ("x-three", "a=b"),
    ]
    assert "swk_1" not in repr(config)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENDPOINT", "localhost:4318"),
        ("ENDPOINT", "ftp://localhost"),
        ("ENDPOINT", "http://localhost:http"),
        ("ENDPOINT", "http://"),
        ("TIMEOUT", "0"),
        ("TIMEOUT", "soon"),
        ("TIMEOUT", "nan"),
        ("TIMEOUT", "inf"),
        ("ENDPOINT", "http://[::1"),
        ("COMPRESSION", "zstd"),
        ("HEADERS", "a=b%0d%0ac: d"),
        ("HEADERS", "na me=b"),
        ("HEADERS", "=b"),
    ],
)
def test_value_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"OTEL_EXPORTER_OTLP_TRACES_{name}"):
        read(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INTERVAL_S", "0"),
        ("INTERVAL_S", "nan"),
        ("FAST_INTERVAL_S", "-1"),
        ("QUEUE_SIZE", "0"),
        ("BATCH_SIZE", "9000"),
        ("BATCH_SIZE", "many"),
        ("SHUTDOWN_TIMEOUT_S", "-1"),
        ("SHUTDOWN_TIMEOUT_S", "inf"),
    ],
)
def test_size_or_delay_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"SEAMWATCH_EXPORT_{name}"):
        ExportConfig.from_environment({f"SEAMWATCH_EXPORT_{name}": value})
