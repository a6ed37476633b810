"""Starts the backend, the services and their visitors; watches them; stops all of it."""

from __future__ import annotations

import dataclasses
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from seamwatch.backend.auth.sign_in_links import create_sign_in_link
from seamwatch.backend.auth.token_format import parse_token
from seamwatch.backend.demo.backend import (
    BACKEND,
    BackendAddresses,
    backend_environment,
    start_backend,
)
from seamwatch.backend.demo.fleet import (
    SERVICES,
    TRAFFIC,
    ServiceSpec,
    check_installed,
    free_port,
    service_environment,
)
from seamwatch.backend.demo.ownership import Ownership
from seamwatch.backend.demo.process_group import ProcessGroup
from seamwatch.backend.demo.stop_request import StopRequest
from seamwatch.backend.postgres import PostgresConfig, running_conninfo
from seamwatch.backend.ui.pages.sign_in import LINK_PATH
from seamwatch.core import ConfigurationError, SeamwatchError, UnavailableError

__all__ = ["Demo", "RunningDemo"]

_SERVICES_START_S = 60.0
_SERVICES_STOP_S = 3.0
_BACKEND_STOP_S = 6.0
_WATCH_S = 0.5


@dataclass(frozen=True, kw_only=True)
class RunningDemo:
    """A demo whose services all listen.

    Attributes:
        url: Of the pages and the API.
        sign_in_link: Signs a browser in as admin, once.
        otlp_grpc: ``host:port`` for telemetry of the user's own services.
        otlp_http: The same as URL.
        admin_token_file: Where the admin token is.
        storefront: URL of the shop, for requests by hand.
        pids: Name -> process number of the backend, the services and the visitors.
    """

    url: str
    sign_in_link: str
    otlp_grpc: str
    otlp_http: str
    admin_token_file: str
    storefront: str
    pids: dict[str, int]

    def as_dict(self) -> dict[str, object]:
        """Field -> value; the ready line of ``demo --json``."""
        return dataclasses.asdict(self)


