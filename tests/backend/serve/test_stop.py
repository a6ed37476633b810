"""Stopping is bounded, whatever the database does."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.support.otlp import simple_request

from seamwatch.backend.serve import Server, ServerConfig


def test_a_server_whose_database_hangs_tells_its_senders_and_ends_within_ten_seconds(
    database: str, tmp_path: Path
) -> None:
    url = " ".join(f"{key}='{value}'" for key, value in conninfo_to_dict(database).items())
    config = ServerConfig.from_environment(
        {
            "SEAMWATCH_DATABASE_URL": url,
            "SEAMWATCH_STATE_DIR": str(tmp_path),
            "SEAMWATCH_RETENTION_DAYS": "2",
            "SEAMWATCH_OTLP_GRPC_ENDPOINT": "127.0.0.1:0",
            "SEAMWATCH_OTLP_HTTP_ENDPOINT": "127.0.0.1:0",
            "SEAMWATCH_ADMIN_ENDPOINT": "127.0.0.1:0",
        }
    )
    server = Server(config, progress=lambda line: None)
    address = server.start().otlp_http
    answers: list[int] = []

    def send() -> None:
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{address}/v1/traces",
            simple_request(start_ns=time.time_ns()).SerializeToString(),
            {"Content-Type": "application/x-protobuf"},
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=20)  # noqa: S310
        answers.append(refused.value.code)
        refused.value.close()

    with psycopg.connect(database) as holder:
        holder.execute("LOCK TABLE seamwatch.batch_digest IN ACCESS EXCLUSIVE MODE")
        sending = threading.Thread(target=send)
        sending.start()
        waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'seamwatch.batch_digest'::regclass"
        while not holder.execute(waits).fetchone():
            assert sending.is_alive()

        started = time.monotonic()
        server.stop()
        took_s = time.monotonic() - started

    sending.join()
    assert answers == [503]
    assert took_s < 10
