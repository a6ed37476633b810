"""Makes sure that somebody can sign in: the first admin token, in a file only its owner can read."""

from __future__ import annotations

import hmac
import logging
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from seamwatch.backend.auth._database import auth_transaction, statement
from seamwatch.backend.auth.roles import Role
from seamwatch.backend.auth.token_format import ParsedToken, parse_token
from seamwatch.backend.auth.tokens import DEFAULT_TENANT, create_token_in, revoke_token_in

__all__ = ["TOKEN_FILE_NAME", "FirstAdmin", "ensure_first_admin"]

TOKEN_FILE_NAME = "admin-token"  # noqa: S105 (the name of a file)

_ACTOR = "first_admin"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class FirstAdmin:
    """Where the token is; its text stands in the file only."""

    token_file: Path
    token_id: str
    is_new: bool

    def read_token(self) -> str:
        """The token's text, for who asks for it by name (``--print-token``)."""
        return self.token_file.read_text("ascii").strip()


def ensure_first_admin(conninfo: str, state_dir: Path) -> FirstAdmin | None:
    """Find the admin token of this state folder, or make it and write it to ``<state_dir>/admin-token``.

    Where the file is lost or holds another token, the tokens made for this folder before are revoked and a new
    one is made. A first token that was revoked on purpose is not made again while another admin token is
    active: then None, and a stale file is removed.

    Args:
        conninfo: The privileged login; the statements run as ``seamwatch_auth``.
        state_dir: Made with mode 0700 where it is missing.

    Raises:
        OSError: The file cannot be written.
        RejectedError: The tenant ``default`` is missing.
        UnavailableError: The database cannot be reached.
    """
    path = state_dir / TOKEN_FILE_NAME
    label = f"first admin of {socket.gethostname()}:{state_dir.absolute()}"[:200]
    with auth_transaction(conninfo) as connection:
        # Two that start at once must not each revoke the other's token.
        connection.execute(statement("auth_lock_first_admin"))
        written = _read(path)
        tokens = _admin_tokens(connection)
        active = [token for token in tokens if token.is_active]
        if written is not None and _is_written(active, written):
            return FirstAdmin(token_file=path, token_id=written.token_id, is_new=False)
        earlier = [token for token in active if token.label == label]
        if active and not earlier and any(token.label == label for token in tokens):
            path.unlink(missing_ok=True)
            return None
        for token in earlier:
            revoke_token_in(connection, token.token_id, actor=_ACTOR)
        made = create_token_in(
            connection,
            roles=(Role.ADMIN,),
            tenant_name=DEFAULT_TENANT,
            expires_at=None,
            label=label,
            actor=_ACTOR,
        )
        _write(path, made.token)  # before the commit: a token in the database always has its file
    return FirstAdmin(token_file=path, token_id=made.token_id, is_new=True)


@dataclass(frozen=True)
class _AdminToken:
    token_id: str
    label: str
    secret_hash: bytes
    is_active: bool


def _admin_tokens(connection: psycopg.Connection[Any]) -> list[_AdminToken]:
    """Every admin token there ever was."""
    rows = connection.execute(statement("auth_admin_tokens"), {"role": Role.ADMIN}).fetchall()
    return [_AdminToken(row[0], row[1], bytes(row[2]), row[3]) for row in rows]


def _is_written(tokens: list[_AdminToken], written: ParsedToken | None) -> bool:
    """Whether the file's token is an active admin token."""
    return written is not None and any(
        token.token_id == written.token_id
        and hmac.compare_digest(token.secret_hash, written.secret_hash)
        for token in tokens
    )


def _read(path: Path) -> ParsedToken | None:
    """The token in the file; its mode is put right where others could read it."""
    try:
        text = path.read_text("ascii", errors="replace")
        mode = path.stat().st_mode & 0o777
    except FileNotFoundError:
        return None
    if mode & 0o077:
        _log.warning("%s had mode %o, others could read the admin token: set to 600", path, mode)
        path.chmod(0o600)
    return parse_token(text.strip())


def _write(path: Path, token: str) -> None:
    """Put the whole file in place at once; nobody else can ever read any of it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(token + "\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
