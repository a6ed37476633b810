"""Killed at random moments under load, the backend loses nothing that it acknowledged and doubles nothing."""

from __future__ import annotations

import functools
import os
import random
import re
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.support.backend_process import BackendProcess
from tests.support.otlp import simple_request
from tests.support.polling import wait_for
from tests.support.senders import LoadThread

SPANS = 256
KILLS = int(os.environ.get("SEAMWATCH_TEST_KILLS", "20"))
DATABASE_KILLS = int(os.environ.get("SEAMWATCH_TEST_DATABASE_KILLS", "5"))
READY_S = 2.0
RESUME_S = 5.0
NOW_NS = time.time_ns()


MARKER = b"\xf7\xa9\xd1\x8e\xc3"  # in every id of a template, replaced per request


@functools.cache
def template(sender: int) -> bytes:
    """A request of one sender whose ids all begin with `MARKER`; every eighth span failed."""
    request = simple_request(
        count=SPANS, start_ns=NOW_NS, failed=SPANS // 8, service=f"sender-{sender}"
    )
    for index, span in enumerate(request.resource_spans[0].scope_spans[0].spans):
        span.trace_id = MARKER + bytes([sender]) + index.to_bytes(10, "big")
        span.span_id = MARKER + index.to_bytes(3, "big")
    return request.SerializeToString()


def body(sender: int, number: int) -> bytes:
    """A request whose spans nobody else sends."""
    return template(sender).replace(MARKER, bytes([sender]) + (number + 1).to_bytes(4, "big"))


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[BackendProcess]:
    process = BackendProcess(tmp_path / "state")
    process.start()
    yield process
    process.close()


@pytest.fixture
def senders(backend: BackendProcess) -> list[LoadThread]:
    made = [LoadThread(index, body, grpc_endpoint=backend.grpc) for index in range(2)]
    made += [LoadThread(index, body, http_port=backend.http_port) for index in range(2, 4)]
    for sender in made:
        sender.start()
    return made


def acknowledged(senders: list[LoadThread]) -> int:
    return sum(len(sender.acknowledged) for sender in senders)


def assert_nothing_lost_or_doubled(backend: BackendProcess, senders: list[LoadThread]) -> None:
    for sender in senders:
        sender.finish()
    assert [sender.fatal for sender in senders] == [[]] * len(senders)
    sent = acknowledged(senders) * SPANS
    with psycopg.connect(backend.conninfo()) as connection:
        rows, distinct = connection.execute(
            "SELECT count(*), count(DISTINCT (trace_id, span_id)) FROM seamwatch.span"
        ).fetchone() or (0, 0)
        counted = connection.execute(
            "SELECT service_name, sum(span_count), sum(error_count) FROM seamwatch.span_rollup GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert (rows, distinct) == (sent, sent)
    assert counted == [
        (f"sender-{index}", len(sender.acknowledged) * SPANS, len(sender.acknowledged) * SPANS // 8)
        for index, sender in enumerate(senders)
    ]


def test_kill_9_of_the_server_under_load_loses_and_doubles_nothing(
    backend: BackendProcess, senders: list[LoadThread]
) -> None:
    source = random.Random(os.environ.get("SEAMWATCH_TEST_SEED", "1"))
    ready_s = []
    for _ in range(KILLS):
        wanted = acknowledged(senders) + source.randrange(1, 60)
        wait_for(lambda wanted=wanted: acknowledged(senders) >= wanted, "the load goes on")
        backend.kill()
        ready_s.append(backend.start())

    assert_nothing_lost_or_doubled(backend, senders)
    print(
        f"kills {KILLS}, acknowledged spans {acknowledged(senders) * SPANS}, lost 0, doubled 0, "
        f"ready after {min(ready_s):.2f}-{max(ready_s):.2f} s, retries {sum(s.retries for s in senders)}"
    )
    assert sorted(ready_s)[len(ready_s) // 2] <= READY_S


def postmaster(backend: BackendProcess) -> int:
    """The pid of the embedded server that the backend runs."""

    def find() -> int:
        found = [path for path in Path("/proc").glob("[0-9]*/stat") if _is_child(path, backend.pid)]
        return int(found[0].parent.name) if found else 0

    return wait_for(find, "the embedded postmaster runs")


def _is_child(stat: Path, parent: int) -> bool:
    try:
        name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
        return name == "postgres" and int(rest.split()[1]) == parent
    except (OSError, ValueError):
        return False


def test_kill_9_of_the_database_under_load_loses_and_doubles_nothing(
    backend: BackendProcess, senders: list[LoadThread]
) -> None:
    resumed_s = []
    for _ in range(DATABASE_KILLS):
        wanted = acknowledged(senders) + 20
        wait_for(lambda wanted=wanted: acknowledged(senders) >= wanted, "the load goes on")
        killed_at = time.monotonic()
        os.kill(postmaster(backend), signal.SIGKILL)
        wait_for(
            lambda at=killed_at: any(
                sender.acknowledged_at and sender.acknowledged_at[-1] > at + 0.3
                for sender in senders
            ),
            "acknowledgements go on after the database was killed",
        )
        resumed_s.append(
            min(t for s in senders for t in s.acknowledged_at[-50:] if t > killed_at + 0.3)
            - killed_at
        )

    assert_nothing_lost_or_doubled(backend, senders)
    print(
        f"database kills {DATABASE_KILLS}, lost 0, doubled 0, resumed after {max(resumed_s):.2f} s at most"
    )
    assert max(resumed_s) <= RESUME_S
    assert restarts(backend) == DATABASE_KILLS


def restarts(backend: BackendProcess) -> int:
    """Restarts of the embedded database, from the backend's own metrics."""
    with urllib.request.urlopen(f"{backend.ready['admin']}/metrics", timeout=10) as answer:  # noqa: S310 - loopback
        text = answer.read().decode()
    found = re.search(r"^seamwatch_database_restarts (\d+)", text, re.MULTILINE)
    assert found is not None, text
    return int(found[1])


def test_sigterm_under_load_answers_what_it_read_and_exits_cleanly(
    backend: BackendProcess, senders: list[LoadThread]
) -> None:
    wait_for(lambda: acknowledged(senders) > 50, "the load runs")
    begin = time.monotonic()

    code = backend.stop()

    assert code == 0
    assert time.monotonic() - begin <= 10
    backend.start()
    assert_nothing_lost_or_doubled(backend, senders)
