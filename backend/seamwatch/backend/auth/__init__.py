"""Authentication and authorization: tokens, roles, sessions, lock-out."""

from seamwatch.backend.auth.access import Access, require_role
from seamwatch.backend.auth.errors import ForbiddenError, LockedOutError, UnauthenticatedError
from seamwatch.backend.auth.roles import READ_ROLES, Role, parse_roles

__all__ = [
    "READ_ROLES",
    "Access",
    "ForbiddenError",
    "LockedOutError",
    "Role",
    "UnauthenticatedError",
    "parse_roles",
    "require_role",
]