class Demo:
    """One demo over one state folder; a context manager that stops it.

    Args:
        state_dir: Made where it is missing.
        is_any_port_fine: Take free ports where those of the backend are taken.
        stop: Set by Ctrl-C.
        progress: Told in one line each what happens.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        is_any_port_fine: bool,
        stop: StopRequest,
        progress: Callable[[str], None],
    ) -> None:
        self._state_dir = Path(os.path.abspath(state_dir))
        self._is_any_port_fine = is_any_port_fine
        self._stop = stop
        self._progress = progress
        self._ownership = Ownership(self._state_dir)
        self._group: ProcessGroup | None = None
        self._ports = {spec.name: free_port() for spec in SERVICES}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> RunningDemo | None:
        """Start everything; None when Ctrl-C came before it was ready.

        Raises:
            ConfigurationError: A setting, a port, or a missing package; says which.
            UnavailableError: A process does not start, or another demo does not end.
        """
        check_installed()
        environment = backend_environment(self._state_dir)
        self._make_state_dir()
        self._ownership.take(self._progress)
        group = self._group = ProcessGroup(
            self._state_dir, self._ownership, is_urgent=lambda: self._stop.is_urgent
        )
        self._progress("starting the backend")
        addresses = start_backend(
            group,
            environment,
            is_any_port_fine=self._is_any_port_fine,
            is_stopping=lambda: self._stop.is_set,
            progress=self._progress,
        )
        if addresses is None:
            return None
        self._progress(f"starting {', '.join(spec.name for spec in SERVICES)}")
        for spec in SERVICES:
            self._start_service(group, spec, addresses)
        if not self._wait_until_listening(group):
            return None
        self._start_service(group, TRAFFIC, addresses)
        return RunningDemo(
            url=addresses.admin,
            sign_in_link=self._sign_in_link(addresses),
            otlp_grpc=addresses.otlp_grpc,
            otlp_http=addresses.otlp_http,
            admin_token_file=str(addresses.admin_token_file),
            storefront=f"http://127.0.0.1:{self._ports['storefront']}",
            pids=group.pids,
        )

    def watch(self) -> bool:
        """Watch until Ctrl-C (true) or until the backend ends by itself (false).

        A service that ends is told and not started again: that is what the pages are to show.
        """
        group = self._running_group()
        while not self._stop.wait(_WATCH_S):
            group.trim_logs()
            for name, code in group.newly_ended().items():
                if name == BACKEND:
                    self._progress(
                        f"the backend ended with {_end(code)}: see {group.log_path(name)}"
                    )
                    return False
                self._progress(
                    f"{name} ended with {_end(code)} and stays away: look at its row on the page"
                )
        return True

    def stop(self) -> None:
        """Stop all: first the visitors and services, whose last spans still arrive; safe to call twice."""
        group, self._group = self._group, None
        if group is not None:
            group.stop([TRAFFIC.name, *(s.name for s in SERVICES)], timeout_s=_SERVICES_STOP_S)
            if not group.stop([BACKEND], timeout_s=_BACKEND_STOP_S):
                self._progress("the backend was killed; it lost nothing it had acknowledged")
            self._stop_database()
            group.close()
        self._ownership.release()

    def _make_state_dir(self) -> None:
        # As root PostgreSQL runs as another user, who has to pass this folder.
        mode = 0o711 if os.getuid() == 0 else 0o700
        try:
            if not self._state_dir.is_dir():
                self._state_dir.parent.mkdir(parents=True, exist_ok=True)
                self._state_dir.mkdir()
                self._state_dir.chmod(mode)
        except OSError as error:
            raise ConfigurationError(
                f"--state-dir: cannot make {self._state_dir}: {error.strerror}; choose another folder"
            ) from error

    def _start_service(
        self, group: ProcessGroup, spec: ServiceSpec, addresses: BackendAddresses
    ) -> None:
        environment = service_environment(spec, otlp_http=addresses.otlp_http, ports=self._ports)
        group.start(spec.name, spec.command(self._ports.get(spec.name, 0)), environment)

    def _wait_until_listening(self, group: ProcessGroup) -> bool:
        """Until all services take connections; false when Ctrl-C came before."""
        give_up_at = time.monotonic() + _SERVICES_START_S
        waiting = [spec.name for spec in SERVICES]
        while waiting := [name for name in waiting if not _listens(self._ports[name])]:
            for name, code in group.newly_ended().items():
                raise UnavailableError(
                    f"{name} did not start ({_end(code)}): see {group.log_path(name)}"
                )
            if time.monotonic() >= give_up_at:
                raise UnavailableError(
                    f"{waiting[0]} does not listen after {_SERVICES_START_S:g} s: see {group.log_path(waiting[0])}"
                )
            if self._stop.wait(0.1):
                return False
        return True

    def _sign_in_link(self, addresses: BackendAddresses) -> str:
        token = parse_token(addresses.admin_token_file.read_text("ascii").strip())
        conninfo = running_conninfo(self._postgres())
        if token is None or conninfo is None:
            raise SeamwatchError("the backend ended, or its admin token cannot be read")
        link = create_sign_in_link(conninfo, token.token_id, actor="demo")
        return f"{addresses.admin}{LINK_PATH}?code={link.code}"

    def _stop_database(self) -> None:
        """A backend that was killed, by us or somebody else, leaves its PostgreSQL running."""
        from seamwatch.backend.postgres import open_postgres

        if running_conninfo(self._postgres()) is not None:
            open_postgres(self._postgres(), progress=lambda line: None).stop(timeout_s=1)

    def _postgres(self) -> PostgresConfig:
        return PostgresConfig(database_url=None, state_dir=self._state_dir)

    def _running_group(self) -> ProcessGroup:
        if self._group is None:
            raise ValueError("the demo was not started")
        return self._group


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _end(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
