"""HTTP/1.1 on a socket, with the limits that a server open to strangers needs and uvicorn lacks.

uvicorn waits without end for the rest of a header, takes headers of any size, and reads on while the application does
not: a few sockets that never finish hold it. Each limit closes the connection and counts why.
"""

from __future__ import annotations

import asyncio
import socket
from asyncio import TimerHandle, Transport
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from seamwatch.backend.receiver.http_answer import Encoding, refusal
from seamwatch.backend.receiver.status import (
    DEADLINE_EXCEEDED,
    INVALID_ARGUMENT,
    RESOURCE_EXHAUSTED,
)

__all__ = ["ConnectionLimits", "CountClosed", "limited_protocol"]

CountClosed = Callable[[str], None]

_MAX_PIPELINED = 16
_READ_BYTES = 65_536


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionLimits:
    """What one connection may take.

    header_s: from the first byte of a request (of the first one: from the connection) to the end of its headers.
    idle_s: between two requests. max_header_bytes: request line and headers, also trailers.
    linger_s, linger_bytes: after an answer that left a body unread, how long and how much of it is thrown away, so
    that a sender in the middle of writing gets to read the answer instead of a reset.
    """

    header_s: float = 5.0
    idle_s: float = 75.0
    max_header_bytes: int = 32_768
    max_connections: int = 1024
    linger_s: float = 1.0
    linger_bytes: int = 262_144


