"""Settings of authentication."""

from __future__ import annotations

import pytest

from seamwatch.backend.auth import AuthConfig, IngestAuthMode
from seamwatch.core import ConfigurationError


@pytest.mark.parametrize(
    ("value", "is_loopback_only", "mode"),
    [
        ("", True, IngestAuthMode.OPEN),
        ("", False, IngestAuthMode.REQUIRED),
        ("required", True, IngestAuthMode.REQUIRED),
        ("open", False, IngestAuthMode.OPEN),
    ],
)
def test_ingest_is_open_on_loopback_unless_said_otherwise(
    value: str, is_loopback_only: bool, mode: IngestAuthMode
) -> None:
    config = AuthConfig.from_environment({"SEAMWATCH_INGEST_AUTH": value})

    assert config.ingest_mode(is_loopback_only=is_loopback_only) is mode


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SEAMWATCH_INGEST_AUTH", "maybe"),
        ("SEAMWATCH_AUTH_LOCKOUT_FAILURES", "0"),
        ("SEAMWATCH_AUTH_CACHE_S", "2.5"),
        ("SEAMWATCH_AUTH_CACHE_S", "nan"),
        ("SEAMWATCH_AUTH_STALE_S", "1"),
        ("SEAMWATCH_AUTH_SESSION_IDLE_S", "0"),
        ("SEAMWATCH_AUTH_SESSION_ABSOLUTE_S", "inf"),
        ("SEAMWATCH_AUTH_SIGN_IN_LINK_S", "-1"),
        ("SEAMWATCH_AUTH_SIGN_IN_LINK_S", "601"),
    ],
)
def test_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        AuthConfig.from_environment({name: value})
