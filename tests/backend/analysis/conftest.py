"""Connections and rollup parts for the tests of analysis."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from seamwatch.backend.storage.roles import conninfo_as


@pytest.fixture
def analysis(database: str) -> Iterator[psycopg.Connection]:
    """An autocommit connection as `seamwatch_analysis`."""
    conninfo = conninfo_as(database, "seamwatch_analysis", application_name="test analysis")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        yield connection


class FakeClock:
    """A clock that stands still until it is advanced."""

    def __init__(self) -> None:
        self.now_ns = 1_774_785_600_000_000_000  # 2026-03-29 12:00 UTC

    def time_ns(self) -> int:
        return self.now_ns

    def monotonic(self) -> float:
        return self.now_ns / 1e9

    def advance(self, seconds: float) -> None:
        self.now_ns += int(seconds * 1e9)


@pytest.fixture
def clock() -> FakeClock:
    """The fake clock, at noon of 29 March 2026 UTC."""
    return FakeClock()
