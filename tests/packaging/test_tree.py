"""What a tracked file may not hold: addresses of registries, paths of one machine, others' code, 500 lines."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_LINES = 500
# Spelled in two halves, so that this file does not hold them.
REGISTRY_HOSTS = [
    f"{name}.{domain}"
    for name, domain in [
        ("pypi", "org"), ("files.pythonhosted", "org"), ("registry.npmjs", "org"), ("npmjs", "com"),
        ("crates", "io"), ("proxy.golang", "org"), ("repo1.maven", "org"), ("deb.debian", "org"),
    ]
]  # fmt: skip
MACHINE_PATH = re.compile(
    r"(^|[^A-Za-z0-9_])/(work|farm|root)/[A-Za-z]|/home/[a-z]+/|/Users/[a-z]+/", re.MULTILINE
)
BINARY = {".png", ".ico", ".bin"}
IGNORED = {
    ".git",
    ".venv",
    ".cache",
    ".demo",
    "vendor",
    "__pycache__",
    "node_modules",
    "dist",
    "build",
}


@cache
def tracked() -> tuple[Path, ...]:
    """Files under version control; in an unpacked archive, all that are there."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"],  # noqa: S607
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listing.returncode == 0 and listing.stdout:
        files = [ROOT / name for name in listing.stdout.split("\0") if name]
    else:
        files = [
            path for path in ROOT.rglob("*") if not IGNORED & set(path.relative_to(ROOT).parts)
        ]
    return tuple(sorted(path for path in files if path.is_file()))


def texts() -> list[tuple[str, str]]:
    return [
        (path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
        for path in tracked()
        if path.suffix not in BINARY
    ]


@pytest.mark.parametrize("host", REGISTRY_HOSTS)
def test_no_file_names_the_host_of_a_package_registry(host: str) -> None:
    assert [name for name, text in texts() if host in text] == []


def test_no_file_names_a_path_of_one_machine() -> None:
    found = [
        f"{name}: {match[0].strip()}"
        for name, text in texts()
        for match in MACHINE_PATH.finditer(text)
    ]

    assert found == []


def test_no_module_is_longer_than_500_lines() -> None:
    lengths = {
        name: text.count("\n") for name, text in texts() if name.endswith((".py", ".js", ".css"))
    }

    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_no_third_party_code_and_no_lock_file_is_tracked() -> None:
    forbidden = re.compile(
        r"(^|/)(vendor|node_modules)/|\.min\.(js|css)$|\.lock$|package-lock\.json$|^Pipfile"
    )

    assert [path for path, _ in texts() if forbidden.search(path)] == []


def test_every_module_defers_its_annotations() -> None:
    modules = [(name, text) for name, text in texts() if name.endswith(".py") and text.strip()]

    missing = [name for name, text in modules if "from __future__ import annotations" not in text]

    assert [name for name in missing if not name.endswith("__init__.py")] == []
