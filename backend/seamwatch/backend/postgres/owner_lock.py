"""One owner of a state folder at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from seamwatch.core.errors import ConfigurationError, UnavailableError

__all__ = ["OwnerLock"]


class OwnerLock:
    """An flock on a file that names its holder; the kernel frees it when the holder dies.

    A process forked by the holder inherits the lock with the open file: such a child must not
    outlive its parent for long (start workers with `subprocess` or spawn, which close the file).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock at once.

        Raises:
            UnavailableError: Another process holds it; the message names its pid.
            ConfigurationError: This user may not write the folder.
        """
        try:
            # No link: as root we would write our pid over whatever the folder's owner made it name.
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(self._path, flags, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"SEAMWATCH_STATE_DIR: cannot write {self._path}: {error.strerror}; run as the "
                "user who owns that folder, or choose another"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise UnavailableError(
                f"{self._path.parent} is in use by process {holder}: stop that process, set "
                "SEAMWATCH_STATE_DIR to another folder, or set SEAMWATCH_DATABASE_URL",
                retry_after_s=1.0,
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; does nothing when it is not held."""
        if self._descriptor is not None:
            # The file stays: removing it would let two processes lock two files of one name.
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None
