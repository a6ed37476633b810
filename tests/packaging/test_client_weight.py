"""What `pip install seamwatch` alone brings into a watched service: size, import time, libraries."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CLIENT_MEBIBYTES = 16
IMPORT_MS = 150
CLIENT = "seamwatch.client, seamwatch.exporters, seamwatch.semconv, seamwatch.core"


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder holding the wheel and what it depends on, without any extra."""
    target = tmp_path_factory.mktemp("client") / "site-packages"
    result = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check",
         "--prefer-binary", "--target", str(target), str(wheel)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return target


def run_client(installed: Path, code: str) -> str:
    """Run code in an interpreter that sees the standard library and the installed client only."""
    result = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.append({str(installed)!r}); {code}",
        ],
        capture_output=True,
        text=True,
        check=False,
        env={
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OTEL_", "SEAMWATCH_"))
        },
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_client_takes_at_most_sixteen_mebibytes(installed: Path) -> None:
    size = sum(path.stat().st_size for path in installed.rglob("*") if path.is_file())

    assert size <= CLIENT_MEBIBYTES * 2**20, f"{size / 2**20:.1f} MiB"


def test_client_imports_in_at_most_150_ms(installed: Path) -> None:
    code = f"import time; t = time.perf_counter(); import {CLIENT}; print((time.perf_counter() - t) * 1000)"
    run_client(installed, code)  # the files are in the page cache from here on

    best_ms = min(float(run_client(installed, code)) for _ in range(7))

    assert best_ms <= IMPORT_MS


def test_client_runs_without_any_extra(installed: Path) -> None:
    code = f"import {CLIENT}; print(sorted({{n.split('.')[0] for n in sys.modules}} & {{'numpy', 'scipy', 'grpc', 'psycopg', 'starlette', 'jinja2', 'msgspec'}}))"

    assert run_client(installed, code) == "[]"


def test_client_imports_start_no_thread_and_open_no_socket(installed: Path) -> None:
    code = (
        f"import threading, socket; opened = []; sys.addaudithook(lambda e, a: e == 'socket.__new__' and opened.append(e));"
        f"import {CLIENT}; print(threading.active_count(), len(opened))"
    )

    assert run_client(installed, code) == "1 0"
