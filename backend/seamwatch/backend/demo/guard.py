"""Ends the demo's processes when the demo itself is gone without having done so, even by kill -9.

Runs in a process of its own: ``python -m seamwatch.backend.demo.guard STATE_DIR CHILDREN_FD``. It leads the process
group that all children join, so its signals reach exactly them, also one that was started in the last instant.
Standard input is a pipe from the demo: a line ``done`` means that everything has ended, its end without that line
that the demo died. CHILDREN_FD is a pipe that only the demo and its children hold open: at its end none is left.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path

__all__ = ["GRACE_S", "main"]

GRACE_S = 10.0
"""How long the children may take to end by themselves."""


def main(state_dir: str, children_fd: int) -> int:
    """Wait for the demo's end; 0 when there was nothing to do, else 1."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if _read_to_end(sys.stdin.fileno()).endswith(b"done\n"):
        return 0
    os.killpg(0, signal.SIGTERM)
    if not select.select([children_fd], [], [], GRACE_S)[0]:
        _kill_children()
        select.select([children_fd], [], [], GRACE_S)
    _stop_database(Path(state_dir))
    return 1


def _read_to_end(descriptor: int) -> bytes:
    text = b""
    while part := os.read(descriptor, 64):
        text += part
    return text


def _kill_children() -> None:
    """SIGKILL for our group; we leave it before, because the database is still to be stopped."""
    group = os.getpgrp()
    keeper = (
        os.fork()
    )  # a group exists as long as it has a member, and joining needs one that exists
    if keeper == 0:
        signal.pause()
        os._exit(0)
    os.setpgid(keeper, keeper)
    os.setpgid(0, keeper)
    os.killpg(group, signal.SIGKILL)
    os.kill(keeper, signal.SIGKILL)
    os.waitpid(keeper, 0)


def _stop_database(state_dir: Path) -> None:
    """A backend that was killed leaves its PostgreSQL running."""
    from seamwatch.backend.postgres import PostgresConfig, open_postgres, running_conninfo

    config = PostgresConfig(database_url=None, state_dir=state_dir)
    if running_conninfo(config) is not None:
        open_postgres(config, progress=lambda line: None).stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
