"""Who a credential is and what it may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from seamwatch.backend.auth.errors import ForbiddenError
from seamwatch.backend.auth.roles import Role

__all__ = ["Access"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """One accepted credential: its tenant and its roles. Immutable, safe from any thread or task.

    `token_id` is the public part of the token, fit for logs and audit entries; `expires_at` None: it does
    not expire by itself.
    """

    token_id: str
    tenant_id: int
    tenant_name: str
    roles: frozenset[Role]
    expires_at: datetime | None = None

    def has_any(self, *roles: Role) -> bool:
        """Whether the credential carries at least one of `roles`."""
        return not self.roles.isdisjoint(roles)

    def require(self, *roles: Role) -> None:
        """Let pass who carries at least one of `roles`.

        Raises:
            ForbiddenError: The credential carries none of them (also when `roles` is empty).
        """
        if not self.has_any(*roles):
            needed = " or ".join(sorted(roles)) or "(none is enough)"
            raise ForbiddenError(f"this needs a token with the role {needed}")
