"""Settings inside a watched service: one that cannot be used is logged, its default holds."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from seamwatch.core import ConfigurationError
from seamwatch.exporters.config import ExportConfig
from seamwatch.exporters.otlp_config import Compression, OtlpHttpConfig

__all__ = ["read_export_config", "read_otlp_http_config"]

_logger = logging.getLogger(__name__)

_Config = TypeVar("_Config", ExportConfig, OtlpHttpConfig)


def read_export_config(environ: Mapping[str, str], options: Mapping[str, object]) -> ExportConfig:
    """Sizes and delays from the environment, then from `options`; never raises."""
    return _apply(_read(ExportConfig.from_environment, environ), options)


def read_otlp_http_config(environ: Mapping[str, str], **arguments: Any) -> OtlpHttpConfig:
    """The destination from the environment, then from the `arguments` that are not None.

    Never raises. Logs a line if the endpoint looks like one of OTLP/gRPC.
    """
    options = {name: value for name, value in arguments.items() if value is not None}
    config = _apply(_read(OtlpHttpConfig.from_environment, environ), _normalize(options))
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "").strip().lower()
    # OTEL_EXPORTER_OTLP_PROTOCOL says nothing: opentelemetry-distro sets it to grpc by itself.
    if config.is_grpc_port or protocol == "grpc":
        _logger.warning(
            "Seamwatch sends OTLP/HTTP only, but %s; set OTEL_EXPORTER_OTLP_ENDPOINT to the"
            " OTLP/HTTP address, usually port 4318 (now %s)",
            "the endpoint has the port of OTLP/gRPC"
            if config.is_grpc_port
            else "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is grpc",
            config.endpoint,
        )
    return config


def _read(read: Callable[[Mapping[str, str]], _Config], environ: Mapping[str, str]) -> _Config:
    """Read without the variables that cannot be used."""
    usable = dict(environ)
    while True:
        try:
            return read(usable)
        except ConfigurationError as error:
            name = str(error).partition(":")[0]
            _logger.error("%s; the default is used", error)
            removed = [
                usable.pop(known, None) for known in (name, name.replace("_OTLP_TRACES_", "_OTLP_"))
            ]
            if not any(removed):  # the fault lies in its relation to another that is set
                related = [known for known in usable if f"{known} " in str(error)]
                if not related:
                    return read({})
                del usable[related[0]]


def _apply(config: _Config, options: Mapping[str, object]) -> _Config:
    """Replace fields one by one, so that one wrong value costs no other."""
    known = {field.name for field in dataclasses.fields(config)}
    for name, value in options.items():
        if name not in known:
            _logger.error("the Seamwatch exporter has no option %r; it is ignored", name)
            continue
        try:
            change: dict[str, Any] = {name: value}
            config = dataclasses.replace(config, **change)
        except (ConfigurationError, TypeError, ValueError) as error:
            _logger.error("option %s: %s; it is ignored", name, error)
    return config


def _normalize(options: Mapping[str, Any]) -> dict[str, object]:
    """Arguments as people write them, in the types of the fields."""
    fields: dict[str, object] = {}
    for name, value in options.items():
        try:
            if name == "endpoint":
                has_path = bool(urlsplit(str(value)).path.strip("/"))
                fields[name] = str(value) if has_path else str(value).rstrip("/") + "/v1/traces"
            elif name == "headers":
                fields[name] = _header_texts(value)
            elif name == "compression":
                fields[name] = Compression(str(value).lower())
            elif name in ("certificate", "client_certificate", "client_key"):
                fields[name] = Path(value)
            else:
                fields[name] = float(value)
        except (TypeError, ValueError) as error:
            _logger.error("option %s: %s; it is ignored", name, error)
    return fields


def _header_texts(value: Mapping[str, str] | str) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(f"{quote(str(name))}={quote(str(text))}" for name, text in value.items())
