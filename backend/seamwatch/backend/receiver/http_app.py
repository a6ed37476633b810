"""OTLP/HTTP as an ASGI application: everything about a request is decided before its body is read.

The order is the defence: path, method, types, credential, announced size, admission, a reader's slot, and only then
bytes. What is refused early is answered at once and the connection closed, whatever was still to come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from concurrent.futures import Executor
from functools import partial
from typing import Any, TypeVar, TypeVarTuple

from seamwatch.backend.auth import Access
from seamwatch.backend.auth.peer import FORWARDING_HEADERS
from seamwatch.backend.receiver.gunzip import gunzip
from seamwatch.backend.receiver.http_answer import (
    Answer,
    Encoding,
    error_answer,
    refusal,
    success,
)
from seamwatch.backend.receiver.http_body import (
    BodyPace,
    ClientGoneError,
    Receive,
    SlowBodyError,
    read_body,
)
from seamwatch.backend.receiver.ingest_protocol import IngestService, Signal, TooLargeError
from seamwatch.backend.receiver.json_encoding import MAX_ITEMS, json_to_protobuf
from seamwatch.backend.receiver.status import (
    DEADLINE_EXCEEDED,
    INVALID_ARGUMENT,
    NOT_FOUND,
    UNIMPLEMENTED,
)
from seamwatch.core import RejectedError, UnavailableError

__all__ = ["OtlpHttpApp"]

_LOG = logging.getLogger(__name__)
_INLINE_GZIP_BYTES = 4096  # inflates to 4 MiB at most: a thread would cost more than it saves
_INLINE_JSON_BYTES = 32_768  # half a millisecond

_FORWARDING = frozenset(name.encode("ascii") for name in FORWARDING_HEADERS)
_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")
Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
CountAnswer = Callable[[int], None]


class _EarlyAnswer(Exception):
    """An answer that ends a request before the ordinary end."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.http)
        self.answer = answer


