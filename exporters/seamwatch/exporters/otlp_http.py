"""Posts OTLP requests over one kept-alive HTTP/1.1 connection."""

from __future__ import annotations

import gzip
import http.client
import os
import select
import ssl
import threading
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urlsplit

from opentelemetry.instrumentation.utils import suppress_instrumentation

from seamwatch.core import Clock, SystemClock, UnavailableError
from seamwatch.exporters.otlp_config import Compression, OtlpHttpConfig
from seamwatch.exporters.retry import parse_retry_after_s

__all__ = ["OtlpHttpResponse", "OtlpHttpSender"]

_LONGEST_ANSWER_BYTES = 64 * 1024
_GZIP_LEVEL = 1  # level 6 saves another 15 % of the bytes for three times the time


@dataclass(frozen=True, kw_only=True)
class OtlpHttpResponse:
    """What the far end answered.

    Attributes:
        status: HTTP status; redirections are not followed.
        body: At most 64 KiB of the body.
        retry_after_s: Delay that the far end asked for, None if it did not.
    """

    status: int
    body: bytes
    retry_after_s: float | None


class OtlpHttpSender:
    """Sends encoded requests to one endpoint; safe from any thread, one request at a time."""

    def __init__(self, config: OtlpHttpConfig, *, clock: Clock | None = None) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        url = urlsplit(config.endpoint)
        self._host = url.hostname or ""
        self._is_tls = url.scheme == "https"
        self._port = url.port or (443 if self._is_tls else 80)
        self._target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        self._headers = {
            "content-type": "application/x-protobuf",
            "user-agent": f"seamwatch/{_version()}",
            **dict(config.header_items()),
        }
        if config.compression is Compression.GZIP:
            self._headers["content-encoding"] = "gzip"
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None
        self._tls_context: ssl.SSLContext | None = None
        self._abandoned: list[http.client.HTTPConnection] = []

    @property
    def config(self) -> OtlpHttpConfig:
        """Where and how this sender sends."""
        return self._config

    def compress(self, payload: bytes) -> bytes:
        """The body that `post` expects: compressed once, however often it is posted."""
        if self._config.compression is Compression.GZIP:
            return gzip.compress(payload, _GZIP_LEVEL, mtime=0)
        return payload

    def post(self, body: bytes, *, timeout_s: float | None = None) -> OtlpHttpResponse:
        """Send one request and read its answer.

        Args:
            body: What `compress` returned.
            timeout_s: Bound of each wait on the network; the configured one if None or shorter.

        Raises:
            UnavailableError: No answer came; the request may or may not have been stored.
        """
        limit_s = self._config.timeout_s
        limit_s = limit_s if timeout_s is None else max(0.05, min(timeout_s, limit_s))
        with self._lock, suppress_instrumentation():
            is_reused = self._has_live_connection()
            try:
                try:
                    return self._exchange(body, limit_s)
                except (ConnectionError, http.client.BadStatusLine):
                    if not is_reused:
                        raise
                    # The far end closed the idle connection while the request was under way.
                    self._drop_connection()
                    return self._exchange(body, limit_s)
            except (OSError, http.client.HTTPException) as error:
                self._drop_connection()
                raise UnavailableError(f"{type(error).__name__}: {error}") from error
            except BaseException:
                self._drop_connection()
                raise

    def close(self, *, timeout_s: float = 1.0) -> None:
        """Close the connection unless a request holds it; the next request opens a new one."""
        if self._lock.acquire(timeout=timeout_s):
            try:
                self._drop_connection()
            finally:
                self._lock.release()

    def abandon_after_fork(self) -> None:
        """In the child: leave the parent's connection alone and start with a new one."""
        connection, self._connection = self._connection, None
        self._lock = threading.Lock()
        if connection is not None:
            # Only the descriptor is closed. Closing the response's buffer could wait for a lock
            # that a thread of the parent held, so the objects are kept instead of collected.
            self._abandoned.append(connection)
            if connection.sock is not None:
                os.close(connection.sock.detach())

    def _exchange(self, body: bytes, limit_s: float) -> OtlpHttpResponse:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._connect(limit_s)
        if connection.sock is not None:
            connection.sock.settimeout(limit_s)
        is_whole = True
        try:
            connection.request("POST", self._target, body, self._headers)
        except (BrokenPipeError, ConnectionResetError):
            # A refusal before the body was read (401, 413) may already wait to be read.
            if connection.sock is None:
                raise
            is_whole = False
        response = connection.getresponse()
        answer = response.read(_LONGEST_ANSWER_BYTES)
        retry_after_s = parse_retry_after_s(
            response.getheader("retry-after"), now_unix_s=self._clock.time_ns() / 1e9
        )
        if not is_whole or response.will_close or not response.isclosed():
            response.close()
            self._drop_connection()
        return OtlpHttpResponse(status=response.status, body=answer, retry_after_s=retry_after_s)

    def _connect(self, limit_s: float) -> http.client.HTTPConnection:
        """A connection object; the socket opens with the first request."""
        if not self._is_tls:
            return http.client.HTTPConnection(self._host, self._port, timeout=limit_s)
        if self._tls_context is None:
            self._tls_context = self._make_tls_context()
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=limit_s, context=self._tls_context
        )

    def _make_tls_context(self) -> ssl.SSLContext:
        config = self._config
        context = ssl.create_default_context(
            cafile=str(config.certificate) if config.certificate else None
        )
        if config.client_certificate:
            context.load_cert_chain(config.client_certificate, config.client_key)
        return context

    def _has_live_connection(self) -> bool:
        """Whether a connection is open that the far end has not closed meanwhile."""
        connection = self._connection
        if connection is None or connection.sock is None:
            return False
        if not hasattr(select, "poll"):  # Windows; a closed connection then shows as it is used
            return True
        try:
            poll = select.poll()  # not select.select: it fails on descriptors above 1023
            poll.register(connection.sock, select.POLLIN)
            is_closed = bool(poll.poll(0))  # nothing is due to be read between two requests
        except (OSError, ValueError):
            is_closed = True
        if is_closed:
            self._drop_connection()
        return not is_closed

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _version() -> str:
    try:
        return version("seamwatch")
    except PackageNotFoundError:
        return "unknown"
