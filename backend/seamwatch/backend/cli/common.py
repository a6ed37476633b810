"""What commands share: the database of the settings, who runs them, their output."""

from __future__ import annotations

import argparse
import getpass
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from seamwatch.core import ConfigurationError, SeamwatchError, UnavailableError

__all__ = [
    "actor",
    "add_json_option",
    "open_database",
    "parse_expiry",
    "print_json",
    "print_table",
    "progress",
]

_SPAN = re.compile(r"([0-9]{1,6})([mhdwy])")
_UNIT_S = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON value, for scripts")


def actor() -> str:
    """Who runs the command, for the audit log: ``cli:<user of the operating system>``."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError, ImportError):  # a uid without an entry in the password database
        return "cli:unknown"


def progress(line: str) -> None:
    """One line on standard error, where it does not mix with the answer."""
    print(line, file=sys.stderr, flush=True)


def print_json(value: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
    """One line of JSON on standard output; times as RFC 3339 UTC."""
    print(json.dumps(value, default=_as_json), flush=True)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Aligned columns on standard output."""
    lines = [list(columns), *([_as_text(value) for value in row] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )


def parse_expiry(text: str, *, now: datetime | None = None) -> datetime | None:
    """The moment that ``--expires`` means.

    Args:
        text: A span (``30m``, ``12h``, ``90d``, ``4w``, ``1y``), an ISO 8601 date or time (UTC where it
            names no zone), or ``never``.
        now: From where a span counts.

    Raises:
        argparse.ArgumentTypeError: It is none of these, or not in the future.
    """
    current = now or datetime.now(UTC)
    word = text.strip().lower()
    if word == "never":
        return None
    match = _SPAN.fullmatch(word)
    try:
        if match is not None:
            moment = current + timedelta(seconds=int(match[1]) * _UNIT_S[match[2]])
        else:
            moment = datetime.fromisoformat(text.strip())
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(
            f"expected a span such as 90d or 12h, an ISO date, or never, got {text!r}"
        ) from error
    if moment <= current:
        raise argparse.ArgumentTypeError(f"expected a moment in the future, got {text!r}")
    return moment


@contextmanager
def open_database() -> Iterator[str]:
    """Conninfo of the database that the settings mean, ready to be used.

    A given server, or the embedded one: beside a running ``serve`` its own, else one started for the time of
    the command (and migrated, as ``serve`` would).

    Raises:
        ConfigurationError: A setting cannot be used, or the given database is not migrated.
        UnavailableError: The database cannot be reached.
        SeamwatchError: It refused a statement.
    """
    import psycopg

    from seamwatch.backend.postgres import PostgresConfig, open_postgres, running_conninfo
    from seamwatch.backend.storage.migrate import create_roles, migrate, pending

    config = PostgresConfig.from_environment()
    try:
        conninfo = running_conninfo(config)
        if conninfo is not None:
            if pending(conninfo):
                raise ConfigurationError(
                    "the database lacks migrations of this release: run `seamwatch migrate`"
                )
            yield conninfo
            return
        with open_postgres(config, progress=progress) as server:
            if pending(server.conninfo):
                create_roles(server.conninfo)
                migrate(server.conninfo, progress=progress)
            yield server.conninfo
    except psycopg.OperationalError as error:
        raise UnavailableError(f"the database does not answer: {_first_line(error)}") from error
    except psycopg.ProgrammingError as error:
        # Also a SEAMWATCH_DATABASE_URL that libpq cannot read; libpq repeats no password in its message.
        raise SeamwatchError(f"the database refused: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _as_json(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"not JSON: {type(value).__name__}")


def _as_text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return str(value)
