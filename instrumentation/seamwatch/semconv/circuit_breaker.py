"""Names of circuit breakers (proposed; stability: development)."""

from __future__ import annotations

from typing import Final

__all__ = [
    "CIRCUIT_BREAKER_NAME",
    "CIRCUIT_BREAKER_OUTCOME",
    "CIRCUIT_BREAKER_STATE",
    "CIRCUIT_BREAKER_TRANSITION_FROM",
    "CIRCUIT_BREAKER_TRANSITION_TO",
    "CIRCUIT_BREAKER_TRANSITION_TRIGGER",
    "METRIC_CIRCUIT_BREAKER_CALLS",
    "METRIC_CIRCUIT_BREAKER_FAILURE_RATE",
    "METRIC_CIRCUIT_BREAKER_OPEN_REMAINING",
    "METRIC_CIRCUIT_BREAKER_SLOW_CALL_RATE",
    "METRIC_CIRCUIT_BREAKER_STATE",
    "METRIC_CIRCUIT_BREAKER_STATE_DURATION",
    "METRIC_CIRCUIT_BREAKER_TRANSITIONS",
]

CIRCUIT_BREAKER_NAME: Final = "circuit_breaker.name"
CIRCUIT_BREAKER_STATE: Final = "circuit_breaker.state"
CIRCUIT_BREAKER_OUTCOME: Final = "circuit_breaker.outcome"
CIRCUIT_BREAKER_TRANSITION_FROM: Final = "circuit_breaker.transition.from"
CIRCUIT_BREAKER_TRANSITION_TO: Final = "circuit_breaker.transition.to"
CIRCUIT_BREAKER_TRANSITION_TRIGGER: Final = "circuit_breaker.transition.trigger"
METRIC_CIRCUIT_BREAKER_CALLS: Final = "circuit_breaker.calls"
METRIC_CIRCUIT_BREAKER_TRANSITIONS: Final = "circuit_breaker.transitions"
METRIC_CIRCUIT_BREAKER_STATE: Final = "circuit_breaker.state"
METRIC_CIRCUIT_BREAKER_STATE_DURATION: Final = "circuit_breaker.state.duration"
METRIC_CIRCUIT_BREAKER_FAILURE_RATE: Final = "circuit_breaker.failure_rate"
METRIC_CIRCUIT_BREAKER_SLOW_CALL_RATE: Final = "circuit_breaker.slow_call_rate"
METRIC_CIRCUIT_BREAKER_OPEN_REMAINING: Final = "circuit_breaker.open.remaining"
