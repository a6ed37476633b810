"""What importing the client costs a watched service."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys, time
before = time.process_time()
import seamwatch.client, seamwatch.exporters, seamwatch.semconv
print((time.process_time() - before) * 1000)
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


def run() -> tuple[float, set[str]]:
    result = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True
    )
    cpu_ms, modules = result.stdout.splitlines()
    return float(cpu_ms), set(modules.split())


def test_client_loads_no_heavy_library() -> None:
    assert run()[1] & {"numpy", "scipy", "grpc", "psycopg", "starlette", "requests"} == set()


def test_client_imports_in_at_most_150_ms_of_processor_time() -> None:
    run()  # warms the page cache

    assert min(run()[0] for _ in range(5)) <= 150.0
