"""One demo per state folder: a second one ends the first and takes its place.

The lock is held by the demo and by its guard, so it is free only when every process of the demo has ended. The
record beside it names the processes, each with its start time, for the case that lock holders were killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from seamwatch.backend.demo.process_identity import ProcessIdentity
from seamwatch.core import ConfigurationError, UnavailableError

__all__ = ["Ownership"]

_CLEAN_S = 15.0  # a demo ends within 10 s
_KILLED_S = 20.0  # its guard gives the backend 10 s
_POLL_S = 0.05


class Ownership:
    """The lock and the record of one state folder; not for several threads."""

    def __init__(self, state_dir: Path) -> None:
        self._lock_path = state_dir / "demo.lock"
        self._record_path = state_dir / "demo.json"
        self._record: dict[str, ProcessIdentity] = {}
        self._descriptor: int | None = None
        self._is_held = False

    @property
    def descriptor(self) -> int:
        """Of the lock, for the guard to inherit."""
        if self._descriptor is None:
            raise ValueError("the lock is not held")
        return self._descriptor

    def take(self, progress: Callable[[str], None]) -> None:
        """Take the state folder, from a running demo if there is one.

        Raises:
            ConfigurationError: The folder belongs to another user.
            UnavailableError: The demo that has it does not end.
        """
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(self._lock_path, flags, 0o600)
            if not self._is_free():
                self._replace(progress)
            self._is_held = True
            self._end(self._read().values())
        except PermissionError as error:
            raise ConfigurationError(
                f"--state-dir: {self._lock_path.parent} belongs to another user's demo: choose another folder"
            ) from error
        self.add("demo", os.getpid())

    def add(self, name: str, pid: int) -> None:
        """Note one more process of ours."""
        identity = ProcessIdentity.of(pid)
        if identity is not None:
            self._record[name] = identity
            self._write()

    def release(self) -> None:
        """Give the folder back after everything has ended; safe to call when it was never taken."""
        if self._is_held:
            self._record_path.unlink(missing_ok=True)
            self._is_held = False
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _is_free(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _replace(self, progress: Callable[[str], None]) -> None:
        """End the demo that runs, first as Ctrl-C would, then for sure; its guard does the rest."""
        demo = self._read().get("demo")
        if demo is not None and demo.is_alive:
            progress(f"ending the demo that runs here already (process {demo.pid})")
            demo.send(signal.SIGTERM)
        if self._wait(_CLEAN_S, self._is_free):
            return
        if demo is not None:
            demo.send(signal.SIGKILL)
            if self._wait(_KILLED_S, self._is_free):
                return
        raise UnavailableError(
            f"{self._lock_path.parent} is used by another demo that does not end: end it, or use "
            "--state-dir with another folder"
        )

    def _end(self, identities: Iterable[ProcessIdentity]) -> None:
        """End what a killed demo and a killed guard left."""
        left = [identity for identity in identities if identity.is_alive]
        for number, timeout_s in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            for identity in left:
                identity.send(number)
            if self._wait(timeout_s, lambda: not any(identity.is_alive for identity in left)):
                return

    def _wait(self, timeout_s: float, condition: Callable[[], bool]) -> bool:
        give_up_at = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() >= give_up_at:
                return False
            time.sleep(_POLL_S)
        return True

    def _read(self) -> dict[str, ProcessIdentity]:
        try:
            entries = json.loads(self._record_path.read_text("utf-8"))
            return {name: ProcessIdentity(**entry) for name, entry in entries.items()}
        except (FileNotFoundError, ValueError, TypeError, AttributeError):
            return {}  # none, or cut short by a full disk: the lock alone decides then

    def _write(self) -> None:
        unfinished = self._record_path.with_suffix(".tmp")
        entries = {
            name: {"pid": identity.pid, "started": identity.started}
            for name, identity in self._record.items()
        }
        unfinished.write_text(json.dumps(entries, indent=2) + "\n", "utf-8")
        unfinished.replace(self._record_path)
