"""A running backend and clients of both transports, once per module that asks for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.attack import GrpcClient, HttpClient
from tests.support.backend_process import BackendProcess


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    process = BackendProcess(tmp_path_factory.mktemp("points") / "state")
    process.start()
    yield process
    process.close()


@pytest.fixture(scope="module")
def conninfo(backend: BackendProcess) -> str:
    return backend.conninfo()


@pytest.fixture
def client(backend: BackendProcess) -> Iterator[GrpcClient]:
    with GrpcClient(backend.grpc) as made:
        yield made


@pytest.fixture
def http_client(backend: BackendProcess) -> Iterator[HttpClient]:
    with HttpClient(backend.http_port) as made:
        yield made
