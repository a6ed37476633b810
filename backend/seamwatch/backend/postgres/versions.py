"""Which PostgreSQL versions Seamwatch works with."""

from __future__ import annotations

import re

from seamwatch.core.errors import ConfigurationError

__all__ = ["NEWEST_MAJOR", "OLDEST_MAJOR", "check_supported", "describe", "is_supported", "parse"]

OLDEST_MAJOR = 15
NEWEST_MAJOR = 18


def parse(text: str) -> int | None:
    """Number of a ``postgres --version`` line as the server counts it (18.6 -> 180006), else None."""
    match = re.search(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?", text)
    return int(match[1]) * 10_000 + int(match[2] or 0) if match else None


def describe(version: int) -> str:
    """Number as people write it: 180006 -> ``18.6``."""
    return f"{version // 10_000}.{version % 10_000}"


def is_supported(version: int) -> bool:
    """Whether `version` (like 180006) is one that Seamwatch is tested with."""
    return OLDEST_MAJOR <= version // 10_000 <= NEWEST_MAJOR


def check_supported(version: int, *, source: str) -> None:
    """Refuse a server that Seamwatch is not tested with.

    Args:
        version: As the server counts it, like 180006.
        source: What named that server: the setting or the folder.

    Raises:
        ConfigurationError: Older than PostgreSQL 15 or newer than 18.
    """
    if not is_supported(version):
        raise ConfigurationError(
            f"{source}: PostgreSQL {describe(version)} is not supported; "
            f"use a version from {OLDEST_MAJOR} to {NEWEST_MAJOR}"
        )
