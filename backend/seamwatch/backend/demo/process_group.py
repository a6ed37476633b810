"""The demo's processes: started together, watched, stopped in order; none outlives the demo."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from seamwatch.backend.demo.ownership import Ownership

__all__ = ["ProcessGroup"]

_POLL_S = 0.05
_MAX_LOG_BYTES = 4 << 20


class ProcessGroup:
    """Children in one process group, led by a guard that ends them when this process is killed.

    Args:
        state_dir: Folder of the demo; the children's output goes to ``logs/<name>.log`` in it.
        ownership: Held already; learns of every process, and its lock stays with the guard.
        is_urgent: Asked while waiting for an end: true means that nobody wants to wait any longer.
    """

    def __init__(
        self, state_dir: Path, ownership: Ownership, *, is_urgent: Callable[[], bool]
    ) -> None:
        self._log_dir = state_dir / "logs"
        self._log_dir.mkdir(exist_ok=True)
        self._ownership = ownership
        self._is_urgent = is_urgent
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._reported: set[str] = set()
        read_end, self._alive_fd = os.pipe()
        guard = [
            sys.executable,
            "-m",
            "seamwatch.backend.demo.guard",
            str(state_dir),
            str(read_end),
        ]
        with (self._log_dir / "guard.log").open("wb") as log:
            self._guard = subprocess.Popen(  # noqa: S603
                guard,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=(read_end, ownership.descriptor),
                process_group=0,
            )
        os.close(read_end)
        ownership.add("guard", self._guard.pid)

    @property
    def pids(self) -> dict[str, int]:
        """Name -> number of every process started."""
        return {name: child.pid for name, child in self._children.items()}

    def log_path(self, name: str) -> Path:
        """Where the output of a process goes."""
        return self._log_dir / f"{name}.log"

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        has_output: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start one process; `has_output`: its standard output is a pipe to us, not in the log."""
        self.log_path(name).write_bytes(b"")
        # Append mode, so that a log that `trim_logs` emptied goes on at its new end.
        with self.log_path(name).open("ab") as log:
            child = subprocess.Popen(  # noqa: S603
                list(command),
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if has_output else log,
                stderr=log,
                pass_fds=(self._alive_fd,),
                process_group=self._guard.pid,
            )
        self._children[name] = child
        self._ownership.add(name, child.pid)
        return child

    def newly_ended(self) -> dict[str, int]:
        """Name -> exit code of processes that ended since the last call; minus a signal's number."""
        ended = {
            name: code
            for name, child in self._children.items()
            if name not in self._reported and (code := child.poll()) is not None
        }
        self._reported.update(ended)
        return ended

    def trim_logs(self) -> None:
        """Empty logs that became long: a demo may run for days."""
        for name in self._children:
            with contextlib.suppress(FileNotFoundError):
                if self.log_path(name).stat().st_size > _MAX_LOG_BYTES:
                    os.truncate(self.log_path(name), 0)

    def stop(self, names: Iterable[str], *, timeout_s: float) -> bool:
        """SIGTERM, then SIGKILL after `timeout_s` or when it becomes urgent.

        Returns:
            Whether all ended by themselves.
        """
        stopping = [self._children[name] for name in names if name in self._children]
        self._reported.update(names)
        give_up_at = time.monotonic() + timeout_s
        for child in stopping:
            if child.poll() is None:
                child.terminate()
        while any(child.poll() is None for child in stopping):
            if time.monotonic() >= give_up_at or self._is_urgent():
                break
            time.sleep(_POLL_S)
        late = [child for child in stopping if child.poll() is None]
        for child in late:
            child.kill()
        for child in stopping:
            child.wait()
        return not late

    def close(self) -> None:
        """Kill what still runs and let the guard go."""
        self.stop(list(self._children), timeout_s=0)
        for child in self._children.values():
            if child.stdout is not None:
                child.stdout.close()
        os.close(self._alive_fd)
        if self._guard.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # somebody ended the guard
                self._guard.stdin.write(b"done\n")
                self._guard.stdin.flush()
            with contextlib.suppress(BrokenPipeError):
                self._guard.stdin.close()
        self._guard.wait()
