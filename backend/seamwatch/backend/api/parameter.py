"""Query parameters that a route declares: what it does not declare is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

__all__ = ["Parameter", "PrefixParameter"]

_Value = TypeVar("_Value")


@dataclass(frozen=True, kw_only=True, eq=False)
class Parameter(Generic[_Value]):
    """One query parameter.

    `parse` raises ValueError with the remedy ("give 1 to 200") where the text does not fit.
    """

    name: str
    parse: Callable[[str], _Value]
    default: _Value
    summary: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, kw_only=True, eq=False)
class PrefixParameter:
    """A family of query parameters that share a prefix, such as ``attr.<key>=<value>``."""

    prefix: str
    summary: str
    max_count: int = 6
