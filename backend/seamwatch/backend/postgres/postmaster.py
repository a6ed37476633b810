"""One running postmaster: started or adopted, waited for, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

import psycopg
from psycopg import sql

from seamwatch.backend.postgres.binaries import Binaries
from seamwatch.backend.postgres.cluster import DATABASE, Cluster
from seamwatch.backend.postgres.processes import ProcessWatch, end_leftovers, processes_of
from seamwatch.backend.postgres.socket_dir import PORT
from seamwatch.backend.postgres.unprivileged import Account, safe_environment
from seamwatch.core.errors import ConfigurationError, UnavailableError

__all__ = ["find_survivor", "start_postmaster", "stop_postmaster", "wait_until_ready"]

_CONNECT_TIMEOUT_S = 5
_REPORT_EVERY_S = 5.0


def find_survivor(cluster: Cluster) -> ProcessWatch | None:
    """The postmaster of this cluster that a killed owner left running, if any."""
    pid = _recorded_pid(cluster)
    if pid is None:
        return None
    # Watched first: what is then seen of the process is not of a later one with its number.
    process = ProcessWatch(pid)
    if pid in processes_of(cluster.data_dir, cluster_name=cluster.name):
        return process
    process.close()
    return None


def start_postmaster(
    cluster: Cluster, binaries: Binaries, account: Account, socket_dir: Path
) -> ProcessWatch:
    """Start the server; it is not ready yet. No other process of the cluster may be its postmaster.

    Raises:
        UnavailableError: The program could not be started.
    """
    end_leftovers(cluster.data_dir, cluster_name=cluster.name)
    _remove_stale_pid_files(cluster, socket_dir)
    # Made anew, not opened: as root we must not write through a link of the folder's owner.
    cluster.startup_log.unlink(missing_ok=True)
    with cluster.startup_log.open("xb") as log:
        try:
            child = subprocess.Popen(  # noqa: S603 (a program that find_binaries has tried)
                [binaries.bin_dir / "postgres", "-D", cluster.data_dir],
                cwd=cluster.data_dir,
                env=safe_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=False,
                start_new_session=True,  # our terminal's Ctrl-C is for us: we stop it in order
                **account.popen_options(),
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise UnavailableError(f"cannot start {binaries.bin_dir}/postgres: {error}") from error
    return ProcessWatch(child.pid, child=child)


def wait_until_ready(
    process: ProcessWatch,
    cluster: Cluster,
    socket_dir: Path,
    *,
    timeout_s: float,
    progress: Callable[[str], None],
    cancelled: Event | None = None,
) -> int:
    """Wait until a real connection works; makes Seamwatch's database where it is missing.

    Returns:
        The server's version, like 180006.

    Raises:
        ConfigurationError: The server refuses our password.
        UnavailableError: It ended, `timeout_s` passed, or `cancelled` was set.
    """
    begin = time.monotonic()
    next_report = begin + _REPORT_EVERY_S
    pause_s = 0.01
    while True:
        try:
            return _connect(cluster, socket_dir)
        except psycopg.OperationalError as error:
            said = str(error).strip()
        if "password authentication failed" in said:
            raise ConfigurationError(
                f"SEAMWATCH_STATE_DIR: the server in {cluster.home} refuses the password of "
                f"{cluster.password_file}: restore that file, or reset the password of the "
                "superuser"
            )
        now = time.monotonic()
        if process.has_ended():
            raise UnavailableError(
                f"PostgreSQL ended while it started in {cluster.home}: {_last_words(cluster)}"
            )
        if now - begin > timeout_s or (cancelled is not None and cancelled.is_set()):
            raise UnavailableError(
                f"PostgreSQL in {cluster.home} is not ready after {now - begin:.0f} s: {said}; "
                f"see {cluster.data_dir / 'log'}"
            )
        if now >= next_report:
            progress(f"PostgreSQL is still starting after {now - begin:.0f} s: {said}")
            next_report += _REPORT_EVERY_S
        process.wait(pause_s)
        pause_s = min(pause_s * 1.5, 0.1)


def stop_postmaster(process: ProcessWatch, cluster: Cluster, *, fast_s: float) -> bool:
    """Stop the server and wait for its end.

    Args:
        process: The postmaster.
        cluster: Whose it is.
        fast_s: Time for ``pg_ctl -m fast`` (clients cut off, all buffers written). Afterwards
            ``immediate``, which loses nothing that was committed but recovers at the next start.

    Returns:
        Whether the stop was clean.
    """
    process.send(signal.SIGINT)
    is_clean = process.wait(fast_s)
    if not is_clean:
        process.send(signal.SIGQUIT)
        if not process.wait(6.0):  # the server itself kills its children after 5 s
            process.send(signal.SIGKILL)
            process.wait(5.0)
    end_leftovers(cluster.data_dir, cluster_name=cluster.name)
    return is_clean


def _connect(cluster: Cluster, socket_dir: Path) -> int:
    """Connect once to our database, made if this is the first time; gives the server's version."""
    try:
        with psycopg.connect(
            cluster.conninfo(socket_dir), connect_timeout=_CONNECT_TIMEOUT_S
        ) as connection:
            return connection.info.server_version
    except psycopg.OperationalError as error:
        if f'database "{DATABASE}" does not exist' not in str(error):
            raise
    with psycopg.connect(
        cluster.conninfo(socket_dir, dbname="postgres"),
        connect_timeout=_CONNECT_TIMEOUT_S,
        autocommit=True,
    ) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        return connection.info.server_version


def _recorded_pid(cluster: Cluster) -> int | None:
    """The pid that the last postmaster wrote down."""
    try:
        return int((cluster.data_dir / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _remove_stale_pid_files(cluster: Cluster, socket_dir: Path) -> None:
    """Remove what a dead postmaster left, since its pid may by now be another process's.

    PostgreSQL checks only whether the pid is alive, which in a restarted container it often is. We
    hold the owner's lock and have seen that no process works in the data directory.
    """
    pid = _recorded_pid(cluster)
    if pid is None or not _is_alive(pid):
        return  # PostgreSQL sees by itself that nobody is there, and checks the shared memory too
    if processes_of(cluster.data_dir, cluster_name=cluster.name):
        return
    (cluster.data_dir / "postmaster.pid").unlink(missing_ok=True)
    for name in (f".s.PGSQL.{PORT}.lock", f".s.PGSQL.{PORT}"):
        (socket_dir / name).unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _last_words(cluster: Cluster) -> str:
    """What the server said before it ended, from both of its logs."""
    logs = sorted((cluster.data_dir / "log").glob("*.log"))[-1:]
    lines = []
    for path in (cluster.startup_log, *logs):
        try:
            with path.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 2000))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            continue
        lines += [line for line in text.splitlines() if "FATAL" in line or "PANIC" in line]
    return " / ".join(lines[-2:]) or f"see {cluster.startup_log}"
