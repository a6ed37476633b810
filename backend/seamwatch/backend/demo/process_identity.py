"""Tells a process from a later one with the same number."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

__all__ = ["ProcessIdentity"]

_START_FIELD = 19  # of /proc/<pid>/stat after the name: field 22, starttime
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, kw_only=True)
class ProcessIdentity:
    """A process number with the moment its process began, in the words of the kernel."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Of the process that has this number now; None where there is none (a zombie is none)."""
        started = _started(pid)
        return None if started is None else cls(pid=pid, started=started)

    @property
    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return _started(self.pid) == self.started

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this very process; does nothing when it is gone.

        Raises:
            PermissionError: It is another user's.
        """
        try:
            if self.is_alive:
                os.kill(self.pid, number)
        except ProcessLookupError:
            pass


def _started(pid: int) -> str | None:
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace")
            boot = _BOOT_ID.read_text("ascii").strip()
        except OSError:
            return None
        state, *rest = stat.rpartition(")")[2].split()  # the name may hold spaces and brackets
        return None if state in "ZX" else f"{boot}:{rest[_START_FIELD - 1]}"
    command = ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()  # noqa: S603
    return " ".join(answer[1:]) if answer and not answer[0].startswith("Z") else None
