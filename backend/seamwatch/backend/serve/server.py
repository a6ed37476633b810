"""The composition root: builds every part of the backend, starts it in order and stops it in the reverse."""

from __future__ import annotations

import contextlib
import datetime
import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Self

import psycopg

from seamwatch.backend.analysis.fold_rollups import FoldRollups
from seamwatch.backend.analysis.loop import LoopRunner
from seamwatch.backend.analysis.retention import Retention
from seamwatch.backend.analysis.service_health import ServiceHealth
from seamwatch.backend.auth import Authenticator, IngestAuthMode
from seamwatch.backend.auth.first_admin import FirstAdmin, ensure_first_admin
from seamwatch.backend.postgres import RunningPostgres, open_postgres
from seamwatch.backend.receiver.grpc_server import GrpcReceiver
from seamwatch.backend.receiver.http_app import OtlpHttpApp
from seamwatch.backend.receiver.http_body import BodyPace
from seamwatch.backend.receiver.http_server import HttpServer
from seamwatch.backend.receiver.ingest import Ingest
from seamwatch.backend.serve.admin import AdminListener
from seamwatch.backend.serve.config import ServerConfig
from seamwatch.backend.serve.loop_thread import LoopThread
from seamwatch.backend.serve.observers import ReceiverMetrics, SinkMetrics, watch_state
from seamwatch.backend.serve.ports import bind_socket, split_endpoint
from seamwatch.backend.serve.time_range import PartitionTimes
from seamwatch.backend.storage.group_transaction import WriterMode
from seamwatch.backend.storage.migrate import create_roles, migrate, pending
from seamwatch.backend.storage.partitions import ensure_partitions
from seamwatch.backend.storage.roles import (
    conninfo_as,
    reserve_advisory_locks,
    writer_bypasses_rls,
)
from seamwatch.backend.storage.sink import Sink, SinkConfig
from seamwatch.backend.telemetry import MetricRegistry
from seamwatch.core import ConfigurationError, UnavailableError

__all__ = ["Addresses", "Server"]

