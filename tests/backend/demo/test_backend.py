"""The demo's backend has a database of its own and receivers on loopback only."""

from __future__ import annotations

from pathlib import Path

import pytest

from seamwatch.backend.demo.backend import BackendAddresses, backend_environment
from seamwatch.core import ConfigurationError


def test_the_users_database_is_never_filled_with_a_demo(tmp_path: Path) -> None:
    own = {"SEAMWATCH_DATABASE_URL": "postgresql://db/prod", "SEAMWATCH_STATE_DIR": "/var/prod"}

    environment = backend_environment(tmp_path, own)

    assert "SEAMWATCH_DATABASE_URL" not in environment
    assert environment["SEAMWATCH_STATE_DIR"] == str(tmp_path)


def test_the_users_other_settings_hold(tmp_path: Path) -> None:
    own = {"SEAMWATCH_ADMIN_ENDPOINT": "127.0.0.1:9320", "SEAMWATCH_RETENTION_DAYS": "5"}

    environment = backend_environment(tmp_path, own)

    assert environment.items() >= own.items()


def test_receivers_beyond_loopback_are_refused_since_the_services_hold_no_token(
    tmp_path: Path,
) -> None:
    own = {
        "SEAMWATCH_OTLP_HTTP_ENDPOINT": "0.0.0.0:4318",
        "SEAMWATCH_ALLOW_INSECURE_BIND": "true",
    }

    with pytest.raises(ConfigurationError, match="loopback only"):
        backend_environment(tmp_path, own)


def test_a_revoked_admin_token_is_told_with_the_remedy() -> None:
    line = b'{"ready": true, "otlp_grpc": "a", "otlp_http": "b", "admin": "c", "admin_token_file": null}'

    with pytest.raises(ConfigurationError, match="another folder"):
        BackendAddresses.from_ready_line(line)
