"""Gives Seamwatch its PostgreSQL: a given server, or an embedded one under our own lifecycle."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from seamwatch.backend.postgres.binaries import Binaries, find_binaries
from seamwatch.backend.postgres.cluster import Cluster
from seamwatch.backend.postgres.config import PostgresConfig
from seamwatch.backend.postgres.external import check_external
from seamwatch.backend.postgres.machine import disk_bytes, memory_bytes
from seamwatch.backend.postgres.owner_lock import OwnerLock
from seamwatch.backend.postgres.placement import (
    LINK_NAME,
    cluster_home,
    data_owner,
    existing_home,
    make_state_dir,
)
from seamwatch.backend.postgres.postmaster import (
    find_survivor,
    start_postmaster,
    stop_postmaster,
    wait_until_ready,
)
from seamwatch.backend.postgres.processes import ProcessWatch
from seamwatch.backend.postgres.server_settings import server_settings, settings_text
from seamwatch.backend.postgres.socket_dir import make_socket_dir
from seamwatch.backend.postgres.supervisor import Supervisor
from seamwatch.backend.postgres.unprivileged import Account, choose_account
from seamwatch.core.errors import UnavailableError

__all__ = ["RunningPostgres", "open_postgres", "remove_cluster", "running_conninfo"]

_LOGGER = logging.getLogger(__name__)
_LOCK_NAME = "owner.lock"
_STOP_FAST_S = 10.0
_START_S = 300.0  # recovery after a crash replays up to max_wal_size
_SURVIVOR_S = 10.0


class RunningPostgres:
    """A PostgreSQL that answers; a context manager that stops it when it is ours."""

    def __init__(
        self,
        *,
        conninfo: str,
        server_version: int,
        supervisor: Supervisor | None = None,
        close: Callable[[float], None] | None = None,
    ) -> None:
        self.conninfo = conninfo
        self.server_version = server_version
        self._supervisor = supervisor
        self._close = close
        self._lock = threading.Lock()

    @property
    def is_embedded(self) -> bool:
        """Whether we run this server."""
        return self._supervisor is not None

    @property
    def restart_count(self) -> int:
        """How often the server was started again after it died; 0 for a given server."""
        return 0 if self._supervisor is None else self._supervisor.restart_count

    @property
    def postmaster_pid(self) -> int | None:
        """The server's first process; None for a given server."""
        return None if self._supervisor is None else self._supervisor.process.pid

    def stop(self, *, timeout_s: float = _STOP_FAST_S) -> None:
        """Stop an embedded server, cleanly within `timeout_s`, else at once; safe to call twice."""
        with self._lock:
            close, self._close = self._close, None
        if close is not None:
            close(timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def open_postgres(
    config: PostgresConfig, *, progress: Callable[[str], None] = _LOGGER.info
) -> RunningPostgres:
    """Connect to the server that is set, else start the embedded one of the state folder.

    Blocking: some 0.2 s for a cluster that exists, 1-2 s for a new one, longer after a crash.

    Args:
        config: Where the server or its files are.
        progress: Told, in one line each, what takes time or what is surprising.

    Raises:
        ConfigurationError: A setting, the machine or the state folder does not allow it.
        UnavailableError: Another process owns the state folder, or the server does not come up.
    """
    if config.database_url is not None:
        version = check_external(config.database_url)
        return RunningPostgres(conninfo=config.database_url, server_version=version)
    account = _account_for(config)
    make_state_dir(config, account)
    lock = OwnerLock(config.state_dir / _LOCK_NAME)
    lock.acquire()
    try:
        return _open_embedded(config, account, lock, progress)
    except OSError as error:  # a full or failing disk
        lock.release()
        raise UnavailableError(
            f"SEAMWATCH_STATE_DIR: PostgreSQL in {config.state_dir} cannot start: {error}; free "
            "space or choose another folder"
        ) from error
    except BaseException:
        lock.release()
        raise


def running_conninfo(config: PostgresConfig) -> str | None:
    """How to reach the database while another process owns it; None when none is running.

    For commands beside a running ``seamwatch serve``: they neither start nor stop anything.
    """
    if config.database_url is not None:
        return config.database_url
    home = existing_home(config)
    if home is None:
        return None
    cluster = Cluster(home=home)
    survivor = find_survivor(cluster)
    if survivor is None:
        return None
    survivor.close()
    return cluster.conninfo(make_socket_dir(home, _account_for(config)))


def remove_cluster(config: PostgresConfig) -> None:
    """Delete the embedded database of the state folder, wherever its files are. Not undoable.

    Raises:
        UnavailableError: A process owns it.
    """
    home = existing_home(config)
    if home is None:
        return
    lock = OwnerLock(config.state_dir / _LOCK_NAME)
    lock.acquire()
    try:
        cluster = Cluster(home=home)
        survivor = find_survivor(cluster)
        if survivor is not None:
            stop_postmaster(survivor, cluster, fast_s=_SURVIVOR_S)
            survivor.close()
        shutil.rmtree(make_socket_dir(home, _account_for(config)), ignore_errors=True)
        shutil.rmtree(home)
        link = config.state_dir / LINK_NAME
        if link.is_symlink():
            link.unlink()
    finally:
        lock.release()


def _account_for(config: PostgresConfig) -> Account:
    """The user that runs this state folder's server, also when a better one exists by now."""
    return choose_account(owner_uid=data_owner(config))


def _open_embedded(
    config: PostgresConfig, account: Account, lock: OwnerLock, progress: Callable[[str], None]
) -> RunningPostgres:
    """Start or adopt the server of the state folder whose lock we hold."""
    binaries = find_binaries(config, account, progress=progress)
    home = cluster_home(config, account, progress=progress)
    cluster = Cluster(home=home)
    if cluster.exists():
        cluster.check_version(binaries)
    else:
        cluster.initialise(binaries, account, progress=progress)
    socket_dir = make_socket_dir(home, account)
    settings = settings_text(
        server_settings(
            memory_bytes=memory_bytes(),
            disk_bytes=disk_bytes(home),
            socket_dir=socket_dir,
            cluster_name=cluster.name,
        )
    )
    process = _adopt(cluster, binaries, socket_dir, settings, progress)
    if process is None:
        cluster.write_settings(settings, account)
        process = _start(cluster, binaries, account, socket_dir, progress, None)

    def restart(cancelled: threading.Event) -> ProcessWatch:
        return _start(cluster, binaries, account, socket_dir, _LOGGER.warning, cancelled)

    supervisor = Supervisor(process, restart, log_dir=cluster.data_dir / "log")
    supervisor.start()

    def close(timeout_s: float) -> None:
        try:
            supervisor.finish(lambda process: stop_postmaster(process, cluster, fast_s=timeout_s))
        finally:
            lock.release()

    return RunningPostgres(
        conninfo=cluster.conninfo(socket_dir),
        server_version=binaries.version,
        supervisor=supervisor,
        close=close,
    )


def _start(
    cluster: Cluster,
    binaries: Binaries,
    account: Account,
    socket_dir: Path,
    progress: Callable[[str], None],
    cancelled: threading.Event | None,
) -> ProcessWatch:
    """A new postmaster that is ready; ended again where it does not become so."""
    process = start_postmaster(cluster, binaries, account, socket_dir)
    try:
        wait_until_ready(
            process, cluster, socket_dir, timeout_s=_START_S, progress=progress, cancelled=cancelled
        )
    except BaseException:
        stop_postmaster(process, cluster, fast_s=_SURVIVOR_S)
        process.close()
        raise
    return process


def _adopt(
    cluster: Cluster,
    binaries: Binaries,
    socket_dir: Path,
    settings: str,
    progress: Callable[[str], None],
) -> ProcessWatch | None:
    """The postmaster that outlived a killed owner, if it runs as we would run it; else stop it."""
    process = find_survivor(cluster)
    if process is None:
        return None
    try:
        version = wait_until_ready(
            process, cluster, socket_dir, timeout_s=_SURVIVOR_S, progress=progress
        )
        if version == binaries.version and cluster.settings_are(settings):
            progress(f"taking over the PostgreSQL that is already running (pid {process.pid})")
            return process
    except UnavailableError as error:
        progress(f"the PostgreSQL that is running does not answer: {error}")
    progress(f"stopping the PostgreSQL of an earlier start (pid {process.pid})")
    stop_postmaster(process, cluster, fast_s=_SURVIVOR_S)
    process.close()
    return None
