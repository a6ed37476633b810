"""The user that runs PostgreSQL: ourselves, or as root an unprivileged account that exists already."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from seamwatch.core.errors import ConfigurationError

__all__ = ["Account", "choose_account", "safe_environment"]

_DATABASE_URL_REMEDY = "or set SEAMWATCH_DATABASE_URL to a server that runs elsewhere"


class ProcessUser(TypedDict, total=False):
    """The arguments of `subprocess.Popen` that change the user; empty: ours."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user of this machine under which PostgreSQL's programs run."""

    name: str
    uid: int
    gid: int
    is_switched: bool  # we are root and change to this user

    def popen_options(self) -> ProcessUser:
        """Arguments of `subprocess.Popen` that start a process as this user."""
        if not self.is_switched:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def run(self, command: Sequence[str | Path], *, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a program of PostgreSQL to its end; raises OSError where it cannot be started."""
        return subprocess.run(  # noqa: S603 (a fixed program with our own arguments)
            [str(part) for part in command],
            cwd=cwd,
            env=safe_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            **self.popen_options(),
        )

    def can_traverse(self, folder: Path) -> bool:
        """Whether this user may enter `folder` and every folder above it, by the mode bits."""
        resolved = folder.resolve()
        return all(self._can_enter(level) for level in (resolved, *resolved.parents))

    def give(self, path: Path) -> None:
        """Make a file or folder that we have just made this user's own."""
        if self.is_switched:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def _can_enter(self, folder: Path) -> bool:
        try:
            status = folder.stat()
        except OSError:
            return False
        if status.st_uid == self.uid:
            return bool(status.st_mode & 0o100)
        if status.st_gid == self.gid:
            return bool(status.st_mode & 0o010)
        return bool(status.st_mode & 0o001)


def choose_account(*, effective_uid: int | None = None, owner_uid: int | None = None) -> Account:
    """Pick the user: ourselves; as root ``postgres``, else ``nobody``. Never makes a user.

    Args:
        effective_uid: Whose process this is; None asks the system.
        owner_uid: Who owns the data directory, where there is one: as root we stay with that user.

    Raises:
        ConfigurationError: No user of this machine can run PostgreSQL.
    """
    uid = os.geteuid() if effective_uid is None else effective_uid
    if uid != 0:
        try:
            entry = pwd.getpwuid(uid)
        except KeyError as error:
            raise ConfigurationError(
                f"uid {uid} has no entry in the passwd database, so PostgreSQL's initdb refuses to "
                f"run: give the uid a name (an entry in /etc/passwd), {_DATABASE_URL_REMEDY}"
            ) from error
        if owner_uid not in (None, uid):
            raise ConfigurationError(
                f"SEAMWATCH_STATE_DIR: its database belongs to uid {owner_uid}, this is uid {uid} "
                f"({entry.pw_name}): start as the user who started it before (root, if PostgreSQL "
                "was given a user of its own), or choose another folder"
            )
        return Account(name=entry.pw_name, uid=uid, gid=os.getegid(), is_switched=False)
    for key in (owner_uid, "postgres", "nobody"):
        try:
            entry = pwd.getpwnam(key) if isinstance(key, str) else pwd.getpwuid(key or 0)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            account = Account(
                name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, is_switched=True
            )
            _check_switch(account)
            return account
    raise ConfigurationError(
        "PostgreSQL refuses to run as root and this machine has neither a user 'postgres' nor "
        f"'nobody': make one, start Seamwatch as an ordinary user, {_DATABASE_URL_REMEDY}"
    )


def safe_environment() -> dict[str, str]:
    """Variables for PostgreSQL's programs: none of PG…, none of the caller's language or secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _check_switch(account: Account) -> None:
    """Containers may take from root the right to change the user: say so before anything is made."""
    try:
        completed = account.run(["/bin/sh", "-c", ":"], cwd=Path("/"))
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigurationError(
            f"PostgreSQL refuses to run as root and changing to user {account.name!r} "
            f"(uid {account.uid}) failed: {error}. Start Seamwatch as an ordinary user, grant the "
            f"capabilities CAP_SETUID, CAP_SETGID and CAP_CHOWN, {_DATABASE_URL_REMEDY}"
        ) from error
    if completed.returncode != 0:
        raise ConfigurationError(
            f"user {account.name!r} (uid {account.uid}) cannot run programs here: "
            f"{completed.stderr.strip()}. Start Seamwatch as an ordinary user, "
            f"{_DATABASE_URL_REMEDY}"
        )
