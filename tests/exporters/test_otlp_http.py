"""The HTTP sender: one kept-alive connection, TLS, early answers."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from far_end import Answer, FarEnd, run_far_end

from seamwatch.core import UnavailableError
from seamwatch.exporters import Compression, OtlpHttpConfig, OtlpHttpSender


@contextmanager
def sender_to(url: str, **settings: Any) -> Iterator[OtlpHttpSender]:
    sender = OtlpHttpSender(OtlpHttpConfig(endpoint=url, timeout_s=2.0, **settings))
    yield sender
    sender.close()


def test_requests_share_one_connection(far_end: FarEnd) -> None:
    with sender_to(far_end.url + "/v1/traces") as sender:
        statuses = [sender.post(sender.compress(b"")).status for _ in range(3)]

    assert statuses == [200, 200, 200]
    assert len({request.connection for request in far_end.requests}) == 1


def test_request_carries_path_token_and_encoding(far_end: FarEnd) -> None:
    with sender_to(
        far_end.url + "/in?tenant=a", headers=("Authorization=Bearer%20swk_1_secret",)
    ) as sender:
        sender.post(sender.compress(b""))

    request = far_end.requests[0]
    assert request.path == "/in?tenant=a"
    assert request.headers["authorization"] == "Bearer swk_1_secret"
    assert request.headers["content-type"] == "application/x-protobuf"
    assert request.headers["content-encoding"] == "gzip"
    assert request.headers["user-agent"].startswith("seamwatch/")


def test_compression_can_be_switched_off(far_end: FarEnd) -> None:
    with sender_to(far_end.url, compression=Compression.NONE) as sender:
        sender.post(sender.compress(b""))

    assert "content-encoding" not in far_end.requests[0].headers


def test_connection_that_the_far_end_closed_meanwhile_is_replaced() -> None:
    with run_far_end() as first:
        port = first.port
        first.default = Answer(headers={"connection": "close"})
        with sender_to(f"http://127.0.0.1:{port}") as sender:
            assert sender.post(sender.compress(b"")).status == 200
            assert sender.post(sender.compress(b"")).status == 200

    assert len({request.connection for request in first.requests}) == 2


def test_restarted_far_end_costs_no_error() -> None:
    with run_far_end() as first:
        port = first.port
        with sender_to(f"http://127.0.0.1:{port}") as sender:
            sender.post(sender.compress(b""))
            connection = sender._connection
            assert connection is not None
            connection.sock.shutdown(socket.SHUT_RDWR)  # as a restart would leave it

            assert sender.post(sender.compress(b"")).status == 200


def test_refusal_before_the_body_was_read_is_seen() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def refuse() -> None:
            connection, _ = server.accept()
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(
                1 << 16
            ):  # as a careful server does, lest RST overtakes the answer
                pass
            connection.close()

        thread = threading.Thread(target=refuse)
        thread.start()
        with sender_to(f"http://127.0.0.1:{server.getsockname()[1]}") as sender:
            status = sender.post(bytes(8 << 20)).status
        thread.join()

    assert status == 401


def test_no_answer_is_unavailable() -> None:
    with (
        sender_to("http://127.0.0.1:1") as sender,
        pytest.raises(UnavailableError, match="refused"),
    ):
        sender.post(b"")


def test_answer_that_is_not_http_is_unavailable() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def babble() -> None:
            connection, _ = server.accept()
            connection.recv(1 << 16)
            connection.sendall(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00")  # HTTP/2 SETTINGS
            connection.close()

        thread = threading.Thread(target=babble)
        thread.start()
        with (
            sender_to(f"http://127.0.0.1:{server.getsockname()[1]}") as sender,
            pytest.raises(UnavailableError),
        ):
            sender.post(b"")
        thread.join()


def test_silence_ends_at_the_timeout() -> None:
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as server,
        sender_to(f"http://127.0.0.1:{server.getsockname()[1]}") as sender,
        pytest.raises(UnavailableError, match="timed out"),
    ):
        sender.post(b"", timeout_s=0.1)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of localhost and its key; it is its own authority."""
    folder = tmp_path_factory.mktemp("certificates")
    openssl = shutil.which("openssl") or pytest.skip("openssl makes the certificates")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(folder / "key.pem"),
         "-out", str(folder / "certificate.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture
def tls_port(certificates: Path) -> Iterator[int]:
    """A TLS server that demands a client certificate and answers every request with 200."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "certificate.pem", certificates / "key.pem")
    context.load_verify_locations(certificates / "certificate.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            plain.settimeout(5)
            try:
                with context.wrap_socket(plain, server_side=True) as connection:
                    while connection.recv(1 << 16):
                        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            except OSError:
                plain.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_tls_with_own_authority_and_client_certificate(certificates: Path, tls_port: int) -> None:
    with sender_to(
        f"https://localhost:{tls_port}/v1/traces",
        certificate=certificates / "certificate.pem",
        client_certificate=certificates / "certificate.pem",
        client_key=certificates / "key.pem",
    ) as sender:
        assert sender.post(b"").status == 200


def test_unknown_authority_is_refused(tls_port: int) -> None:
    with (
        sender_to(f"https://localhost:{tls_port}/v1/traces") as sender,
        pytest.raises(UnavailableError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        sender.post(b"")
