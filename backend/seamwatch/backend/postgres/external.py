"""A PostgreSQL that somebody else runs: checked, never managed."""

from __future__ import annotations

import psycopg
from psycopg.conninfo import conninfo_to_dict

from seamwatch.backend.postgres import versions
from seamwatch.core.errors import ConfigurationError, UnavailableError

__all__ = ["check_external"]

_CONNECT_TIMEOUT_S = 10


def check_external(database_url: str) -> int:
    """Connect once and check the version.

    Returns:
        The server's version, like 180006.

    Raises:
        ConfigurationError: The URL cannot be read, or the version is not supported.
        UnavailableError: No connection; may work later. No message holds the password.
    """
    try:
        parameters = conninfo_to_dict(database_url)
    except psycopg.ProgrammingError as error:
        # libpq's own message may quote the URL, password and all.
        raise ConfigurationError(
            "SEAMWATCH_DATABASE_URL: cannot be read; write "
            "postgresql://user:password@host:5432/database, special characters percent-encoded"
        ) from error.with_traceback(None)
    where = " ".join(
        f"{name}={parameters[name]}"
        for name in ("host", "hostaddr", "port", "user", "dbname", "service")
        if parameters.get(name)
    )
    timeout_s = int(parameters.get("connect_timeout") or _CONNECT_TIMEOUT_S)
    try:
        with psycopg.connect(database_url, connect_timeout=timeout_s) as connection:
            version = connection.info.server_version
    except psycopg.OperationalError as error:
        raise UnavailableError(
            f"SEAMWATCH_DATABASE_URL: no connection to {where or 'the default server'}: "
            f"{str(error).strip()}; check that the server runs and that the login is right",
            retry_after_s=2.0,
        ) from error
    versions.check_supported(version, source=f"SEAMWATCH_DATABASE_URL ({where})")
    return version
