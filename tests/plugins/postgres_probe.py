"""Looks at an embedded PostgreSQL from outside: its processes, its files, its answers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from seamwatch.backend.postgres import PostgresConfig

__all__ = ["answers", "ask", "data_dir", "owner_process", "processes_in", "quiet", "wait_until"]

OWNER = """
import sys, time
from pathlib import Path
import psycopg
from seamwatch.backend.postgres import PostgresConfig, open_postgres
with open_postgres(PostgresConfig(state_dir=Path(sys.argv[1]))) as server:
    with psycopg.connect(server.conninfo) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
    idle = psycopg.connect(server.conninfo)
    print(server.postmaster_pid, idle.info.backend_pid, flush=True)
    time.sleep(600)
"""


def quiet(line: str) -> None:
    pass


def ask(conninfo: str, query: str) -> str:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(query).fetchone()  # type: ignore[call-overload]
    assert row is not None
    return str(row[0])


def wait_until(claim: Callable[[], bool], *, within_s: float) -> float:
    begin = time.monotonic()
    while not claim():
        assert time.monotonic() - begin < within_s, "the deadline passed"
        time.sleep(0.02)
    return time.monotonic() - begin


def answers(conninfo: str) -> bool:
    try:
        return ask(conninfo, "SELECT 1") == "1"
    except psycopg.OperationalError:
        return False


def processes_in(data_dir: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd") == str(data_dir.resolve()):
                found.append(entry.name)
        except OSError:
            continue
    return found


def data_dir(config: PostgresConfig) -> Path:
    return config.state_dir / "postgres" / "data"


@contextmanager
def owner_process(config: PostgresConfig) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """A Python process that owns the cluster, its postmaster's pid and an idle backend's."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(config.state_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert owner.stdout is not None
    try:
        postmaster, backend = map(int, owner.stdout.readline().split())
        yield owner, postmaster, backend
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()
