"""Which services the demo runs, who calls whom, and how each is started."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seamwatch.core import ConfigurationError

__all__ = [
    "SERVICES",
    "TRAFFIC",
    "ServiceSpec",
    "check_installed",
    "free_port",
    "service_environment",
]

_FOLDER = Path(__file__).with_name("services")
_OURS = ("SEAMWATCH_", "OTEL_")
_INSTRUMENT = "opentelemetry-instrument"
_NEEDED = (
    "fastapi",
    "httpx",
    "uvicorn",
    "opentelemetry.instrumentation.fastapi",
    "opentelemetry.instrumentation.starlette",
    "opentelemetry.instrumentation.httpx",
)


@dataclass(frozen=True, kw_only=True)
class ServiceSpec:
    """One program of the demo.

    Attributes:
        name: Of the service and of its file under ``services/``.
        calls: Services it needs the address of.
        is_watched: Whether it runs under ``opentelemetry-instrument`` and serves HTTP.
    """

    name: str
    calls: tuple[str, ...] = ()
    is_watched: bool = True

    def command(self, port: int) -> list[str]:
        """What to run; a watched service listens on `port`."""
        if not self.is_watched:
            return [sys.executable, str(_FOLDER / f"{self.name}.py")]
        return [
            _instrument_command() or _INSTRUMENT,
            sys.executable,
            "-m",
            "uvicorn",
            f"{self.name}:app",
            "--app-dir",
            str(_FOLDER),
            "--port",
            str(port),
            "--no-access-log",
            "--log-level",
            "warning",
            "--timeout-graceful-shutdown",
            "1",
        ]


SERVICES = (
    ServiceSpec(name="storefront", calls=("inventory", "checkout")),
    ServiceSpec(name="checkout", calls=("inventory", "payments", "notifier")),
    ServiceSpec(name="payments"),
    ServiceSpec(name="inventory"),
    ServiceSpec(name="notifier"),
)
TRAFFIC = ServiceSpec(name="traffic", calls=("storefront",), is_watched=False)


def check_installed() -> None:
    """See that what the services import is there.

    Raises:
        ConfigurationError: A package is missing; says what to install.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing or _instrument_command() is None:
        what = ", ".join(missing) or _INSTRUMENT
        raise ConfigurationError(f"{what}: not installed; run pip install 'seamwatch[demo]'")


def service_environment(
    spec: ServiceSpec,
    *,
    otlp_http: str,
    ports: Mapping[str, int],
    environ: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Variables of one service: the user's own, the addresses it calls, and how it is watched."""
    environment = {key: text for key, text in environ.items() if not key.startswith(_OURS)}
    environment |= {f"{name.upper()}_URL": f"http://127.0.0.1:{ports[name]}" for name in spec.calls}
    environment |= {"PYTHONUNBUFFERED": "1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    if spec.is_watched:
        environment |= {
            "OTEL_SERVICE_NAME": spec.name,
            "OTEL_RESOURCE_ATTRIBUTES": "service.namespace=demo,deployment.environment.name=demo",
            "OTEL_TRACES_EXPORTER": "seamwatch",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_EXPORTER_OTLP_ENDPOINT": otlp_http,
            "OTEL_SEMCONV_STABILITY_OPT_IN": "http",  # today's attribute names, not those of 2021
            "SEAMWATCH_EXPORT_INTERVAL_S": "1",  # the pages of a demo are looked at as it runs
        }
    return environment


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _instrument_command() -> str | None:
    """Beside the interpreter that runs us, else on the path."""
    beside = shutil.which(_INSTRUMENT, path=sysconfig.get_path("scripts"))
    return beside or shutil.which(_INSTRUMENT)
