"""Reads the small forms of the pages and checks where they may lead."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

from seamwatch.backend.api.problem import ProblemError

__all__ = ["read_form", "safe_path"]

_MAX_BYTES = 16 * 1024
_FORM_TYPE = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> dict[str, str]:
    """Fields of an urlencoded form; of a repeated one the first. Stops reading at 16 KiB.

    Raises:
        ProblemError: 413 for a larger body, 415 for another media type, 400 where it is not a form.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM_TYPE:
        raise ProblemError(
            415, "Not a form", detail="the body is no urlencoded form", remedy=f"send {_FORM_TYPE}"
        )
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BYTES:
            raise ProblemError(
                413, "Form too large", detail="the form has over 16 KiB", remedy="send less"
            )
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=32
        )
    except ValueError as error:
        raise ProblemError(
            400, "Not a form", detail="the body cannot be read as a form", remedy="send it again"
        ) from error
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return fields


def safe_path(target: str) -> str:
    """`target` where it is a path on this server, else ``/``: a sign-in never leads to another site."""
    is_local = target.startswith("/") and not target.startswith(("//", "/\\"))
    is_plain = target.isprintable() and target.isascii() and "\\" not in target
    is_sign_in = target.startswith("/sign-")
    return target if is_local and is_plain and not is_sign_in and len(target) <= 2048 else "/"
