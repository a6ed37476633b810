"""A far end and small services started as a user would start them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from far_end import FarEnd, run_far_end

RunService = Callable[..., "subprocess.CompletedProcess[str]"]
StartService = Callable[..., "subprocess.Popen[str]"]

AUTO = Path(sys.executable).with_name("opentelemetry-instrument")


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    with run_far_end() as server:
        yield server


@pytest.fixture
def start_service(tmp_path: Path, far_end: FarEnd) -> Iterator[StartService]:
    """Start a script in its own process; by default under opentelemetry-instrument."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *, is_auto: bool = True, **variables: str | None) -> subprocess.Popen[str]:
        script = tmp_path / "service.py"
        script.write_text(textwrap.dedent(code))
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OTEL_", "SEAMWATCH_", "PYTHON", "COV_"))
        }
        settings = {
            "OTEL_TRACES_EXPORTER": "seamwatch",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_EXPORTER_OTLP_ENDPOINT": far_end.url,
            "OTEL_SERVICE_NAME": "tiny",
            "PYTHONUNBUFFERED": "1",
        }
        environ = {**inherited, **settings, **variables}  # None: unset
        command = [sys.executable, str(script)]
        process = subprocess.Popen(
            [str(AUTO), *command] if is_auto else command,
            env={name: value for name, value in environ.items() if value is not None},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def run_service(start_service: StartService) -> RunService:
    """Run a script to its end."""

    def run(code: str, **options: Any) -> subprocess.CompletedProcess[str]:
        process = start_service(code, **options)
        stdout, stderr = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    return run
