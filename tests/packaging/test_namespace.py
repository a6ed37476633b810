"""One top-level name is installed, and it belongs to nobody: a PEP 420 namespace."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from importlib.metadata import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE_ROOTS = ("instrumentation", "processors", "exporters", "backend")


def packages() -> list[str]:
    """Dotted names of every package in the tree."""
    return sorted(
        ".".join(path.parent.relative_to(ROOT / root).parts)
        for root in SOURCE_ROOTS
        for path in (ROOT / root).rglob("__init__.py")
    )


def run_elsewhere(code: str, folder: Path) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


def test_only_the_name_seamwatch_is_installed() -> None:
    tops = {file.parts[0] for file in files("seamwatch") or [] if file.suffix == ".py"}

    assert tops <= {"seamwatch"}


def test_generic_names_stay_free(tmp_path: Path) -> None:
    code = f"import importlib.util as u; print([n for n in {(*SOURCE_ROOTS, 'tests', 'benchmarks', 'scripts')} if u.find_spec(n)])"

    assert run_elsewhere(code, tmp_path) == "[]"


def test_no_source_root_makes_the_namespace_its_own() -> None:
    assert [
        str(path) for root in SOURCE_ROOTS for path in (ROOT / root / "seamwatch").glob("*.py")
    ] == []


def test_the_namespace_stays_open_to_other_distributions(tmp_path: Path) -> None:
    other = tmp_path / "seamwatch" / "guest"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("NAME = 'guest'\n")
    code = "import seamwatch.guest, seamwatch.core; print(seamwatch.guest.NAME)"

    assert run_elsewhere(code, tmp_path) == "guest"


@pytest.mark.parametrize("package", packages())
def test_packages_say_what_is_public(package: str) -> None:
    module = importlib.import_module(package)

    assert module.__doc__
    assert [name for name in getattr(module, "__all__", []) if not hasattr(module, name)] == []


@pytest.mark.parametrize("root", SOURCE_ROOTS)
def test_packages_carry_the_typed_marker(root: str) -> None:
    tops = [
        path for path in (ROOT / root / "seamwatch").iterdir() if (path / "__init__.py").exists()
    ]

    assert [path.name for path in tops if not (path / "py.typed").exists()] == []


def test_the_client_imports_no_heavy_dependency(tmp_path: Path) -> None:
    code = (
        "import sys, seamwatch.client, seamwatch.exporters, seamwatch.semconv, seamwatch.core;"
        "print([m for m in ('numpy', 'scipy', 'grpc', 'psycopg', 'starlette') if m in sys.modules])"
    )

    assert run_elsewhere(code, tmp_path) == "[]"
