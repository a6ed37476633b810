"""The written form of a token: ``swk_<id>_<secret><checksum>``.

The id (12 base62 characters) is public and stands in lists, logs and audit entries. The secret is 32
random bytes in 43 base62 characters. The checksum, 6 base62 characters of the CRC-32 of all before it,
lets a mistyped or made-up string be refused without asking the database, and lets secret scanners
report without false alarms; it protects nothing.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass, field

__all__ = ["MAX_AUTHORIZATION_BYTES", "ParsedToken", "new_token", "parse_bearer", "parse_token"]

MAX_AUTHORIZATION_BYTES = 512
"""A longer Authorization header is refused unread."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 12
_SECRET_BYTES = 32
_SECRET_LENGTH = 43  # 62**43 > 2**256
_CHECKSUM_LENGTH = 6  # 62**6 > 2**32
_TOKEN = re.compile(
    rf"swk_([0-9A-Za-z]{{{_ID_LENGTH}}})_([0-9A-Za-z]{{{_SECRET_LENGTH}}})([0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})"
)


@dataclass(frozen=True, slots=True)
class ParsedToken:
    """A well-formed token; nothing is known yet of whether it is accepted. Its repr has no secret."""

    token_id: str
    secret: str = field(repr=False)
    text: str = field(repr=False)

    @property
    def secret_hash(self) -> bytes:
        """SHA-256 of the secret, as stored.

        A slow password hash would add nothing: the secret has 256 random bits.
        """
        return hashlib.sha256(self.secret.encode("ascii")).digest()

    @property
    def cache_key(self) -> bytes:
        """SHA-256 of the whole token, so that no cache holds a usable credential."""
        return hashlib.sha256(self.text.encode("ascii")).digest()


def new_token() -> ParsedToken:
    """Draw a token from the operating system's random source."""
    token_id = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))
    secret = _base62(int.from_bytes(secrets.token_bytes(_SECRET_BYTES), "big"), _SECRET_LENGTH)
    return ParsedToken(token_id, secret, f"swk_{token_id}_{secret}{_checksum(token_id, secret)}")


def parse_token(text: str) -> ParsedToken | None:
    """Read a token; None where it is not one that `new_token` could have written."""
    if len(text) > MAX_AUTHORIZATION_BYTES:
        return None
    match = _TOKEN.fullmatch(text)
    if match is None:
        return None
    token_id, secret, checksum = match.groups()
    if checksum != _checksum(token_id, secret):
        return None
    return ParsedToken(token_id, secret, text)


def parse_bearer(authorization: str) -> ParsedToken | None:
    """Read the value of an Authorization header; None where it is not ``Bearer <token>``.

    The scheme's case does not matter (RFC 9110 section 11.1); one space and nothing around it.
    """
    if len(authorization) > MAX_AUTHORIZATION_BYTES:
        return None
    scheme, separator, credential = authorization.partition(" ")
    if not separator or scheme.lower() != "bearer":
        return None
    return parse_token(credential)


def _checksum(token_id: str, secret: str) -> str:
    return _base62(zlib.crc32(f"swk_{token_id}_{secret}".encode("ascii")), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    """`number` in `length` digits, most significant first."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
