"""Round marks on a time axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seamwatch.backend.ui.format import duration

__all__ = ["Tick", "time_ticks"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """A mark at `percent` (0 to 100) of the axis."""

    percent: str
    label: str


def time_ticks(length_ms: float, *, at_most: int = 5) -> list[Tick]:
    """Marks at multiples of 1, 2 or 5 times a power of ten, 0 included, at most `at_most` + 1 of them.

    The last mark may lie short of the axis' end; a mark whose label would be cut by the end is left out.
    """
    if length_ms <= 0:
        return [Tick(percent="0", label=duration(0))]
    rough = length_ms / at_most
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(m * magnitude for m in (1, 2, 5, 10) if m * magnitude >= rough * (1 - 1e-9))
    marks = []
    for index in range(int(length_ms / step * (1 + 1e-9)) + 1):
        percent = index * step / length_ms * 100
        if percent <= 94:
            marks.append(Tick(percent=f"{percent:.3f}", label=duration(index * step)))
    return marks
