"""States of a service as the pages show them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from seamwatch.backend.api.types import Verdict

__all__ = ["HEALTH_KIND", "Health", "ServiceState", "service_states"]

HEALTH_KIND = "service_health"
"""Kind of the verdicts that the analysis loop keeps of services."""


class Health(StrEnum):
    """State of a service, the most urgent first."""

    FAILING = "failing"
    DEGRADED = "degraded"
    SILENT = "silent"
    UNKNOWN = "unknown"
    HEALTHY = "healthy"

    @property
    def rank(self) -> int:
        """Place in a list sorted by urgency: 0 is the most urgent."""
        return list(Health).index(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceState:
    """A state and since when it holds (None: no analysis has judged the service yet)."""

    health: Health = Health.UNKNOWN
    since: datetime | None = None


def service_states(verdicts: Iterable[Verdict]) -> dict[str, ServiceState]:
    """State by service name; a word that no badge exists for counts as unknown."""
    known = {health.value for health in Health}
    return {
        verdict.subject: ServiceState(
            health=Health(verdict.state) if verdict.state in known else Health.UNKNOWN,
            since=verdict.since,
        )
        for verdict in verdicts
        if verdict.kind == HEALTH_KIND and verdict.until is None
    }
