"""Where the cluster's files go, so that the user who runs PostgreSQL can reach them.

Below the state folder, ``postgres`` is the cluster's home: ``data`` (0700), ``socket`` (0700),
``password`` (0600), ``startup.log``. As root the home belongs to root (0711) and ``data`` and
``socket`` to the unprivileged user. When that user cannot enter the state folder (a root home is
0700) nothing is chmod-ed: the home is made in a system folder, and ``postgres`` is a link to it.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from seamwatch.backend.postgres.config import PostgresConfig
from seamwatch.backend.postgres.unprivileged import Account
from seamwatch.core.errors import ConfigurationError

__all__ = [
    "LINK_NAME",
    "cluster_home",
    "data_owner",
    "existing_home",
    "make_state_dir",
    "system_dirs",
]

LINK_NAME = "postgres"
_OWNER_NOTE = "state-folder-link"  # in a home elsewhere: the link that leads to it
_SYSTEM_DIRS = (Path("/var/lib/seamwatch"), Path("/opt/seamwatch"), Path("/var/tmp/seamwatch"))  # noqa: S108


def make_state_dir(config: PostgresConfig, account: Account) -> Path:
    """Make the state folder where it is missing: 0700, as root 0711 (others pass, none may list).

    Raises:
        ConfigurationError: It cannot be made or is no folder.
    """
    try:
        if not config.state_dir.is_dir():
            config.state_dir.parent.mkdir(parents=True, exist_ok=True)
            _make(config.state_dir, 0o711 if account.is_switched else 0o700)
    except OSError as error:
        raise ConfigurationError(
            f"SEAMWATCH_STATE_DIR: cannot make {config.state_dir}: {error.strerror}; "
            "choose a folder that this user may write"
        ) from error
    return config.state_dir


def data_owner(config: PostgresConfig) -> int | None:
    """Uid that owns the data directory of the state folder, None before the first start."""
    try:
        return (config.state_dir / LINK_NAME / "data").stat().st_uid
    except OSError:
        return None


def existing_home(config: PostgresConfig) -> Path | None:
    """Folder of the cluster that belongs to the state folder, None before the first start."""
    link = config.state_dir / LINK_NAME
    return link.resolve() if link.is_dir() else None


def cluster_home(
    config: PostgresConfig, account: Account, *, progress: Callable[[str], None]
) -> Path:
    """Find or make the cluster's home.

    Raises:
        ConfigurationError: No place that `account` can reach may be used.
    """
    link = config.state_dir / LINK_NAME
    home = existing_home(config)
    if home is not None:
        if not account.can_traverse(home):
            raise ConfigurationError(
                f"SEAMWATCH_STATE_DIR: user {account.name!r} cannot enter {home}, where this "
                "cluster lives: let that user pass all folders above it, or move the state folder"
            )
        return home
    if link.is_symlink():
        raise ConfigurationError(
            f"SEAMWATCH_STATE_DIR: {link} points to {os.readlink(link)}, which is gone: bring it "
            "back, or remove the link to start with an empty database"
        )
    if not account.is_switched or account.can_traverse(config.state_dir):
        try:
            _make(link, 0o711 if account.is_switched else 0o700)
        except OSError as error:
            raise ConfigurationError(
                f"SEAMWATCH_STATE_DIR: cannot make {link}: {error.strerror}; choose a folder that "
                "this user may write"
            ) from error
        return link.resolve()
    return _home_elsewhere(config, account, link, progress)


def system_dirs(config: PostgresConfig, account: Account) -> Iterator[Path]:
    """Folders of root, made where missing, that others can pass but not write.

    Raises:
        ConfigurationError: After the last one, with the reason each was passed over.
    """
    refusals = []
    given = config.postgres_system_dir
    for folder in (given,) if given is not None else _SYSTEM_DIRS:
        try:
            if not folder.exists():
                _make(folder, 0o755)
            status = folder.lstat()
        except OSError as error:
            refusals.append(f"{folder}: {error.strerror}")
            continue
        if not stat.S_ISDIR(status.st_mode):
            refusals.append(f"{folder}: no folder")
        elif status.st_uid != 0 or status.st_mode & 0o022:
            refusals.append(f"{folder}: not owned by root, or writable by others")
        elif not account.can_traverse(folder):
            refusals.append(f"{folder}: user {account.name!r} cannot enter it")
        else:
            yield folder
    raise ConfigurationError(
        f"started as root, PostgreSQL runs as user {account.name!r}, which cannot use "
        f"{config.state_dir} nor a system folder ({'; '.join(refusals) or 'all tried'}): set "
        "SEAMWATCH_STATE_DIR to a folder that user can reach, SEAMWATCH_POSTGRES_SYSTEM_DIR to a "
        "folder of root that others may enter but not write, or SEAMWATCH_DATABASE_URL"
    )


def _home_elsewhere(
    config: PostgresConfig, account: Account, link: Path, progress: Callable[[str], None]
) -> Path:
    """A new home in a system folder, with the link that leads to it."""
    clusters = next(system_dirs(config, account)) / "clusters"
    if not clusters.exists():
        _make(clusters, 0o711)
    # A name of its own: a state folder that was deleted and made again starts empty.
    home = clusters / f"{config.state_dir.name.strip('.') or 'state'}-{secrets.token_hex(4)}"
    _make(home, 0o711)
    (home / _OWNER_NOTE).write_text(f"{link}\n")
    link.symlink_to(home)
    for forgotten in _forgotten(clusters):
        progress(f"{forgotten} belongs to no state folder any more: remove it if nobody needs it")
    progress(f"user {account.name!r} cannot enter {config.state_dir}: the database lives in {home}")
    return home


def _forgotten(clusters: Path) -> Iterator[Path]:
    """Clusters whose state folder was deleted without them; never removed by ourselves."""
    for note in sorted(clusters.glob(f"*/{_OWNER_NOTE}")):
        link = Path(note.read_text().removesuffix("\n"))
        if link.resolve() != note.parent.resolve():
            yield note.parent


def _make(folder: Path, mode: int) -> None:
    """Make one folder with exactly this mode, whatever the umask says."""
    folder.mkdir(mode=mode, exist_ok=False)
    folder.chmod(mode)
