"""The demo's backend: `seamwatch serve` in a process of its own, over the demo's state folder."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from seamwatch.backend.demo.process_group import ProcessGroup
from seamwatch.backend.serve import ServerConfig
from seamwatch.core import ConfigurationError, SeamwatchError, UnavailableError

__all__ = ["BACKEND", "BackendAddresses", "backend_environment", "start_backend"]

BACKEND = "backend"
_START_S = 120.0
_POLL_S = 0.1
_DROPPED = ("SEAMWATCH_DATABASE_URL", "SEAMWATCH_STATE_DIR")


@dataclass(frozen=True, kw_only=True)
class BackendAddresses:
    """What the ready line of ``serve --json`` says.

    Attributes:
        otlp_grpc: ``host:port``.
        otlp_http: URL.
        admin: URL of the API and the pages.
        admin_token_file: Where the admin token is.
    """

    otlp_grpc: str
    otlp_http: str
    admin: str
    admin_token_file: Path

    @classmethod
    def from_ready_line(cls, line: bytes) -> Self:
        """Read the line."""
        ready = json.loads(line)
        if ready["admin_token_file"] is None:
            raise ConfigurationError(
                "--state-dir: the first admin token of this demo was revoked: use another folder"
            )
        return cls(
            otlp_grpc=ready["otlp_grpc"],
            otlp_http=ready["otlp_http"],
            admin=ready["admin"],
            admin_token_file=Path(ready["admin_token_file"]),
        )


def backend_environment(state_dir: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The user's settings, but a database of the demo's own that keeps two days.

    Raises:
        ConfigurationError: A setting cannot be used, or opens the receivers beyond this machine.
    """
    own = {key: text for key, text in environ.items() if key not in _DROPPED}
    own = {
        "SEAMWATCH_RETENTION_DAYS": "2",
        "SEAMWATCH_DRAIN_S": "2",  # Ctrl-C ends all of it within 10 s
        **own,
        "SEAMWATCH_STATE_DIR": str(state_dir),
        "PYTHONUNBUFFERED": "1",
    }
    if not ServerConfig.from_environment(own).is_loopback_only:
        raise ConfigurationError(
            "SEAMWATCH_OTLP_GRPC_ENDPOINT, SEAMWATCH_OTLP_HTTP_ENDPOINT: the demo's receivers listen on loopback only"
        )
    return own


def start_backend(
    group: ProcessGroup,
    environment: Mapping[str, str],
    *,
    is_any_port_fine: bool,
    is_stopping: Callable[[], bool],
    progress: Callable[[str], None],
) -> BackendAddresses | None:
    """Start it and wait until it is ready; None when the demo is to stop before that.

    Raises:
        ConfigurationError: It refuses a setting or a port; with its own words.
        UnavailableError: It does not become ready; with the end of its log.
    """
    command = [sys.executable, "-m", "seamwatch.backend.cli", "serve", "--json"]
    if is_any_port_fine:
        command.append("--auto-ports")
    child = group.start(BACKEND, command, environment, has_output=True)
    assert child.stdout is not None  # noqa: S101 - has_output
    give_up_at = time.monotonic() + _START_S
    with group.log_path(BACKEND).open("rb") as log:
        while not select.select([child.stdout], [], [], _POLL_S)[0]:
            _pass_on(log, progress)
            if is_stopping():
                return None
            if time.monotonic() >= give_up_at:
                raise UnavailableError(
                    f"the backend is not ready after {_START_S:g} s{_tail(group)}"
                )
        _pass_on(log, progress)
    line = child.stdout.readline()
    if line:
        return BackendAddresses.from_ready_line(line)
    code = child.wait()
    if is_stopping():
        return None
    raise _error(code, group)


def _pass_on(log: BinaryIO, progress: Callable[[str], None]) -> None:
    """What the backend says about its start."""
    for line in log.readlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry.get("logger") == "seamwatch.serve":
            progress(f"  {entry['message']}")


def _error(code: int, group: ProcessGroup) -> SeamwatchError:
    """Why it ended; it says so itself in its last line."""
    if code == 2:
        lines = group.log_path(BACKEND).read_text("utf-8", errors="replace").splitlines()
        return ConfigurationError(lines[-1].removeprefix("seamwatch: ") if lines else "no output")
    return UnavailableError(f"the backend ended with exit code {code}{_tail(group)}")


def _tail(group: ProcessGroup) -> str:
    """Where its log is, with the last line."""
    path = group.log_path(BACKEND)
    lines = path.read_text("utf-8", errors="replace").splitlines()
    return "; ".join([f", see {path}", *lines[-1:]])