class _LimitError(Exception):
    """A limit was passed inside a parser's callback; `reason` says which."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def limited_protocol(
    limits: ConnectionLimits, count_closed: CountClosed | None = None
) -> type[asyncio.Protocol]:
    """The protocol class to give to uvicorn as ``http=``.

    Args:
        limits: What one connection may take.
        count_closed: Called with the reason of each connection that a limit closed: ``slow_header``,
            ``large_header``, ``pipelined``, ``malformed``, ``connections``, ``idle`` or ``unread_body``.
    """
    count = count_closed or (lambda _: None)

    class LimitedProtocol(_LimitedProtocol):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(limits, count, *args, **kwargs)

    return LimitedProtocol


class _LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol under `limits`."""

    def __init__(
        self, limits: ConnectionLimits, count_closed: CountClosed, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.limits = limits
        self.count_closed = count_closed
        self.timeout_keep_alive = limits.idle_s  # type: ignore[assignment]  # only given to call_later
        self._header_timer: TimerHandle | None = None
        self._linger_timer: TimerHandle | None = None
        self._linger_room = 0
        self._is_in_head = False
        self._header_bytes = 0  # of the names and values of this request
        self._quiet_bytes = 0  # received since the parser last brought something up

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.limits.max_connections:
            self.count_closed("connections")
            transport.abort()
            return
        _send_at_once(transport)
        if hasattr(transport, "max_size"):
            # asyncio reads 256 KiB at once, far above the high-water mark
            transport.max_size = _READ_BYTES  # pyright: ignore[reportAttributeAccessIssue]
        self._await_header()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_header_timer()
        self._unset_keepalive_if_required()
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what it finds starts requests. Replaces uvicorn's, which logs a line for each bad one."""
        if self._linger_timer is not None:
            self._linger_room -= len(data)
            if self._linger_room < 0:
                self._end_linger()
            return
        self._unset_keepalive_if_required()
        if self._header_timer is None and self._is_between_requests():
            self._await_header()
        self._quiet_bytes += len(data)
        try:
            parser: Any = self.parser
            parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            reason = (
                error.__context__.reason
                if isinstance(error.__context__, _LimitError)
                else "malformed"
            )
            self._refuse(reason)
            return
        except httptools.HttpParserUpgrade:
            self._refuse("malformed")  # neither WebSocket nor HTTP/2 is spoken here
            return
        except httptools.HttpParserError:
            self._refuse("malformed")
            return
        if self._quiet_bytes > self.limits.max_header_bytes:
            self._refuse("large_header")
            return
        cycle = self.cycle
        if cycle is not None and cycle.more_body and cycle.body and not cycle.response_complete:
            self.flow.pause_reading()  # until the application asks, so that an unread body is one piece at most

    def on_message_begin(self) -> None:
        self._header_bytes = 0
        self._is_in_head = True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count_header(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_header(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._quiet_bytes = 0
        self._cancel_header_timer()
        if len(self.pipeline) >= _MAX_PIPELINED:
            raise _LimitError("pipelined")
        super().on_headers_complete()
        self.cycle.transport = _LingeringTransport(self)  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        self._quiet_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._quiet_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._linger_timer is not None:
            self.server_state.total_requests += 1
            return
        super().on_response_complete()
        if self._is_in_head and self._header_timer is None:
            self._unset_keepalive_if_required()  # the next request began while this one was being answered
            self._await_header()

    def timeout_keep_alive_handler(self) -> None:
        if not self.transport.is_closing():
            self.count_closed("idle")
        super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        if self._linger_timer is not None:
            self._end_linger()
        else:
            super().shutdown()

    def close_after_answer(self) -> None:
        """Close once the answer is sent; while the body is unread, throw a bounded part of it away first."""
        transport = self.transport
        if not self.cycle.more_body or transport.is_closing():
            transport.close()
            return
        self.count_closed("unread_body")
        self._linger()

    def _linger(self) -> None:
        """Say that nothing more will be written, and throw away a bounded part of what still comes."""
        self._linger_room = self.limits.linger_bytes
        self._linger_timer = self.loop.call_later(self.limits.linger_s, self._end_linger)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()

    def _end_linger(self) -> None:
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        self.transport.abort()

    def _is_between_requests(self) -> bool:
        return not self._is_in_head and (self.cycle is None or self.cycle.response_complete)

    def _await_header(self) -> None:
        self._header_timer = self.loop.call_later(self.limits.header_s, self._refuse, "slow_header")

    def _cancel_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _count_header(self, count: int) -> None:
        self._header_bytes += count
        if self._header_bytes > self.limits.max_header_bytes:
            raise _LimitError("large_header")

    def _refuse(self, reason: str) -> None:
        """Answer what is no request, where nothing else is being answered, and close."""
        self._cancel_header_timer()
        self.count_closed(reason)
        if self.transport.is_closing():
            return
        cycle = self.cycle
        is_answered = cycle is None or cycle.response_complete
        may_answer = is_answered or (cycle.more_body and not cycle.response_started)
        if not may_answer or (reason == "slow_header" and not self._is_in_head):
            # Another request's answer would be taken for this one's; and who asked nothing needs none.
            self.transport.abort()
            return
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = (
                True  # the application shall neither wait for more nor answer a second time
            )
            cycle.message_event.set()
        http, grpc, message = _REFUSALS.get(reason, _MALFORMED)
        answer = refusal(Encoding.JSON, http, grpc, message)
        self.transport.write(
            STATUS_LINE[http]
            + b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s"
            % (len(answer.body), answer.body)
        )
        self._linger()


_MALFORMED = (400, INVALID_ARGUMENT, "this is not an HTTP/1.1 request")
_REFUSALS = {
    "slow_header": (408, DEADLINE_EXCEEDED, "the headers came too slowly"),
    "large_header": (431, RESOURCE_EXHAUSTED, "the headers are too large"),
    "pipelined": (429, RESOURCE_EXHAUSTED, "too many requests before the answer to the first"),
}


def _send_at_once(transport: Transport) -> None:
    """Switch Nagle off: an answer's head and body are two writes, and the second would wait 40 ms for an ACK.

    asyncio does so itself only where the listening socket was made with its protocol number spelled out.
    """
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class _LingeringTransport:
    """The part of a transport that a request's cycle uses; its close lets an unread body run out first."""

    __slots__ = ("_protocol", "is_closing", "write")

    def __init__(self, protocol: _LimitedProtocol) -> None:
        self._protocol = protocol
        self.write = protocol.transport.write
        self.is_closing = protocol.transport.is_closing

    def close(self) -> None:
        self._protocol.close_after_answer()
