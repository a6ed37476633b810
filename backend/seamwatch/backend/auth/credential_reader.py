"""Reads tokens from the database over one connection that reconnects by itself."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from seamwatch.backend.auth._database import (
    access_from_row,
    auth_conninfo,
    auth_transaction,
    first_line,
    statement,
)
from seamwatch.backend.auth.access import Access
from seamwatch.backend.auth.token_format import ParsedToken
from seamwatch.core import UnavailableError

__all__ = ["Credential", "CredentialReader"]

_UNKNOWN_HASH = bytes(32)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Credential:
    """A token whose secret was right when it was read; `expires_unix_nano` None: it does not expire."""

    access: Access
    expires_unix_nano: int | None
    last_used_at: datetime | None


class CredentialReader:
    """One connection as ``seamwatch_auth``. Not safe from several threads: the caller holds a lock."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connection: psycopg.Connection[Any] | None = None

    def find(self, token: ParsedToken) -> Credential | None:
        """The token's credential; None where the id is unknown or revoked, or the secret is wrong.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        row = self._row("auth_token_find", {"token_id": token.token_id})
        # An unknown id goes through the same comparison, so that the answer's time tells nothing.
        stored = _UNKNOWN_HASH if row is None else bytes(row[0])
        is_right = hmac.compare_digest(stored, token.secret_hash)
        if row is None or not is_right:
            return None
        access = access_from_row(token.token_id, row[1], row[2], row[3], row[4])
        return Credential(access, unix_nano(row[4]), row[5])

    def tenant_id(self, tenant_name: str) -> int | None:
        """A tenant's id by its name.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        row = self._row("auth_tenant_find", {"tenant_name": tenant_name})
        return None if row is None else int(row[0])

    def touch(self, used: Iterable[tuple[str, datetime]]) -> None:
        """Store when tokens were last used, over a connection of its own: it delays no `find`.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        pairs = list(used)
        with auth_transaction(self._conninfo) as connection:
            connection.execute(
                statement("auth_token_touch"),
                {"token_ids": [pair[0] for pair in pairs], "used_at": [pair[1] for pair in pairs]},
            )

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _row(self, name: str, parameters: dict[str, Any]) -> tuple[Any, ...] | None:
        """The first row of a statement; a connection that died since its last use is replaced once."""
        is_reused = self._connection is not None
        try:
            return self._execute(name, parameters)
        except psycopg.OperationalError as error:
            self.close()
            if not is_reused:
                raise _unavailable(error) from error
        try:
            return self._execute(name, parameters)
        except psycopg.OperationalError as error:
            self.close()
            raise _unavailable(error) from error

    def _execute(self, name: str, parameters: dict[str, Any]) -> tuple[Any, ...] | None:
        if self._connection is None:
            self._connection = psycopg.connect(auth_conninfo(self._conninfo), autocommit=True)
        row: tuple[Any, ...] | None = self._connection.execute(
            statement(name), parameters
        ).fetchone()
        return row


def unix_nano(moment: datetime | None) -> int | None:
    """Nanoseconds since 1970, without a float between."""
    if moment is None:
        return None
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return ((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds) * 1000


def _unavailable(error: psycopg.OperationalError) -> UnavailableError:
    # The caller is not known yet: where the database is and what it said stays in the log.
    _logger.warning("the credentials cannot be checked: %s", first_line(error))
    return UnavailableError(
        "the credentials cannot be checked: the database is away", retry_after_s=1.0
    )
