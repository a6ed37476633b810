"""Charts as geometry: pure functions from numbers to what the SVG templates draw."""

from seamwatch.backend.ui.svg.sparkline import Sparkline, sparkline
from seamwatch.backend.ui.svg.ticks import Tick, time_ticks
from seamwatch.backend.ui.svg.waterfall import OutlineSpan, Waterfall, WaterfallRow, waterfall

__all__ = [
    "OutlineSpan",
    "Sparkline",
    "Tick",
    "Waterfall",
    "WaterfallRow",
    "sparkline",
    "time_ticks",
    "waterfall",
]
