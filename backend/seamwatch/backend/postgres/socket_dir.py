"""The folder of the Unix socket: in the cluster's home, or a short path where that is too long."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from seamwatch.backend.postgres.unprivileged import Account
from seamwatch.core.errors import ConfigurationError

__all__ = ["PORT", "make_socket_dir"]

PORT = 5432  # only the socket's name: nothing listens on TCP

# sockaddr_un holds 107 bytes on Linux, 103 on macOS, of the path with "/.s.PGSQL.5432".
_MAX_PATH_BYTES = 100
_SHORT_ROOTS = (Path("/tmp"),)  # noqa: S108 (a 0700 folder of our own, checked below)


def make_socket_dir(home: Path, account: Account, *, roots: Sequence[Path] = _SHORT_ROOTS) -> Path:
    """Make the folder, 0700 and owned by the user who runs PostgreSQL; always the same for a home.

    Raises:
        ConfigurationError: The path is too long and no short folder could be made safely.
    """
    folder = home / "socket"
    if _fits(folder):
        _ensure_private(folder, account)
        return folder
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    for root in roots:
        folder = root / f"seamwatch-{digest}"
        try:
            _ensure_private(folder, account)
        except OSError:
            continue
        if _fits(folder) and _is_private(folder, account):
            return folder
    raise ConfigurationError(
        f"SEAMWATCH_STATE_DIR: {home} is too long for a Unix socket ({_MAX_PATH_BYTES} bytes) and "
        f"{folder} cannot be used instead: choose a shorter path, or remove that folder"
    )


def _fits(folder: Path) -> bool:
    text = os.fsencode(folder)
    # libpq reads a comma in a host as a list of hosts.
    return len(text) + len(f"/.s.PGSQL.{PORT}") <= _MAX_PATH_BYTES and b"," not in text


def _ensure_private(folder: Path, account: Account) -> None:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return
    account.give(folder)


def _is_private(folder: Path, account: Account) -> bool:
    """Whether an existing folder of a shared root is really ours, not laid out by another user."""
    status = folder.lstat()
    return (
        stat.S_ISDIR(status.st_mode)
        and status.st_uid == account.uid
        and stat.S_IMODE(status.st_mode) == 0o700
    )
