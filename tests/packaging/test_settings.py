"""docs/settings.md and the settings classes say the same: every variable, with its default."""

from __future__ import annotations

import dataclasses
import importlib
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

import seamwatch.core.settings as settings

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "settings.md"
SOURCE_ROOTS = ("instrumentation", "processors", "exporters", "backend")
_ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]+)` \| (?:`([^`]*)`|(unset))[^|]*\| (.+) \|$", re.MULTILINE)
# Read outside a settings class; the section "Not settings of a component" of the document.
_BESIDE = {"SEAMWATCH_TEST_DATABASE_URL"}


def settings_classes() -> Iterator[type[Any]]:
    """Every class that reads itself from the environment, but those that only join others."""
    for root in SOURCE_ROOTS:
        for path in sorted((ROOT / root / "seamwatch").rglob("*.py")):
            if "def from_environment" not in path.read_text():
                continue
            name = ".".join(path.relative_to(ROOT / root).with_suffix("").parts)
            for cls in vars(importlib.import_module(name)).values():
                if (
                    isinstance(cls, type)
                    and cls.__module__ == name
                    and hasattr(cls, "from_environment")
                ):
                    if not joins_others(cls):
                        yield cls


def joins_others(cls: type[Any]) -> bool:
    return any(dataclasses.is_dataclass(field.default_factory) for field in dataclasses.fields(cls))


def variables_of(cls: type[Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Variables that a class reads, with their defaults as the document spells them."""
    fields: dict[str, str] = {}
    original = settings.variable_name

    def record(prefix: str, field: dataclasses.Field[Any]) -> str:
        name = original(prefix, field)
        fields[field.name] = name
        return name

    with monkeypatch.context() as patch:
        patch.setattr(settings, "variable_name", record)
        made = cls.from_environment({})
    return {variable: spelled(getattr(made, name)) for name, variable in fields.items()}


def spelled(value: object) -> str:
    if value is None or value == ():
        return "unset"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).replace(str(Path.home()), "~")


def documented() -> dict[str, str]:
    return {
        name: default or unset for name, default, unset, _ in _ROW.findall(DOCUMENT.read_text())
    }


@pytest.fixture
def in_code(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    return {
        variable: default
        for cls in settings_classes()
        for variable, default in variables_of(cls, monkeypatch).items()
    }


@pytest.mark.parametrize("cls", list(settings_classes()), ids=lambda cls: cls.__name__)
def test_settings_are_frozen_and_named_config(cls: type[Any]) -> None:
    assert cls.__name__.endswith("Config")
    assert dataclasses.is_dataclass(cls)
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]


def test_every_setting_is_documented_with_its_default(in_code: dict[str, str]) -> None:
    table = documented()

    assert {name: default for name, default in in_code.items() if table.get(name) != default} == {}


def test_every_documented_setting_is_read(in_code: dict[str, str]) -> None:
    assert sorted(documented().keys() - in_code.keys() - _BESIDE) == []


def test_no_setting_is_documented_twice() -> None:
    names = [name for name, *_ in _ROW.findall(DOCUMENT.read_text())]

    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_every_row_of_the_document_can_be_read() -> None:
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]

    assert [row for row in rows if not _ROW.fullmatch(row)] == []
