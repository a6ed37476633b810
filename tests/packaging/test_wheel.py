"""The wheel holds the four portions of the namespace with their SQL, templates and scripts, and nothing else."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
SOURCE_ROOTS = ("instrumentation", "processors", "exporters", "backend")
VENDOR = Path("backend/seamwatch/backend/ui/static/vendor")
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


def test_wheel_holds_the_pages_scripts_and_their_licences(names: set[str]) -> None:
    manifest = ROOT / VENDOR / "manifest.json"
    if not manifest.exists() and not os.environ.get("CI"):
        pytest.skip(
            "the pages' scripts were not fetched here: npm is missing; `make assets` says more"
        )

    wanted = {
        f"seamwatch/backend/ui/static/vendor/{name}" for name in json.loads(manifest.read_text())
    }

    assert wanted - names == set()
    assert any(name.endswith(".LICENSE.txt") for name in wanted)


def test_wheel_holds_our_licence(names: set[str]) -> None:
    assert any(name.endswith("/licenses/LICENSE") for name in names)
