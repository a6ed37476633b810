"""Durable ingest, measured whole: sender, server and PostgreSQL on this machine, beside plain COPY and Phoenix.

    python benchmarks/ingest.py                       # closed and open loop over gRPC and HTTP, 60 s each
    python benchmarks/ingest.py --seconds 600 --only grpc
    python benchmarks/ingest.py --phoenix /path/to/venv/bin/phoenix

Every run starts a fresh backend with its embedded database, counts the rows at the end, and fails where one that was
acknowledged is missing. Plain COPY writes the same rows, decoded before, into the same relation by one connection: the
most that PostgreSQL itself gives here.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.otlp_load import MARKER, Load, build_template, run_load
from tests.support.backend_process import BackendProcess, free_port

_TICKS = os.sysconf("SC_CLK_TCK")


def process_tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            children.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(
                int(stat.parent.name)
            )
        except (OSError, ValueError):
            continue
    found, todo = [], [pid]
    while todo:
        current = todo.pop()
        found.append(current)
        todo += children.get(current, [])
    return found


def cpu_s(pids: list[int]) -> float:
    """Processor seconds that processes have used so far."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        except OSError:
            continue
    return total / _TICKS


class Watch(threading.Thread):
    """Peak memory of one process, asked four times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._stop_asked, self.peak_mib = pid, threading.Event(), 0.0

    def run(self) -> None:
        while not self._stop_asked.wait(0.25):
            try:
                pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[1])
            except OSError:
                return
            self.peak_mib = max(self.peak_mib, pages * os.sysconf("SC_PAGE_SIZE") / 2**20)

    def stop(self) -> None:
        self._stop_asked.set()


@contextmanager
def backend() -> Iterator[BackendProcess]:
    """A fresh backend with an embedded database."""
    with tempfile.TemporaryDirectory(
        prefix="seamwatch-bench-", ignore_cleanup_errors=True
    ) as folder:
        process = BackendProcess(Path(folder) / "state")
        process.start()
        try:
            yield process
        finally:
            process.close()


def measure(process: BackendProcess, load: Load) -> dict[str, object]:
    """One load on one backend: the report, processor seconds of both sides, memory, and rows that are missing."""
    tree = process_tree(process.pid)
    database_pids = [pid for pid in tree if pid != process.pid]
    watch = Watch(process.pid)
    watch.start()
    before = cpu_s([process.pid])
    database_before = cpu_s(database_pids)
    counted_before = count(process)
    report = run_load(load)
    watch.stop()
    stored = count(process) - counted_before
    if stored != report.accepted_spans:
        raise SystemExit(f"LOST OR DOUBLED: {report.accepted_spans} acknowledged, {stored} stored")
    return {
        **asdict(report),
        "server_cpu_s": round(cpu_s([process.pid]) - before, 2),
        "postgres_cpu_s": round(cpu_s(database_pids) - database_before, 2),
        "server_peak_rss_mib": round(watch.peak_mib),
        "missing": 0,
    }


def count(process: BackendProcess) -> int:
    with psycopg.connect(process.conninfo()) as connection:
        row = connection.execute("SELECT count(*) FROM seamwatch.span").fetchone()
    return int(row[0]) if row else 0


def plain_copy(process: BackendProcess, seconds: float) -> dict[str, object]:
    """The same rows, decoded before, by binary COPY into the same relation: one connection, 2,048 rows a commit."""
    from seamwatch.backend.receiver.config import ReceiverConfig
    from seamwatch.backend.receiver.decode_traces import TimeRange, TraceDecoder
    from seamwatch.backend.storage.copy_format import HEADER, TRAILER
    from seamwatch.backend.storage.spans import SPAN_COLUMNS

    now = time.time_ns()
    decoder, times = TraceDecoder(ReceiverConfig()), TimeRange(now - 10**14, now + 10**14)
    templates = [
        b"".join(decoder.decode(build_template(512, seed, now), 1, times).rows) for seed in range(8)
    ]
    statement = f"COPY seamwatch.span ({', '.join(SPAN_COLUMNS)}) FROM STDIN (FORMAT BINARY)"
    rows, begin = 0, time.perf_counter()
    with psycopg.connect(process.conninfo(), autocommit=True) as connection:
        while time.perf_counter() - begin < seconds:
            with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
                copy.write(HEADER)
                for index in range(4):
                    identity = (2**39 + rows + index).to_bytes(5, "big")
                    copy.write(templates[index].replace(MARKER, identity))
                copy.write(TRAILER)
            rows += 2048
    took = time.perf_counter() - begin
    return {"rows_per_s": round(rows / took), "seconds": round(took, 1)}


def phoenix(command: str, seconds: float) -> dict[str, object]:
    """Phoenix with SQLite in a folder of its own, one sender over HTTP; what is in its table 5 s after the load."""
    port, grpc_port = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="phoenix-bench-", ignore_cleanup_errors=True) as folder:
        environment = {
            **os.environ,
            "PHOENIX_WORKING_DIR": folder,
            "PHOENIX_PORT": str(port),
            "PHOENIX_GRPC_PORT": str(grpc_port),
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_TELEMETRY_ENABLED": "false",
        }
        with (Path(folder) / "log").open("w") as log:
            process = subprocess.Popen([command, "serve"], env=environment, stdout=log, stderr=log)
        try:
            give_up_at = time.monotonic() + 120
            url = f"http://127.0.0.1:{port}/v1/traces"
            while time.monotonic() < give_up_at:
                report = run_load(
                    Load(endpoint=url, protocol="http", connections=1, seconds=0.2, batch=16)
                )
                if report.accepted_spans:
                    break
                time.sleep(1)
            import sqlite3

            def rows() -> int:
                with sqlite3.connect(f"file:{folder}/phoenix.db?mode=ro", uri=True) as connection:
                    return int(connection.execute("SELECT count(*) FROM spans").fetchone()[0])

            before = rows()
            begin = time.perf_counter()
            report = run_load(Load(endpoint=url, protocol="http", connections=2, seconds=seconds))
            persisted = rows() - before
            took = time.perf_counter() - begin
            return {
                "accepted_per_s": report.spans_per_s,
                "persisted_per_s": round(persisted / took),
                "acknowledged_not_persisted": report.accepted_spans - persisted,
                "p99_ms": report.p99_ms,
            }
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--only", choices=("grpc", "http"))
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--phoenix", help="its command; measured in the same run")
    parser.add_argument(
        "--floor", type=float, help="exit 1 where a closed loop stays below this many spans/s"
    )
    args = parser.parse_args()
    results: dict[str, object] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processors": os.cpu_count(),
        "load_average": os.getloadavg()[0],
    }
    slowest = float("inf")
    for protocol in (args.only,) if args.only else ("grpc", "http"):
        with backend() as process:
            endpoint = (
                process.grpc
                if protocol == "grpc"
                else f"http://127.0.0.1:{process.http_port}/v1/traces"
            )
            load = Load(
                endpoint=endpoint,
                protocol=protocol,
                connections=args.connections,
                seconds=args.seconds,
            )
            closed = measure(process, load)
            results[f"{protocol}_closed_loop"] = closed
            slowest = min(slowest, float(str(closed["spans_per_s"])))
            print(json.dumps({protocol: closed}), file=sys.stderr, flush=True)
            if args.floor is None:
                open_loop = Load(**{**vars(load), "rate": 20_000.0})
                results[f"{protocol}_open_loop_20k"] = measure(process, open_loop)
                results[f"{protocol}_plain_copy"] = plain_copy(process, min(args.seconds, 20))
    if args.phoenix:
        results["phoenix"] = phoenix(args.phoenix, min(args.seconds, 30))
    print(json.dumps(results, indent=2))
    return 1 if args.floor is not None and slowest < args.floor else 0


if __name__ == "__main__":
    sys.exit(main())
