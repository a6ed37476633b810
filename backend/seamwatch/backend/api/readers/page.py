"""One page of a list as a reader returns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

__all__ = ["Page", "Position"]

_Item = TypeVar("_Item")

Position = dict[str, Any]
"""Where a list goes on: JSON, opaque to callers, signed before it leaves."""


@dataclass(frozen=True)
class Page(Generic[_Item]):
    """Items and where to go on (None: this was all). A page may be short, even empty, and still go on."""

    items: list[_Item]
    position: Position | None
