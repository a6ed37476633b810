"""Query parameters that the pages declare."""

from __future__ import annotations

from seamwatch.backend.api.parameter import Parameter
from seamwatch.backend.api.window import Window, parse_window

__all__ = ["WINDOW", "WINDOWS", "text_parameter"]

WINDOWS = ("15m", "1h", "6h", "24h", "7d")
_MAX_CHARACTERS = 4096

WINDOW: Parameter[Window] = Parameter(
    name="window", parse=parse_window, default=parse_window("1h"), summary="How far to look back."
)


def _text(value: str) -> str:
    if len(value) > _MAX_CHARACTERS:
        raise ValueError(f"give at most {_MAX_CHARACTERS} characters")
    return value.strip()


def text_parameter(name: str, summary: str) -> Parameter[str]:
    """A parameter that takes any text; what a form sends empty counts as absent."""
    return Parameter(name=name, parse=_text, default="", summary=summary)
