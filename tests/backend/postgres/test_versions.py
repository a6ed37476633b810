from __future__ import annotations

import pytest

from seamwatch.backend.postgres import versions
from seamwatch.core import ConfigurationError


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("postgres (PostgreSQL) 18.6\n", 180_006),
        ("postgres (PostgreSQL) 15.19 (Debian 15.19-0+deb12u1)", 150_019),
        ("postgres (PostgreSQL) 19beta1", 190_000),
        ("sh: not found", None),
    ],
)
def test_version_line_is_read_as_the_number_the_server_reports(
    text: str, version: int | None
) -> None:
    assert versions.parse(text) == version


@pytest.mark.parametrize("version", [150_000, 180_006, 189_999])
def test_versions_fifteen_to_eighteen_pass(version: int) -> None:
    versions.check_supported(version, source="SEAMWATCH_DATABASE_URL")


@pytest.mark.parametrize(("version", "text"), [(140_011, r"14\.11"), (190_000, r"19\.0")])
def test_other_versions_are_refused_with_source_and_number(version: int, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"SEAMWATCH_DATABASE_URL: PostgreSQL {text} is"):
        versions.check_supported(version, source="SEAMWATCH_DATABASE_URL")
