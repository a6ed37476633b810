"""OTLP over gRPC: token, then admission, only then the message.

Export is registered as a stream-unary method over raw bytes. The wire format is that of the unary method, but
grpcio hands the call over when its headers are here instead of after the whole message: 200 clients with a wrong token
and 60 MiB each cost nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from seamwatch.backend.auth.peer import FORWARDING_HEADERS
from seamwatch.backend.receiver.config import ReceiverConfig
from seamwatch.backend.receiver.ingest import Ingest
from seamwatch.backend.receiver.ingest_protocol import Outcome, Signal
from seamwatch.backend.receiver.observer import ReceiverObserver
from seamwatch.backend.receiver.retry_delay import retry_after_s
from seamwatch.backend.receiver.status import codes_of, grpc_details
from seamwatch.core import ConfigurationError, RejectedError, UnavailableError

__all__ = ["GrpcReceiver"]

_LOG = logging.getLogger(__name__)
_THREADS = 64  # calls that wait for their commit hold one each; more wait in grpcio, unread
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_MAX_MESSAGE_CHARS = 4096  # point 4: an answer stays far below 4 MiB
_MAX_TRAILER_CHARS = 1000  # it goes out three times, and senders refuse more than 8 KiB of metadata
_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


class _ReadDeadline:
    """Cancels calls whose message does not arrive in time; one thread for all."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._calls: dict[int, tuple[float, grpc.ServicerContext]] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._watch, name="seamwatch-grpc-deadline", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def begin(self, context: grpc.ServicerContext) -> None:
        self._calls[id(context)] = (time.monotonic() + self._timeout_s, context)

    def end(self, context: grpc.ServicerContext) -> None:
        self._calls.pop(id(context), None)

    def _watch(self) -> None:
        while not self._stopped.wait(min(1.0, self._timeout_s / 4)):
            now = time.monotonic()
            for deadline, context in list(self._calls.values()):
                if now >= deadline:
                    context.cancel()


class GrpcReceiver:
    """The gRPC server of the receiver.

    Args:
        ingest: Where requests go.
        config: Limits; the endpoint is bound by `bind`.
        observer: Told of refused requests.
        credentials: TLS of the port; None: plain text.
    """

    def __init__(
        self,
        ingest: Ingest,
        config: ReceiverConfig,
        observer: ReceiverObserver,
        *,
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        self._ingest = ingest
        self._observer = observer
        self._credentials = credentials
        self._deadline = _ReadDeadline(config.read_timeout_s)
        self._executor = ThreadPoolExecutor(
            max_workers=_THREADS, thread_name_prefix="seamwatch-grpc"
        )
        self._server = grpc.server(
            self._executor,
            options=(
                # grpcio inflates by itself and checks this after inflating
                ("grpc.max_receive_message_length", config.max_request_bytes),
                ("grpc.so_reuseport", 0),  # else a second backend would share the port in silence
                ("grpc.keepalive_time_ms", 30_000),
                ("grpc.keepalive_timeout_ms", 10_000),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.max_metadata_size", 16_384),
            ),
        )
        handler = grpc.stream_unary_rpc_method_handler(self._export)
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(_SERVICE, {"Export": handler}),)
        )

    def bind(self, endpoint: str) -> int:
        """Bind ``host:port`` (port 0: a free one) and return the port.

        Raises:
            ConfigurationError: The port is taken, or the host is not this machine's.
        """
        try:
            if self._credentials is not None:
                port = self._server.add_secure_port(endpoint, self._credentials)
            else:
                port = self._server.add_insecure_port(endpoint)
        except RuntimeError:
            port = 0
        if port == 0:
            raise ConfigurationError(
                f"SEAMWATCH_OTLP_GRPC_ENDPOINT: cannot listen on {endpoint}: the port is taken or the address is "
                "not this machine's; choose another or start with --auto-ports"
            )
        return int(port)

    def start(self) -> None:
        """Accept calls."""
        self._deadline.start()
        self._server.start()

    def stop(self, grace_s: float) -> None:
        """Refuse new calls and let those under way finish within `grace_s` seconds."""
        self._server.stop(grace_s).wait(grace_s + 1)
        self._deadline.stop()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _export(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        """One export; every refusal leaves as a status that tells the sender whether to retry."""
        try:
            return self._answer(self._receive(requests, context))
        except Exception as error:
            if isinstance(
                error, grpc.RpcError
            ):  # the sender went away, or its message was refused by grpcio
                self._observer.refused("grpc", "transport")
                raise
            codes = codes_of(error)
            code = _CODES[codes.grpc]
            self._observer.refused("grpc", code.name.lower())
            delay_s = (
                float(retry_after_s(getattr(error, "retry_after_s", None)))
                if codes.is_retryable
                else None
            )
            if not isinstance(error, RejectedError | UnavailableError):
                _LOG.exception("an OTLP/gRPC call failed unexpectedly")
            message = (
                str(error)
                if isinstance(error, RejectedError | UnavailableError)
                else "internal fault, try again"
            )
            message = _fit_for_trailers(message)
            context.set_trailing_metadata(grpc_details(codes.grpc, message, delay_s=delay_s))
            context.abort(code, message)
            raise AssertionError("abort always raises") from error

    def _receive(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Outcome:
        metadata = [(key, str(value)) for key, value in context.invocation_metadata()]
        authorizations = [value for key, value in metadata if key == "authorization"]
        is_forwarded = any(key in FORWARDING_HEADERS for key, _ in metadata)
        access = self._ingest.authenticate(
            authorizations or None, context.peer(), is_forwarded=is_forwarded
        )
        self._ingest.admit(access)
        with self._ingest.reading_in_thread():
            self._deadline.begin(context)
            try:
                body = next(requests, None)
            finally:
                self._deadline.end(context)
            if body is None:
                raise RejectedError("the call carried no message")
            batch, stored = self._ingest.decode_and_submit(Signal.TRACES, access, body)
            del body
        return self._ingest.wait(batch, stored)

    @staticmethod
    def _answer(outcome: Outcome) -> bytes:
        if not outcome.rejected and not outcome.message:
            return b""
        response = ExportTraceServiceResponse()
        response.partial_success.rejected_spans = outcome.rejected
        response.partial_success.error_message = outcome.message[:_MAX_MESSAGE_CHARS]
        return bytes(response.SerializeToString())


def _fit_for_trailers(message: str) -> str:
    """A message of one byte a character, short enough for the metadata of an answer."""
    return (
        message[:_MAX_TRAILER_CHARS]
        .encode("ascii", "backslashreplace")
        .decode()[:_MAX_TRAILER_CHARS]
    )
