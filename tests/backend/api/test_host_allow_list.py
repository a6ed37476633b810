"""A request that names another server is refused."""

from __future__ import annotations

from typing import Any

import pytest

from seamwatch.backend.api import AdminConfig


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:4320", "127.8.9.1", "localhost:4320", "LOCALHOST", "localhost.",
     "[::1]:4320", "[::1]", "apm.example.test", "apm.example.test:443"],
)  # fmt: skip
def test_loopback_and_listed_hosts_pass(api: Any, host: str) -> None:
    api = api.with_services(config=AdminConfig(allowed_hosts=("apm.example.test",)))

    assert api.get("/api/apm/verdicts", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.test", "127.0.0.1.evil.test", "localhost.evil.test", "127.0.0.1:80@evil.test", "[::1].x",
     "10.0.0.1", "[2001:db8::1]", "", "localhost:x", "apm.example.test"],
)  # fmt: skip
def test_other_hosts_are_refused(api: Any, host: str) -> None:
    answer = api.get("/api/apm/verdicts", headers={"Host": host})

    assert answer.status_code == 421
    assert "SEAMWATCH_ADMIN_ALLOWED_HOSTS" in answer.json()["remedy"]


def test_probes_come_by_any_address(api: Any) -> None:
    headers = {"Host": "10.1.2.3:4320"}

    assert api.get("/healthz", role=None, headers=headers).status_code == 200
    assert api.get("/readyz", role=None, headers=headers).status_code == 200
