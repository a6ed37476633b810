"""`seamwatch demo` as a user runs it: traces over several services, a kill that shows, an end without leftovers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from tests.support.polling import wait_for

from seamwatch.backend.demo.stop_request import SAME_WISH_S
from seamwatch.backend.postgres import PostgresConfig, running_conninfo

SERVICES = {"storefront", "checkout", "payments", "inventory", "notifier"}
STOP_S = 10.0


class DemoProcess:
    """One `seamwatch demo --json` on free ports."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self._log_path = state_dir.parent / "demo.err"
        environment = {
            key: text
            for key, text in os.environ.items()
            if not key.startswith(("SEAMWATCH_", "OTEL_"))
        }
        for name in ("OTLP_GRPC", "OTLP_HTTP", "ADMIN"):
            environment[f"SEAMWATCH_{name}_ENDPOINT"] = "127.0.0.1:0"
        command = [sys.executable, "-m", "seamwatch.backend.cli", "demo", "--json", "--state-dir"]
        with self._log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, str(state_dir)], env=environment, stdout=subprocess.PIPE, stderr=log
            )
        self.ready: dict[str, Any] = {}

    @property
    def pids(self) -> dict[str, int]:
        return dict(self.ready["pids"])

    def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log()
        self.ready = json.loads(line)

    def get(self, path: str) -> Any:
        token = Path(self.ready["admin_token_file"]).read_text().strip()
        answer = httpx.get(
            f"{self.ready['url']}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=10
        )
        answer.raise_for_status()
        return answer.json()

    def log(self) -> str:
        return self._log_path.read_text()

    def mentions(self) -> list[int]:
        """Living processes that name the state folder in their command line or environment, or work in it."""
        mark = os.fsencode(self.state_dir)
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                work = os.fsencode(os.readlink(entry / "cwd"))
            except OSError:
                continue
            if mark in text or mark in work:
                found.append(int(entry.name))
        return found

    def stop(self, timeout_s: float = 30.0) -> int:
        """Ctrl-C."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(timeout_s)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


@pytest.fixture
def start_demo(tmp_path: Path) -> Iterator[Callable[[], DemoProcess]]:
    started: list[DemoProcess] = []

    def start() -> DemoProcess:
        demo = DemoProcess(tmp_path / "a demo")
        started.append(demo)
        demo.wait_until_ready()
        return demo

    yield start
    for demo in started:
        demo.stop()


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def living(demo: DemoProcess) -> list[int]:
    return [
        pid for pid in {demo.process.pid, *demo.pids.values()} if is_alive(pid)
    ] + demo.mentions()


def states(demo: DemoProcess) -> dict[str, str]:
    items = demo.get("/api/apm/verdicts")["items"]
    return {item["subject"]: item["state"] for item in items if item["until"] is None}


def trace_over_all_services(demo: DemoProcess) -> list[dict[str, Any]] | None:
    """Spans of a finished order, once one was stored whole."""
    for item in demo.get("/api/apm/traces?service=notifier&limit=20")["items"]:
        spans = demo.get(f"/api/apm/traces/{item['trace_id']}")["spans"]
        if {span["service_name"] for span in spans} == SERVICES:
            return list(spans)
    return None


def is_one_tree(spans: list[dict[str, Any]]) -> bool:
    """Whether exactly one span has no parent among the others; spans of a trace arrive apart."""
    ids = {span["span_id"] for span in spans}
    return [span["parent_span_id"] in ids for span in spans].count(False) == 1


def test_demo_shows_live_services_and_the_kill_of_one_within_ten_seconds(
    start_demo: Callable[[], DemoProcess],
) -> None:
    demo = start_demo()

    def dashboard() -> dict[str, dict[str, Any]]:
        services = demo.get("/api/apm/dashboard?window=15m")["services"]
        return {service["service_name"]: service for service in services}

    wait_for(lambda: set(dashboard()) == SERVICES, "all services are on the dashboard")
    wait_for(
        lambda: is_one_tree(trace_over_all_services(demo) or []), "a whole trace over all services"
    )
    wait_for(lambda: set(states(demo).values()) == {"healthy"}, "all services are healthy")
    seen: set[int] = set()

    def has_rhythm() -> bool:
        """Often enough seen to send, so that its silence can be told from a pause."""
        seen.add(dashboard()["payments"]["request_count"])
        return len(seen) >= 12

    wait_for(has_rhythm, "payments has a rhythm", 60)

    os.kill(demo.pids["payments"], signal.SIGKILL)

    began = time.monotonic()
    wait_for(lambda: dashboard()["checkout"]["error_ratio"] > 0, "its caller fails", 10.0)
    assert time.monotonic() - began <= 10.0
    # Silence is judged by a service's usual gap, which a loaded machine makes longer.
    wait_for(lambda: states(demo)["payments"] == "silent", "it is judged silent", 30.0)
    assert "payments ended with signal 9" in wait_for(demo.log, "the demo says so")
    assert is_alive(demo.pids["payments"]) is False


def test_ctrl_c_ends_every_process_within_ten_seconds(
    start_demo: Callable[[], DemoProcess],
) -> None:
    demo = start_demo()
    before = living(demo)

    began = time.monotonic()
    code = demo.stop()

    assert time.monotonic() - began <= STOP_S
    assert code == 0
    assert len(before) >= len(SERVICES) + 3  # with the demo, the backend and the visitors
    assert living(demo) == []
    assert not (demo.state_dir / "demo.json").exists()


def test_a_second_ctrl_c_does_not_wait_and_leaves_nothing_either(
    start_demo: Callable[[], DemoProcess],
) -> None:
    demo = start_demo()
    os.kill(demo.pids["payments"], signal.SIGSTOP)  # would delay a patient end

    demo.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 2 * SAME_WISH_S, "it is another Ctrl-C")
    demo.stop()

    assert time.monotonic() - began <= 4.0
    assert living(demo) == []


def test_kill_9_of_the_demo_ends_its_services_and_its_database(
    start_demo: Callable[[], DemoProcess],
) -> None:
    demo = start_demo()

    demo.process.kill()
    demo.process.wait()

    wait_for(lambda: living(demo) == [], "nothing is left", 15.0)


def test_demo_ends_with_its_backend_and_leaves_nothing(
    start_demo: Callable[[], DemoProcess],
) -> None:
    demo = start_demo()

    os.kill(demo.pids["backend"], signal.SIGKILL)

    assert demo.process.wait(STOP_S) == 1
    assert "the backend ended with signal 9" in demo.log()
    assert living(demo) == []


def test_ctrl_c_before_it_is_ready_leaves_nothing(tmp_path: Path) -> None:
    demo = DemoProcess(tmp_path / "a demo")
    wait_for(lambda: "making a database" in demo.log(), "it has begun")

    began = time.monotonic()
    code = demo.stop()

    assert time.monotonic() - began <= STOP_S
    assert code == 0
    assert demo.mentions() == []


def test_a_running_demo_is_replaced_with_what_it_stored(
    start_demo: Callable[[], DemoProcess],
) -> None:
    first = start_demo()
    wait_for(lambda: first.get("/api/apm/services")["items"], "it has stored something")

    second = start_demo()

    assert first.process.wait(10) == 0
    assert set(first.pids.values()) & set(second.pids.values()) == set()
    assert [pid for pid in first.pids.values() if is_alive(pid)] == []
    assert "ending the demo that runs here already" in second.log()
    config = PostgresConfig(database_url=None, state_dir=second.state_dir)
    with psycopg.connect(running_conninfo(config) or "") as connection:
        row = connection.execute("SELECT count(*) FROM seamwatch.span").fetchone()
    assert row is not None
    assert row[0] > 0


def test_sign_in_link_opens_a_page_once(start_demo: Callable[[], DemoProcess]) -> None:
    demo = start_demo()
    wait_for(lambda: demo.get("/api/apm/services")["items"], "there is something to see")
    link = httpx.URL(demo.ready["sign_in_link"])
    code = link.params["code"]
    address = str(link.copy_with(query=None))

    with httpx.Client() as browser:
        landing = browser.get(link)
        used = browser.post(address, data={"code": code})
        # Browsers send a Secure cookie to loopback; httpx does not.
        cookie = used.headers["set-cookie"].split(";")[0]
        overview = browser.get(demo.ready["url"], headers={"Cookie": cookie})
        again = httpx.post(address, data={"code": code})

    assert landing.status_code == 200
    assert used.status_code == 303
    assert overview.status_code == 200
    assert "storefront" in overview.text
    assert again.status_code == 401
