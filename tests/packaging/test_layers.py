"""Imports point one way: between the packages of the namespace, and between the parts of the backend."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE_ROOTS = ("instrumentation", "processors", "exporters", "backend")

_BASE = {"semconv", "core", "breaker"}
MAY_IMPORT = {
    "semconv": {"semconv"},
    "core": {"semconv", "core"},
    "breaker": _BASE,
    "instrumentation": _BASE | {"instrumentation"},
    "processors": _BASE | {"processors"},
    "exporters": _BASE | {"processors", "exporters"},
    "client": _BASE | {"instrumentation", "processors", "exporters", "client"},
    "backend": _BASE | {"processors", "exporters", "client", "backend"},
}

# telemetry, postgres <- storage <- auth <- receiver | analysis <- api <- ui <- serve <- demo <- cli
_STORES = {"telemetry", "postgres", "storage"}
_READS = _STORES | {"auth", "analysis", "receiver", "api"}
_SERVES = _READS | {"ui", "serve"}
BACKEND_MAY_IMPORT = {
    "telemetry": {"telemetry"},
    "postgres": {"telemetry", "postgres"},
    "storage": _STORES,
    "auth": _STORES | {"auth"},
    "receiver": _STORES | {"auth", "receiver"},
    "analysis": _STORES | {"auth", "analysis"},
    "api": _READS,
    "ui": _READS | {"ui"},
    "serve": _SERVES,
    "demo": _SERVES | {"demo"},
    "cli": _SERVES | {"demo", "cli"},
}
HEAVY = {"numpy", "scipy", "grpc", "psycopg"}


def packages() -> list[tuple[str, Path]]:
    folders = (ROOT / root / "seamwatch" for root in SOURCE_ROOTS)
    found = (entry for folder in folders for entry in folder.iterdir() if entry.is_dir())
    return sorted((path.name, path) for path in found if any(path.rglob("*.py")))


def backend_parts() -> list[tuple[str, list[Path]]]:
    folder = ROOT / "backend" / "seamwatch" / "backend"
    parts = {
        entry.name: sorted(entry.rglob("*.py")) for entry in folder.iterdir() if entry.is_dir()
    }
    parts |= {path.stem: [path] for path in folder.glob("*.py") if path.stem != "__init__"}
    return sorted((name, files) for name, files in parts.items() if files)


def imported(path: Path) -> set[str]:
    """Dotted names that a file imports anywhere, strings given to import_module included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Call) and node.args:
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in {"import_module", "__import__"}:
                names.add(str(getattr(node.args[0], "value", "")))
    return names


def below(names: set[str], prefix: str) -> set[str]:
    """The part after `prefix` of the names under it, one level deep."""
    return {name.removeprefix(prefix).split(".")[0] for name in names if name.startswith(prefix)}


def known_parts() -> set[str]:
    return {name for name, _ in backend_parts()}


@pytest.mark.parametrize(
    ("package", "folder"), packages(), ids=lambda value: getattr(value, "name", value)
)
def test_packages_import_only_what_lies_below_them(package: str, folder: Path) -> None:
    for path in folder.rglob("*.py"):
        assert below(imported(path), "seamwatch.") <= MAY_IMPORT[package], path.relative_to(ROOT)


@pytest.mark.parametrize(
    ("part", "files"), backend_parts(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_parts_of_the_backend_import_only_what_lies_below_them(
    part: str, files: list[Path]
) -> None:
    for path in files:
        used = below(imported(path), "seamwatch.backend.") & known_parts()

        assert used <= BACKEND_MAY_IMPORT[part], path.relative_to(ROOT)


def test_the_table_of_the_backend_knows_every_part() -> None:
    assert known_parts() <= set(BACKEND_MAY_IMPORT)


def test_the_table_of_the_backend_allows_no_cycle() -> None:
    pairs = {(a, b) for a, below_a in BACKEND_MAY_IMPORT.items() for b in below_a if a != b}

    assert {(a, b) for a, b in pairs if (b, a) in pairs} == set()


def test_nothing_is_imported_relatively() -> None:
    relative = [
        str(path.relative_to(ROOT))
        for _, folder in packages()
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level
    ]

    assert relative == []


def test_no_module_imports_itself_through_others() -> None:
    graph = _module_graph()

    assert _cycles(graph) == []


def test_what_a_watched_service_loads_names_no_heavy_library() -> None:
    light = ("semconv", "core", "breaker", "instrumentation", "exporters", "client")

    for package, folder in packages():
        if package in light:
            for path in folder.rglob("*.py"):
                assert {name.split(".")[0] for name in imported(path)} & HEAVY == set(), (
                    path.relative_to(ROOT)
                )


def _module_graph() -> dict[str, set[str]]:
    """Imports between modules that run at import time, by dotted name."""
    files = {
        ".".join(path.relative_to(folder.parents[1]).with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for _, folder in packages()
        for path in folder.rglob("*.py")
    }
    graph: dict[str, set[str]] = {}
    for name, path in files.items():
        targets: set[str] = set()
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names} & files.keys()
                targets |= inner or ({node.module} & files.keys())
            elif isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names} & files.keys()
        graph[name] = targets - {name}
    return graph


def _cycles(graph: dict[str, set[str]]) -> list[str]:
    """What remains when modules that import nothing of the rest are taken away again and again."""
    rest = dict(graph)
    while leaves := {name for name, targets in rest.items() if not targets & rest.keys()}:
        rest = {name: targets for name, targets in rest.items() if name not in leaves}
    importers = {target for targets in rest.values() for target in targets}
    return sorted(rest.keys() & importers)
