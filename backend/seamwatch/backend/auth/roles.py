"""What a token may be for."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

__all__ = ["BROWSER_ROLES", "READ_ROLES", "Role", "parse_roles"]


class Role(StrEnum):
    """One permission of a token; none includes another, a route lists every role it lets in."""

    INGEST = "ingest"
    """Write telemetry; reads nothing."""
    CONTROL = "control"
    """A service's control stream: breaker state and overrides, references."""
    VIEWER = "viewer"
    """Read the dashboard and the API of one tenant."""
    OPERATOR = "operator"
    """Silence alerts, override breakers."""
    ADMIN = "admin"
    """Administer tenants and tokens; the only role that spans tenants."""
    PRIVACY = "privacy"
    """Export and erase a subject's records."""
    AUDITOR = "auditor"
    """Read the audit log, nothing else."""
    INTEGRATION = "integration"
    """Read the API from a machine."""


READ_ROLES = frozenset({Role.VIEWER, Role.OPERATOR, Role.ADMIN, Role.INTEGRATION})
"""Roles that may read a tenant's telemetry through the API and the pages."""

BROWSER_ROLES = READ_ROLES | {Role.PRIVACY, Role.AUDITOR}
"""Roles that have something to do in a browser; a token with none of them cannot sign in."""


def parse_roles(names: Iterable[str]) -> frozenset[Role]:
    """Read role names as a user writes them.

    Raises:
        ValueError: A name is unknown, or there is none.
    """
    roles = set()
    for name in names:
        try:
            roles.add(Role(name.strip().lower()))
        except ValueError as error:
            known = ", ".join(Role)
            raise ValueError(f"role: expected one of {known}, got {name.strip()!r}") from error
    if not roles:
        raise ValueError(f"role: expected at least one of {', '.join(Role)}")
    return frozenset(roles)