class OtlpHttpApp:
    """Answers ``POST {prefix}/v1/{traces,logs,metrics}``. Runs in one event loop.

    Args:
        service: What checks, admits and stores.
        executor: Threads for inflating and JSON.
        credential_executor: Threads for credentials, which may wait 2 s for the database; None: `executor`.
        max_request_bytes: Largest body, before and after decompression.
        max_items: Most spans of one JSON request, counted before the first is built.
        pace: How slowly a body may come.
        path_prefix: Put before ``/v1/…``; without a slash at its end.
        signals: Which signals are served; the others answer 404.
        count_answer: Called with the HTTP status of each answer.
    """

    def __init__(
        self,
        service: IngestService,
        *,
        executor: Executor,
        credential_executor: Executor | None = None,
        max_request_bytes: int = 16 * 1024 * 1024,
        max_items: int = MAX_ITEMS,
        pace: BodyPace | None = None,
        path_prefix: str = "",
        signals: Collection[Signal] = (Signal.TRACES,),
        count_answer: CountAnswer | None = None,
    ) -> None:
        self._service = service
        self._executor = executor
        self._credential_executor = credential_executor or executor
        self._max_request_bytes = max_request_bytes
        self._max_items = max_items
        self._pace = pace or BodyPace()
        prefix = path_prefix.rstrip("/")
        self._signals = {f"{prefix}/v1/{signal.name.lower()}": signal for signal in Signal}
        self._served = frozenset(signals)
        self._count_answer = count_answer or (lambda _: None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        encoding = _encoding_of(scope["headers"])
        is_refused = True
        try:
            answer = await self._answer(scope, receive, encoding)
            is_refused = False
        except _EarlyAnswer as early:
            answer = early.answer
        except ClientGoneError:
            self._count_answer(
                499
            )  # nobody reads it; the number is the usual one for this in access logs
            return
        except (RejectedError, UnavailableError) as error:
            answer = error_answer(encoding or Encoding.JSON, error)
        except asyncio.CancelledError:
            # The drain's bound passed. Not re-raised: the server would answer 500, which senders take for "drop it".
            answer = error_answer(
                encoding or Encoding.JSON, UnavailableError("the server is stopping")
            )
        except Exception as error:
            _LOG.exception("an OTLP/HTTP request failed unexpectedly")
            answer = error_answer(encoding or Encoding.JSON, error)
        self._count_answer(answer.http)
        await _send(send, answer, closes=is_refused and _has_body(scope["headers"]))

    async def _answer(self, scope: Scope, receive: Receive, encoding: Encoding | None) -> Answer:
        headers = dict(scope["headers"])
        signal = self._route(scope, encoding)
        if encoding is None:
            raise _EarlyAnswer(
                refusal(
                    Encoding.JSON,
                    415,
                    INVALID_ARGUMENT,
                    "Content-Type must be application/x-protobuf or application/json",
                    headers=((b"accept", b"application/x-protobuf, application/json"),),
                )
            )
        is_gzip = _is_gzip(headers.get(b"content-encoding", b""), encoding)
        access = await self._authenticate(scope)
        announced = headers.get(b"content-length", b"0")
        if len(announced) > 18 or int(announced) > self._max_request_bytes:
            raise TooLargeError(f"the body is larger than {self._max_request_bytes} bytes")
        self._service.admit(access)
        async with self._service.reading():
            try:
                chunks = await read_body(receive, self._max_request_bytes, self._pace)
            except SlowBodyError as error:
                raise _EarlyAnswer(refusal(encoding, 408, DEADLINE_EXCEEDED, str(error))) from error
            try:
                body = await self._protobuf(signal, encoding, chunks, is_gzip)
            except RejectedError as error:
                return error_answer(encoding, error)  # the body is read: the connection stays good
        storing = self._service.store(signal, access, body)
        del body  # once it is decoded nobody may hold it, however long the commit takes
        try:
            outcome = await storing
        except (RejectedError, UnavailableError) as error:
            return error_answer(encoding, error)
        return success(signal, encoding, outcome)

    async def _authenticate(self, scope: Scope) -> Access:
        """Who sends; from memory where that is enough, else in a thread: the database may be slow or away."""
        values = [
            value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"
        ]
        authorization = values or None
        peer = _peer(scope)
        is_forwarded = any(name in _FORWARDING for name, _ in scope["headers"])
        access = self._service.authenticate_cached(authorization, peer, is_forwarded=is_forwarded)
        if access is not None:
            return access
        return await asyncio.get_running_loop().run_in_executor(
            self._credential_executor,
            lambda: self._service.authenticate(authorization, peer, is_forwarded=is_forwarded),
        )

    def _route(self, scope: Scope, encoding: Encoding | None) -> Signal:
        """The signal of a path that is served, or an answer that says what is wrong."""
        encoding = encoding or Encoding.JSON
        signal = self._signals.get(scope["path"])
        if signal is None:
            message = "unknown path: OTLP/HTTP is served at " + ", ".join(self._signals)
            raise _EarlyAnswer(refusal(encoding, 404, NOT_FOUND, message))
        if signal not in self._served:
            message = f"{signal.name.lower()} are not enabled on this server"
            raise _EarlyAnswer(refusal(encoding, 404, UNIMPLEMENTED, message))
        if scope["method"] != "POST":
            allow = ((b"allow", b"POST"),)
            raise _EarlyAnswer(
                refusal(encoding, 405, UNIMPLEMENTED, "only POST is served here", headers=allow)
            )
        return signal

    async def _protobuf(
        self, signal: Signal, encoding: Encoding, chunks: list[bytes], is_gzip: bool
    ) -> bytes:
        """The decompressed protobuf bytes of a body; in a thread where it takes more than a moment."""
        size = sum(map(len, chunks))
        if is_gzip:
            if size <= _INLINE_GZIP_BYTES:
                body = gunzip(chunks, self._max_request_bytes)
            else:
                body = await self._in_thread(gunzip, chunks, self._max_request_bytes)
        else:
            body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        if encoding is Encoding.PROTOBUF:
            return body
        if len(body) <= _INLINE_JSON_BYTES:
            return json_to_protobuf(signal, body, max_items=self._max_items)
        return await self._in_thread(
            partial(json_to_protobuf, max_items=self._max_items), signal, body
        )

    async def _in_thread(
        self, function: Callable[[*_Arguments], _Result], *arguments: *_Arguments
    ) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, function, *arguments
        )


def _encoding_of(headers: Iterable[tuple[bytes, bytes]]) -> Encoding | None:
    """The encoding that Content-Type names, parameters aside; None: another."""
    for name, value in headers:
        if name == b"content-type":
            media_type = value.partition(b";")[0].strip().lower()
            return next((e for e in Encoding if e.value == media_type), None)
    return None


def _is_gzip(content_encoding: bytes, encoding: Encoding) -> bool:
    """Whether the body is gzip; any other compression is refused."""
    coding = content_encoding.strip().lower()
    if coding in (b"gzip", b"x-gzip"):
        return True
    if coding in (b"", b"identity"):
        return False
    message = "Content-Encoding must be gzip or identity"
    headers = ((b"accept-encoding", b"gzip, identity"),)
    raise _EarlyAnswer(refusal(encoding, 415, INVALID_ARGUMENT, message, headers=headers))


def _peer(scope: Scope) -> str:
    """The sender's address; a Unix socket has none."""
    client = scope.get("client")
    return str(client[0]) if client else "unix:"


def _has_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a body was announced, which a refusal leaves unread."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in headers
    )


async def _send(send: Send, answer: Answer, *, closes: bool) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", b"%d" % len(answer.body)),
        *answer.headers,
    ]
    if closes:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.http, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})
