"""Verdicts of Seamwatch, stamped on telemetry."""

from __future__ import annotations

from typing import Final

__all__ = [
    "SEAMWATCH_ERROR_CATEGORY",
    "SEAMWATCH_ROOT_CAUSE_CATEGORY",
    "SEAMWATCH_ROOT_CAUSE_SPAN_ID",
    "SEAMWATCH_SLA_BREACHED",
    "SEAMWATCH_SLA_TARGET",
    "SEAMWATCH_TENANT",
]

SEAMWATCH_SLA_TARGET: Final = "seamwatch.sla.target"
SEAMWATCH_SLA_BREACHED: Final = "seamwatch.sla.breached"
SEAMWATCH_ROOT_CAUSE_SPAN_ID: Final = "seamwatch.root_cause.span_id"
SEAMWATCH_ROOT_CAUSE_CATEGORY: Final = "seamwatch.root_cause.category"
SEAMWATCH_ERROR_CATEGORY: Final = "seamwatch.error.category"
SEAMWATCH_TENANT: Final = "seamwatch.tenant"
