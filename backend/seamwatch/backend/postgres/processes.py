"""Processes of one cluster: find them, wait for one, end those that a dead postmaster left."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from pathlib import Path

__all__ = ["ProcessWatch", "end_leftovers", "processes_of"]

_POLL_S = 0.02


class ProcessWatch:
    """Watches one process by pid, a child of ours or not; safe from several threads."""

    def __init__(self, pid: int, *, child: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self._child = child
        self._descriptor: int | None = None
        if hasattr(os, "pidfd_open"):
            try:  # a descriptor stays true when the number is given to another process
                self._descriptor = os.pidfd_open(pid)
            except OSError:
                self._descriptor = None

    def has_ended(self) -> bool:
        """Whether the process is gone; a child's exit status is collected."""
        return self.wait(0)

    def wait(self, timeout_s: float) -> bool:
        """Wait until the process ends; False when `timeout_s` passed first."""
        if self._descriptor is not None:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            ended = bool(poll.poll(max(0, int(timeout_s * 1000))))
            if ended and self._child is not None:
                self._child.wait()
            return ended
        deadline = time.monotonic() + timeout_s
        while not self._ended_by_pid():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def send(self, signal_number: signal.Signals) -> None:
        """Send a signal; does nothing when the process is gone."""
        try:
            if self._descriptor is not None:
                signal.pidfd_send_signal(self._descriptor, signal_number)
            elif not self._ended_by_pid():
                os.kill(self.pid, signal_number)
        except ProcessLookupError:
            pass

    def close(self) -> None:
        """Give the descriptor back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _ended_by_pid(self) -> bool:
        if self._child is not None:
            return self._child.poll() is not None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        return False


def processes_of(data_dir: Path, *, cluster_name: str) -> list[int]:
    """Pids of the postmaster and the backends that work in `data_dir`, nobody else's."""
    if Path("/proc/self/cwd").exists():
        return _by_working_folder(data_dir, cluster_name)
    return _by_command_line(data_dir, cluster_name)


def end_leftovers(data_dir: Path, *, cluster_name: str, grace_s: float = 1.0) -> None:
    """Wait for processes whose postmaster died, then kill those that stay.

    Backends notice the death by themselves unless they are busy; while one lives, a new postmaster
    refuses the shared memory. Killing one loses nothing: the new postmaster recovers from the WAL.
    """
    deadline = time.monotonic() + grace_s
    while pids := processes_of(data_dir, cluster_name=cluster_name):
        if time.monotonic() >= deadline:
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            if time.monotonic() >= deadline + 5.0:
                return  # in uninterruptible I/O: the new postmaster will say what it finds
        time.sleep(_POLL_S)


def _by_working_folder(data_dir: Path, cluster_name: str) -> list[int]:
    """Every process of PostgreSQL has the data directory as its working folder."""
    pids = []
    try:
        target = data_dir.stat()
    except OSError:
        return []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            # Not by path: another container's processes may show the same one.
            if not os.path.samestat(os.stat(f"/proc/{entry.name}/cwd"), target):
                continue
            program = Path(os.readlink(f"/proc/{entry.name}/exe")).name
        except PermissionError:
            if _is_ours_by_title(Path(entry.path), data_dir, cluster_name, target.st_uid):
                pids.append(int(entry.name))
            continue
        except OSError:  # gone, or a kernel thread
            continue
        if program.split(" ")[0] == "postgres":  # " (deleted)" follows after an upgrade
            pids.append(int(entry.name))
    return sorted(pids)


def _by_command_line(data_dir: Path, cluster_name: str) -> list[int]:
    """Where there is no /proc: the postmaster's arguments and the backends' titles."""
    command = ["/bin/ps", "-axww", "-o", "pid=,command="]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    pids = []
    for line in listing.stdout.splitlines():
        pid, _, title = line.strip().partition(" ")
        if _is_title_of(title, data_dir, cluster_name):
            pids.append(int(pid))
    return sorted(pids)


def _is_ours_by_title(process: Path, data_dir: Path, cluster_name: str, uid: int) -> bool:
    """Whether a process whose working folder we may not see is one of the cluster.

    Root in a container mostly lacks CAP_SYS_PTRACE, without which the kernel hides the folder of
    another user's process. Title and user can be the same in two containers: the control group not.
    """
    try:
        if process.stat().st_uid != uid:
            return False
        title = (process / "cmdline").read_bytes().replace(b"\0", b" ").strip()
        return (
            _is_title_of(os.fsdecode(title), data_dir, cluster_name)
            and (process / "cgroup").read_bytes() == Path("/proc/self/cgroup").read_bytes()
        )
    except OSError:
        return False


def _is_title_of(title: str, data_dir: Path, cluster_name: str) -> bool:
    """Whether `title` is that of the cluster's postmaster or of one of its backends."""
    is_postmaster = title.endswith(f"/postgres -D {data_dir}")
    return is_postmaster or title.startswith(f"postgres: {cluster_name}: ")
