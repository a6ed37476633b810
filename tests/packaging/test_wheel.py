"""The wheel holds the four portions of the namespace with their SQL, templates and scripts, and nothing else."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
SOURCE_ROOTS = ("instrumentation", "processors", "exporters", "backend")
CODE_OR_RESOURCE = {
    ".py",
    ".sql",
    ".html",
    ".css",
    ".js",
    ".svg",
    ".json",
    ".txt",
    ".yaml",
    ".typed",
    ".ico",
    ".png",
}


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def in_tree(*suffixes: str) -> set[str]:
    """Files of the source roots with these suffixes, as they should be named in the wheel."""
    return {
        path.relative_to(ROOT / root).as_posix()
        for root in SOURCE_ROOTS
        for path in (ROOT / root / "seamwatch").rglob("*")
        if path.suffix in suffixes
    }


def test_wheel_holds_seamwatch_and_its_metadata_only(names: set[str]) -> None:
    tops = {PurePosixPath(name).parts[0] for name in names}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"seamwatch"}


def test_wheel_holds_every_module_of_the_tree(names: set[str]) -> None:
    assert in_tree(".py") - names == set()


@pytest.mark.parametrize("suffix", [".sql", ".html", ".css", ".js", ".svg", ".typed", ".yaml"])
def test_wheel_holds_every_resource_of_the_tree(names: set[str], suffix: str) -> None:
    assert in_tree(suffix) - names == set()


def test_wheel_holds_no_tests_and_no_leftovers(names: set[str]) -> None:
    content = [PurePosixPath(name) for name in names if ".dist-info/" not in name]

    assert [str(path) for path in content if path.suffix not in CODE_OR_RESOURCE] == []
    assert [
        str(path) for path in content if "tests" in path.parts or path.name.startswith("test_")
    ] == []


def test_wheel_leaves_the_namespace_open(names: set[str]) -> None:
    assert "seamwatch/__init__.py" not in names


def test_wheel_holds_what_the_pages_are_made_of(names: set[str]) -> None:
    folder = ROOT / "backend" / "seamwatch" / "backend" / "ui"
    files = [
        path
        for part in ("static", "templates")
        for path in (folder / part).rglob("*")
        if path.is_file()
    ]

    assert files
    assert {path.relative_to(ROOT / "backend").as_posix() for path in files} - names == set()


def test_wheel_holds_our_licence(names: set[str]) -> None:
    assert any(name.endswith("/licenses/LICENSE") for name in names)
