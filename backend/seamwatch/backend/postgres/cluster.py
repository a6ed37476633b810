"""The files of one cluster: made by initdb once, its settings written before every start."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import make_conninfo

from seamwatch.backend.postgres.binaries import Binaries
from seamwatch.backend.postgres.socket_dir import PORT
from seamwatch.backend.postgres.unprivileged import Account
from seamwatch.core.errors import ConfigurationError

__all__ = ["DATABASE", "SUPERUSER", "Cluster"]

DATABASE = "seamwatch"
SUPERUSER = "postgres"  # not "seamwatch": a schema of the user's name would enter its search_path
_SETTINGS_FILE = "seamwatch.conf"

# libpq takes what a conninfo leaves open from the caller's PG… variables, which mean another server.
_AGAINST_ENVIRONMENT = {
    "hostaddr": "",
    "options": "",
    "channel_binding": "prefer",
    "gssencmode": "disable",
    "sslmode": "disable",
    "target_session_attrs": "any",
    "client_encoding": "UTF8",
}


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Paths of one cluster and the steps that make them. Its owner must hold the lock."""

    home: Path

    @property
    def data_dir(self) -> Path:
        """The data directory, 0700, owned by the user who runs PostgreSQL."""
        return self.home / "data"

    @property
    def password_file(self) -> Path:
        """The superuser's password in the form of a libpq password file, 0600."""
        return self.home / "password"

    @property
    def startup_log(self) -> Path:
        """What the server says before its own log begins; the log itself is in ``data/log``."""
        return self.home / "startup.log"

    @property
    def name(self) -> str:
        """Shown in the titles of the cluster's processes."""
        return f"seamwatch-{hashlib.sha256(os.fsencode(self.home)).hexdigest()[:8]}"

    def exists(self) -> bool:
        """Whether initdb has been here; a folder half made does not bear the final name."""
        return self.data_dir.exists()

    def initialise(
        self, binaries: Binaries, account: Account, *, progress: Callable[[str], None]
    ) -> None:
        """Run initdb: UTF8, locale C, checksums, SCRAM passwords only, a random superuser password.

        Raises:
            ConfigurationError: initdb failed; with what it said.
        """
        progress(f"making a database cluster in {self.data_dir}")
        password = secrets.token_urlsafe(32)
        unfinished = self.home / "data.unfinished"
        _remove(unfinished)
        unfinished.mkdir(mode=0o700)
        account.give(unfinished)
        password_line = self.home / "password.unfinished"  # initdb, as its user, reads it
        _remove(password_line)
        _write_private(password_line, f"{password}\n")
        account.give(password_line)
        try:
            completed = account.run(
                [
                    binaries.bin_dir / "initdb",
                    f"--pgdata={unfinished}",
                    f"--username={SUPERUSER}",
                    f"--pwfile={password_line}",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--data-checksums",
                    "--auth=scram-sha-256",
                ],
                cwd=unfinished,
            )
        finally:
            password_line.unlink()
        if completed.returncode != 0:
            raise ConfigurationError(
                f"initdb of {binaries.bin_dir} failed in {self.home} "
                f"(user {account.name!r}): {completed.stderr.strip()}"
            )
        with (unfinished / "postgresql.conf").open("a") as file:
            file.write(f"\ninclude_if_exists = '{_SETTINGS_FILE}'\n")
        _remove(self.password_file)
        _write_private(self.password_file, f"*:*:*:{SUPERUSER}:{password}\n")
        unfinished.rename(self.data_dir)

    def check_version(self, binaries: Binaries) -> None:
        """Refuse programs of another major version than the data directory's.

        Raises:
            ConfigurationError: They differ, or the folder is no data directory.
        """
        try:
            made_by = int((self.data_dir / "PG_VERSION").read_text())
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"SEAMWATCH_STATE_DIR: {self.data_dir} has no readable PG_VERSION: restore it from "
                "a backup, or move it away to start with an empty database"
            ) from error
        if made_by != binaries.major:
            raise ConfigurationError(
                f"SEAMWATCH_STATE_DIR: {self.data_dir} was made by PostgreSQL {made_by}, but "
                f"{binaries.bin_dir} is PostgreSQL {binaries.major}: set "
                f"SEAMWATCH_POSTGRES_BIN_DIR to a PostgreSQL {made_by} (such as "
                f"/usr/lib/postgresql/{made_by}/bin); to upgrade, dump with pg_dump there, move "
                "the folder away and restore into the new one"
            )

    def settings_are(self, text: str) -> bool:
        """Whether the settings of the last start are `text`."""
        try:
            return (self.data_dir / _SETTINGS_FILE).read_text() == text
        except OSError:
            return False

    def write_settings(self, text: str, account: Account) -> None:
        """Replace the settings file, whole or not at all."""
        # A file of our own under a new name, then rename: as root we must not write through a
        # link that the unprivileged owner of the folder may have put there.
        unfinished = self.data_dir / f"{_SETTINGS_FILE}.unfinished"
        _remove(unfinished)
        _write_private(unfinished, text)
        account.give(unfinished)
        unfinished.replace(self.data_dir / _SETTINGS_FILE)

    def conninfo(self, socket_dir: Path, *, dbname: str = DATABASE) -> str:
        """How the superuser connects.

        Holds the password: a PGPASSWORD of the caller's environment would win over a password file.

        Raises:
            ConfigurationError: The password file is missing or spoilt.
        """
        try:
            password = self.password_file.read_text().strip().rsplit(":", 1)[1]
        except (OSError, IndexError) as error:
            raise ConfigurationError(
                f"SEAMWATCH_STATE_DIR: cannot read the password in {self.password_file}: restore "
                "the file, or move the folder away to start with an empty database"
            ) from error
        return make_conninfo(
            host=str(socket_dir),
            port=PORT,
            user=SUPERUSER,
            password=password,
            dbname=dbname,
            **_AGAINST_ENVIRONMENT,
        )


def _write_private(path: Path, text: str) -> None:
    """Write a new file, 0600, that outlives a crash of the machine."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