_LOG = logging.getLogger(__name__)
_SINK_STOP_S = 1.0
_DATABASE_PAUSES_S = (0.2, 0.5, 1.0, 2.0)  # the last one repeats


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a started backend is reached; also the ready line of ``serve --json``."""

    otlp_grpc: str
    otlp_http: str
    admin: str
    admin_token_file: str | None

    def as_dict(self) -> dict[str, str | None]:
        """Field -> value."""
        return asdict(self)


class Server:
    """One backend process; a context manager that starts it.

    Args:
        config: All settings.
        is_any_port_fine: Take free ports where the wanted ones are taken.
        may_migrate: Also migrate a database that is not ours.
        progress: Told in one line each what takes time.
    """

    def __init__(
        self,
        config: ServerConfig,
        *,
        is_any_port_fine: bool = False,
        may_migrate: bool = False,
        progress: Callable[[str], None] = _LOG.info,
    ) -> None:
        self._config = config
        self._is_any_port_fine = is_any_port_fine
        self._may_migrate = may_migrate
        self._progress = progress
        self._stack = contextlib.ExitStack()
        self._stop_lock = threading.Lock()
        self._stop_asked = threading.Event()
        self.metrics = MetricRegistry()
        self.addresses: Addresses | None = None
        self.conninfo = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> Addresses:
        """Start everything; returns when requests are accepted.

        Raises:
            ConfigurationError: A setting, a port or the database's schema does not allow it.
            UnavailableError: The database does not come up, or another process owns the state folder.
        """
        try:
            return self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Refuse new requests, finish those under way within the drain time, stop everything; safe to call twice."""
        with self._stop_lock:
            self._stack.close()

    def request_stop(self) -> None:
        """Make a `start` that waits for the database give up; safe from a signal handler."""
        self._stop_asked.set()

    def _start(self) -> Addresses:
        """Listeners first where the database is not ours, so that senders are told to come back while it is away."""
        config = self._config
        grpc_socket, http_socket, admin_socket = self._bind()
        postgres: RunningPostgres | None = None
        if config.postgres.database_url is None:
            postgres = self._stack.enter_context(
                open_postgres(config.postgres, progress=self._progress)
            )
            self.conninfo = postgres.conninfo
        else:
            self.conninfo = config.postgres.database_url
        receiver_metrics = ReceiverMetrics(self.metrics)
        sink = Sink(
            conninfo_as(self.conninfo, "seamwatch_writer", application_name="seamwatch writer"),
            config=SinkConfig(writers=config.serve.writers),
            observer=SinkMetrics(self.metrics),
            max_out_of_range=config.receiver.max_out_of_range,
        )
        # Everyone was answered when the drain ended: what a hung database still holds has no sender that waits.
        self._stack.callback(sink.stop, _SINK_STOP_S)
        times = PartitionTimes(self.conninfo)
        self._stack.callback(times.stop)
        ingest = Ingest(
            config=config.receiver,
            authenticator=self._authenticator(
                config.auth.ingest_mode(is_loopback_only=config.is_loopback_only)
            ),
            sink=sink,
            time_range=times,
            observer=receiver_metrics,
        )
        self._stack.callback(ingest.close)
        watch_state(
            self.metrics,
            bytes_in_flight=lambda: ingest.admission.bytes_in_flight,
            requests_waiting=lambda: ingest.admission.waiting,
            groups_waiting=lambda: sink.waiting,
            is_storing=lambda: sink.is_available,
            database_restarts=lambda: postgres.restart_count if postgres else 0,
        )
        loops = LoopRunner(
            self.conninfo,
            [
                FoldRollups(self.metrics),
                ServiceHealth(),
                Retention(self.conninfo, config.retention, self.metrics),
            ],
            self.metrics,
        )
        self._stack.callback(loops.stop)
        admin = AdminListener(
            config,
            conninfo=self.conninfo,
            authenticator=self._authenticator(IngestAuthMode.REQUIRED),
            metrics=self.metrics,
            is_storing=lambda: sink.is_available,
        )
        admin_thread = LoopThread("seamwatch-admin", lambda: admin.open(admin_socket), admin.close)
        admin_thread.start()
        self._stack.callback(self._join, admin_thread)
        self._start_receivers(ingest, receiver_metrics, grpc_socket, http_socket)
        self._stack.callback(admin_thread.request_stop)
        admin_token, writer_mode = self._prepare_database(times)
        sink.start(writer_mode)
        loops.start()
        self.addresses = Addresses(
            otlp_grpc=self._grpc_address,
            otlp_http=_url(http_socket),
            admin=_url(admin_socket),
            admin_token_file=str(admin_token.token_file) if admin_token else None,
        )
        return self.addresses

    def _authenticator(self, mode: IngestAuthMode) -> Authenticator:
        return self._stack.enter_context(
            Authenticator(self.conninfo, mode=mode, config=self._config.auth)
        )

    def _prepare_database(self, times: PartitionTimes) -> tuple[FirstAdmin | None, WriterMode]:
        """Schema, partitions, the first token and how to write; waits for a database that is not ours and not there."""
        pauses_s = iter(_DATABASE_PAUSES_S)
        while True:
            try:
                if self._config.postgres.database_url is not None:
                    open_postgres(self._config.postgres, progress=self._progress)
                self._prepare_schema()
                writer_mode = self._writer_mode()
                times.start()
                # Last: made again after a fault it would say that there is an administrator already.
                return ensure_first_admin(
                    self.conninfo, self._config.postgres.state_dir
                ), writer_mode
            except (UnavailableError, psycopg.OperationalError) as error:
                if self._config.postgres.database_url is None:
                    raise
                self._progress(f"waiting for the database, senders are told to come back: {error}")
                if self._stop_asked.wait(next(pauses_s, _DATABASE_PAUSES_S[-1])):
                    raise UnavailableError("stopped before the database answered") from error

    def _bind(self) -> tuple[socket.socket, socket.socket, socket.socket]:
        """All three ports before anything else happens; a taken one is told at once."""
        made = [
            bind_socket(variable, endpoint, is_any_port_fine=self._is_any_port_fine)
            for variable, endpoint in self._config.endpoints().items()
        ]
        for sock in made:
            self._stack.callback(sock.close)
        return made[0], made[1], made[2]

    def _prepare_schema(self) -> None:
        if pending(self.conninfo):
            if self._config.postgres.database_url is not None and not self._may_migrate:
                raise ConfigurationError(
                    "SEAMWATCH_DATABASE_URL: the database lacks migrations of this release; run `seamwatch migrate` "
                    "or start with --migrate"
                )
            create_roles(self.conninfo)
            migrate(self.conninfo, progress=self._progress)
        if self._config.postgres.database_url is None:
            reserve_advisory_locks(self.conninfo)
        ensure_partitions(
            self.conninfo,
            today=datetime.datetime.now(datetime.UTC).date(),
            retention_days=self._config.retention.retention_days,
            progress=self._progress,
        )

    def _writer_mode(self) -> WriterMode:
        if writer_bypasses_rls(self.conninfo):
            return WriterMode.COPY
        self._progress(
            "seamwatch_writer has no BYPASSRLS: mode staging, rows go through temporary tables (slower)"
        )
        return WriterMode.STAGING

    def _start_receivers(
        self,
        ingest: Ingest,
        metrics: ReceiverMetrics,
        grpc_socket: socket.socket,
        http_socket: socket.socket,
    ) -> None:
        receiver = self._config.receiver
        executor = ThreadPoolExecutor(max_workers=4, thread_name_prefix="seamwatch-http")
        self._stack.callback(executor.shutdown, wait=True, cancel_futures=True)
        credential_executor = ThreadPoolExecutor(
            max_workers=2, thread_name_prefix="seamwatch-http-auth"
        )
        self._stack.callback(credential_executor.shutdown, wait=True, cancel_futures=True)
        app = OtlpHttpApp(
            ingest,
            executor=executor,
            credential_executor=credential_executor,
            max_request_bytes=receiver.max_request_bytes,
            max_items=receiver.max_spans,
            pace=BodyPace(total_s=receiver.read_timeout_s),
            count_answer=metrics.count_http_answer,
        )

        async def http_server() -> HttpServer:
            return HttpServer(
                app,
                sock=http_socket,
                drain_s=self._config.serve.drain_s,
                count_closed=metrics.count_closed,
            )

        http = LoopThread("seamwatch-http", http_server)
        grpc = GrpcReceiver(ingest, receiver, metrics)
        host, _ = split_endpoint("SEAMWATCH_OTLP_GRPC_ENDPOINT", receiver.grpc_endpoint)
        port = grpc_socket.getsockname()[1]
        grpc_socket.close()  # grpcio binds by itself; until here nobody else could take the port
        self._grpc_address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        grpc.bind(self._grpc_address)
        http.start()
        grpc.start()
        self._stack.callback(self._drain, ingest, grpc, http)

    def _drain(self, ingest: Ingest, grpc: GrpcReceiver, http: LoopThread) -> None:
        """New requests are told to come back; those under way finish."""
        ingest.admission.stop()
        http.request_stop()
        grpc.stop(self._config.serve.drain_s)
        self._join(http)

    def _join(self, thread: LoopThread) -> None:
        thread.request_stop()
        if not thread.join(self._config.serve.drain_s + 2):
            _LOG.warning("a listener did not end in time")


def _url(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
