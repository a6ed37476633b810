"""A real `seamwatch serve` in a process of its own, on free ports, that tests may kill."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.support.polling import wait_for

__all__ = ["BackendProcess", "free_port"]


def free_port() -> int:
    """A TCP port of loopback that is free now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class BackendProcess:
    """Starts, kills and restarts one backend over one state folder and the same three ports."""

    def __init__(self, state_dir: Path, **environment: str) -> None:
        self.state_dir = state_dir
        self.grpc = f"127.0.0.1:{free_port()}"
        self.http_port = free_port()
        self.admin_port = free_port()
        self.environment = {
            **{
                key: value
                for key, value in os.environ.items()
                if not key.startswith(("SEAMWATCH_", "OTEL_"))
            },
            "SEAMWATCH_STATE_DIR": str(state_dir),
            "SEAMWATCH_OTLP_GRPC_ENDPOINT": self.grpc,
            "SEAMWATCH_OTLP_HTTP_ENDPOINT": f"127.0.0.1:{self.http_port}",
            "SEAMWATCH_ADMIN_ENDPOINT": f"127.0.0.1:{self.admin_port}",
            "SEAMWATCH_RETENTION_DAYS": "2",
            **environment,
        }
        self._log = (state_dir.parent / f"{state_dir.name}.log").open("a")
        self.process: subprocess.Popen[str] | None = None
        self.ready: dict[str, Any] = {}

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> float:
        """Start it and return the seconds until its ready line."""
        begin = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "seamwatch.backend.cli", "serve", "--json"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        took = time.monotonic() - begin
        assert line, f"the backend did not start:\n{self.log()[-4000:]}"
        self.ready = json.loads(line)
        assert self.ready["ready"] is True
        return took

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        assert self.process is not None
        self.process.kill()
        self._reap()

    def stop(self, timeout_s: float = 30.0) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout_s)
        self._reap()
        return code

    def close(self) -> None:
        """End it however it is, with its database."""
        if self.process is not None and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
        self._log.close()
        from seamwatch.backend.postgres import PostgresConfig, remove_cluster

        if "SEAMWATCH_DATABASE_URL" not in self.environment:
            remove_cluster(PostgresConfig(database_url=None, state_dir=self.state_dir))

    def log(self) -> str:
        """All that the process wrote to standard error so far."""
        self._log.flush()
        return Path(self._log.name).read_text()

    def conninfo(self) -> str:
        """The embedded database, for counting rows while the backend runs."""
        from seamwatch.backend.postgres import PostgresConfig, running_conninfo

        config = PostgresConfig(database_url=None, state_dir=self.state_dir)
        return wait_for(lambda: running_conninfo(config), "the embedded database answers")

    def admin_token(self) -> str:
        """The first admin token."""
        return Path(self.ready["admin_token_file"]).read_text().strip()

    def rss_bytes(self) -> int:
        """Resident memory of the backend process, without PostgreSQL."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(
            int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS")
        )

    def _reap(self) -> None:
        assert self.process is not None
        self.process.wait(30)
        if self.process.stdout is not None:
            self.process.stdout.close()
