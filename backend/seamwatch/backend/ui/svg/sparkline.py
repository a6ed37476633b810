"""A minute-by-minute chart the size of a word: requests as an area, errors as bars from the ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["HEIGHT", "WIDTH", "Sparkline", "sparkline"]

WIDTH = 120
HEIGHT = 28
_TOP = 2.0  # room for the line's own width


@dataclass(frozen=True, kw_only=True, slots=True)
class Sparkline:
    """Geometry in a view box of `WIDTH` x `HEIGHT`; `errors` are bars (x, y, width, height)."""

    line: str
    area: str
    errors: tuple[tuple[str, str, str, str], ...]
    peak: int
    latest: int


def sparkline(request_counts: Sequence[int], error_counts: Sequence[int]) -> Sparkline:
    """Chart of two series of the same length, one value a minute, the oldest first.

    Errors share the scale of the requests but are at least 3 units high: one error among a thousand
    requests has to be seen.

    Raises:
        ValueError: The series differ in length.
    """
    if len(request_counts) != len(error_counts):
        raise ValueError(f"expected equal lengths, got {len(request_counts)}, {len(error_counts)}")
    if not request_counts:
        return Sparkline(line="", area="", errors=(), peak=0, latest=0)
    peak = max(request_counts)
    scale = (HEIGHT - _TOP) / peak if peak else 0.0
    step = WIDTH / max(1, len(request_counts) - 1)
    points = [(i * step, HEIGHT - n * scale) for i, n in enumerate(request_counts)]
    path = "L".join(f"{_number(x)} {_number(y)}" for x, y in points)
    bar_width = max(1.0, step * 0.7)
    errors = []
    for (x, _), failed in zip(points, error_counts, strict=True):
        if failed:
            height = min(HEIGHT - _TOP, max(3.0, failed * scale))
            left = min(max(0.0, x - bar_width / 2), WIDTH - bar_width)
            errors.append(
                (_number(left), _number(HEIGHT - height), _number(bar_width), _number(height))
            )
    return Sparkline(
        line=f"M{path}",
        area=f"M0 {HEIGHT}L{path}L{WIDTH} {HEIGHT}Z",
        errors=tuple(errors),
        peak=peak,
        latest=request_counts[-1],
    )


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
