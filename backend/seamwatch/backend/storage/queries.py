"""The named queries: one SQL statement a file, with a header that says what goes in and out."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import LiteralString, cast

__all__ = ["QueryError", "load", "names"]

HEADER_FIELDS = ("in", "out", "index", "budget")

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_HEADER = re.compile(r"--\s*(?P<field>[a-z]+):\s*\S")


class QueryError(LookupError):
    """A query file is missing, or its header is not complete."""


@cache
def load(name: str) -> LiteralString:
    """The statement of ``sql/queries/<name>.sql``, read once; safe from any thread.

    Args:
        name: File name without ``.sql``.

    Raises:
        QueryError: There is no such file, or its header lacks a field of `HEADER_FIELDS`.
    """
    if not _NAME.fullmatch(name):
        raise QueryError(f"{name!r}: a query's name is lower case letters, digits and _")
    file = resources.files("seamwatch.backend.storage") / "sql" / "queries" / f"{name}.sql"
    if not file.is_file():
        raise QueryError(f"{name}: no such file in storage/sql/queries")
    text = file.read_text("utf-8")
    header = {match["field"] for match in map(_HEADER.match, _header_lines(text)) if match}
    missing = [field for field in HEADER_FIELDS if field not in header]
    if missing:
        raise QueryError(f"{name}: the header lacks {', '.join(missing)}")
    # A file of the package is as literal as text in the code: nothing a sender wrote gets in here.
    return cast(LiteralString, text)  # type: ignore[redundant-cast]  # mypy takes it for str, pyright not


@cache
def names() -> tuple[str, ...]:
    """Every named query, in order of name."""
    folder = resources.files("seamwatch.backend.storage") / "sql" / "queries"
    return tuple(sorted(f.name[:-4] for f in folder.iterdir() if f.name.endswith(".sql")))


def _header_lines(text: str) -> list[str]:
    """The comment lines before the statement."""
    lines: list[str] = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line)
    return lines
