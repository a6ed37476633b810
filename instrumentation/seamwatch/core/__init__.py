"""What every part of Seamwatch shares: errors, settings, the clock."""

from seamwatch.core.clock import Clock, SystemClock
from seamwatch.core.errors import (
    ConfigurationError,
    RejectedError,
    SeamwatchError,
    UnavailableError,
)
from seamwatch.core.settings import read_settings

__all__ = [
    "Clock",
    "ConfigurationError",
    "RejectedError",
    "SeamwatchError",
    "SystemClock",
    "UnavailableError",
    "read_settings",
]
