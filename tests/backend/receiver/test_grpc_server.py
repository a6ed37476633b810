"""The gRPC transport by itself: how it binds, which options it sets, how it words a refusal."""

from __future__ import annotations

from typing import Any, cast

import grpc
import pytest

from seamwatch.backend.receiver import grpc_server
from seamwatch.backend.receiver.config import ReceiverConfig
from seamwatch.backend.receiver.grpc_server import GrpcReceiver
from seamwatch.backend.receiver.ingest import Ingest
from seamwatch.backend.receiver.observer import ReceiverObserver
from seamwatch.core import ConfigurationError


def receiver() -> GrpcReceiver:
    return GrpcReceiver(cast(Ingest, None), ReceiverConfig(), ReceiverObserver())


def test_a_port_that_is_taken_is_refused_with_the_remedy_and_never_shared() -> None:
    first, second = receiver(), receiver()
    port = first.bind("127.0.0.1:0")
    try:
        with pytest.raises(ConfigurationError, match="--auto-ports"):
            second.bind(f"127.0.0.1:{port}")
    finally:
        first.stop(0)
        second.stop(0)


def test_point_18_pings_are_sent_and_permitted_and_messages_are_limited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: dict[str, Any] = {}
    make = grpc.server

    def record(*args: Any, options: Any, **kwargs: Any) -> grpc.Server:
        given.update(options)
        return make(*args, options=options, **kwargs)

    monkeypatch.setattr(grpc_server.grpc, "server", record)
    receiver().stop(0)

    assert given["grpc.keepalive_time_ms"] == 30_000
    assert given["grpc.keepalive_timeout_ms"] == 10_000
    assert given["grpc.http2.min_recv_ping_interval_without_data_ms"] == 10_000
    assert given["grpc.keepalive_permit_without_calls"] == 1
    assert given["grpc.max_receive_message_length"] == 16 * 1024 * 1024


@pytest.mark.parametrize("text", ["x" * 100_000, "\u4e2d" * 100_000, "\0\n" * 50_000])
def test_point_4_a_refusals_text_fits_the_metadata_that_senders_accept(text: str) -> None:
    fitted = grpc_server._fit_for_trailers(text)

    assert fitted.isascii()
    assert len(fitted) <= 1_000
