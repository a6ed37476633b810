"""Turns a Struct into a JSON answer with a strong ETag."""

from __future__ import annotations

import hashlib
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response

__all__ = ["Asked", "body_answer", "etag_of", "json_answer"]

_encoder = msgspec.json.Encoder()


class Asked(Protocol):
    """What an answer must know of the call it answers."""

    @property
    def request(self) -> Request:
        """The request with its conditions."""
        ...


def json_answer(call: Asked, answer: Any) -> Response:
    """200 with `answer` as JSON, or 304 where the caller has exactly this already."""
    body = _encoder.encode(answer)
    return body_answer(call, body, etag_of(body))


def etag_of(body: bytes) -> str:
    """A strong entity tag: BLAKE2b-128 of the bytes."""
    return f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'


def body_answer(call: Asked, body: bytes, etag: str) -> Response:
    """`json_answer` for a body that is encoded already."""
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization, Cookie",
    }
    if _matches(call.request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _matches(condition: str | None, etag: str) -> bool:
    """If-None-Match by RFC 9110 §13.1.2: weak comparison, a list, or *."""
    if condition is None:
        return False
    return any(part.strip().removeprefix("W/") in (etag, "*") for part in condition.split(","))
