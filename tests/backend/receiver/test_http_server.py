"""Start, drain and stop of an HTTP listener."""

from __future__ import annotations

import signal
import socket
import threading
import time

import pytest
from otlp_http_server import FakeIngest, head, running, until

from seamwatch.backend.receiver.http_protocol import ConnectionLimits


def test_a_request_in_flight_is_answered_while_the_server_drains() -> None:
    ingest = FakeIngest(hold_store=threading.Event())
    with running(ingest, drain_s=5.0) as server, server.connect() as connection:
        connection.send(head(content_length="0"))
        server.server.request_stop()
        until(lambda: _is_refused(server.port))
        assert ingest.hold_store is not None
        ingest.hold_store.set()

        answer = connection.read()

        assert answer.status == 200
        assert answer.headers["connection"] == "close"
        server.thread.join(5)
        assert not server.thread.is_alive()


def test_a_request_that_outlasts_the_drain_is_503_and_never_500() -> None:
    ingest = FakeIngest(hold_store=threading.Event())
    with running(ingest, drain_s=1.0) as server, server.connect() as connection:
        connection.send(head(content_length="0"))
        server.server.request_stop()

        answer = connection.read()
        assert ingest.hold_store is not None
        ingest.hold_store.set()

        assert answer.status == 503
        assert 1 <= int(answer.headers["retry-after"]) <= 5


def test_idle_and_half_open_connections_do_not_delay_the_stop() -> None:
    with (
        running(FakeIngest(), drain_s=10.0) as server,
        server.connect() as idle,
        server.connect() as half_open,
    ):
        assert idle.post(b"").status == 200
        half_open.send(b"POST /v1/tr")
        start = time.monotonic()
        server.server.request_stop()
        server.thread.join(5)

        assert not server.thread.is_alive()
        assert time.monotonic() - start < 2


def test_a_body_that_never_comes_does_not_outlast_the_drain() -> None:
    with running(FakeIngest(), drain_s=1.0) as server, server.connect() as connection:
        connection.send(head(content_length="1000") + b"some")
        server.server.request_stop()
        server.thread.join(5)

        assert not server.thread.is_alive()


def test_a_sender_that_keeps_sending_after_its_refusal_does_not_outlast_the_drain() -> None:
    limits = ConnectionLimits(linger_s=60.0)
    with running(FakeIngest(), limits=limits) as server, server.connect() as connection:
        connection.send(head(authorization="Bearer wrong", content_length="100000") + b"some")
        assert connection.read().status == 401
        server.server.request_stop()
        server.thread.join(5)

        assert not server.thread.is_alive()


def test_the_answer_names_no_server() -> None:
    with running(FakeIngest()) as server, server.connect() as connection:
        assert "server" not in connection.post(b"").headers


def test_answers_do_not_wait_for_the_acknowledgement_of_their_first_half() -> None:
    durations_s = []
    with running(FakeIngest()) as server, server.connect() as connection:
        for _ in range(20):
            start = time.monotonic()
            assert connection.post(b"", content_encoding="gzip").status == 400
            durations_s.append(time.monotonic() - start)

    assert sorted(durations_s)[10] < 0.03  # a delayed acknowledgement takes 0.04


def test_signal_handlers_are_left_alone() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with running(FakeIngest()):
        during = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    assert during == before


def _is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    except OSError as error:
        pytest.fail(str(error))
    return False
