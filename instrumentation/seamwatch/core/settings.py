"""Reads a frozen settings dataclass from environment variables."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from seamwatch.core.errors import ConfigurationError

__all__ = ["read_settings", "variable_name"]

_Settings = TypeVar("_Settings")

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def variable_name(prefix: str, field: dataclasses.Field[Any]) -> str:
    """Environment variable of one field: ``metadata["variable"]``, else prefix + upper-cased name."""
    return str(field.metadata.get("variable", prefix + field.name.upper()))


def read_settings(cls: type[_Settings], environ: Mapping[str, str], *, prefix: str) -> _Settings:
    """Build `cls` from the variables that are set and not empty; the rest keep their defaults.

    Args:
        cls: A frozen dataclass whose fields are str, int, float, bool, Path, an Enum of strings,
            tuple[str, ...] (comma separated), or one of these ``| None``.
        environ: Variables by name.
        prefix: Put before the upper-cased field name; a field's ``metadata["variable"]`` replaces both.

    Raises:
        ConfigurationError: A value does not fit its field; names the variable and the value.
    """
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        name = variable_name(prefix, field)
        raw = environ.get(name, "").strip()
        if raw:
            values[field.name] = _convert(name, raw, hints[field.name])
    return cls(**values)


def _convert(name: str, raw: str, kind: Any) -> Any:
    """One variable's text as the type its field asks for."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kind = next(option for option in typing.get_args(kind) if option is not type(None))
    try:
        if kind is bool:
            return _boolean(raw)
        if kind in (int, float, str, Path):
            return kind(raw)
        if typing.get_origin(kind) is tuple:
            return tuple(part.strip() for part in raw.split(",") if part.strip())
        if isinstance(kind, type) and issubclass(kind, Enum):
            return kind(raw.lower())
    except ValueError as error:
        raise ConfigurationError(f"{name}: expected {_describe(kind)}, got {raw!r}") from error
    raise TypeError(f"{name}: read_settings cannot fill a field of type {kind!r}")


def _boolean(raw: str) -> bool:
    lowered = raw.lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ValueError(raw)


def _describe(kind: Any) -> str:
    if kind is bool:
        return "true or false"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "one of " + ", ".join(str(member.value) for member in kind)
    return {int: "a whole number", float: "a number"}.get(kind, "text")
