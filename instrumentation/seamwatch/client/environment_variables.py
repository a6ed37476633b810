"""Lets ``OTEL_TRACES_EXPORTER=seamwatch opentelemetry-instrument`` start without more variables.

opentelemetry-distro presets the exporter ``otlp`` for metrics and logs. Where that exporter is not
installed, which is so with the light client alone, the SDK refuses the whole configuration, traces
included, before any hook of ours runs. The command asks every package of the entry point group
``opentelemetry_environment_variables`` for its variables first: the one moment to prevent it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, MutableMapping
from importlib.metadata import entry_points

__all__ = ["VARIABLES", "EnvironmentVariables", "switch_off_missing_exporters"]

_COMPONENTS = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}


def switch_off_missing_exporters(environ: MutableMapping[str, str]) -> None:
    """Set ``OTEL_{METRICS,LOGS}_EXPORTER=none`` where the preset one could not be loaded.

    Does nothing if our exporter of traces is not chosen. What is set already stays.
    """
    chosen = (name.strip() for name in environ.get("OTEL_TRACES_EXPORTER", "").split(","))
    if "seamwatch" not in chosen or environ.get("OTEL_CONFIG_FILE"):
        return
    for signal in ("METRICS", "LOGS"):
        protocol = (
            environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL")
            or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
            or "grpc"
        ).strip()
        group = f"opentelemetry_{signal.lower()}_exporter"
        if not entry_points(group=group, name=_COMPONENTS.get(protocol, "")):
            environ.setdefault(f"OTEL_{signal}_EXPORTER", "none")


class EnvironmentVariables:
    """What the command sees: it lists the names by `dir` and turns them into options.

    We add no option; the listing is taken as the signal that the command has begun.
    """

    def __dir__(self) -> Iterable[str]:
        try:
            switch_off_missing_exporters(os.environ)
        except Exception:
            return []  # the command must start whatever our metadata looks like
        return []


VARIABLES = EnvironmentVariables()
