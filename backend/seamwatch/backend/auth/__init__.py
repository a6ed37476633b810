"""Authentication and authorization: tokens, roles, sessions, lock-out."""

from seamwatch.backend.auth.access import Access, require_role
from seamwatch.backend.auth.authenticator import Authenticator
from seamwatch.backend.auth.config import AuthConfig, IngestAuthMode
from seamwatch.backend.auth.csrf import check_csrf, csrf_token
from seamwatch.backend.auth.errors import ForbiddenError, LockedOutError, UnauthenticatedError
from seamwatch.backend.auth.roles import READ_ROLES, Role, parse_roles
from seamwatch.backend.auth.tokens import (
    DEFAULT_TENANT,
    NewToken,
    TokenRecord,
    create_token,
    list_tokens,
    revoke_token,
)

__all__ = [
    "DEFAULT_TENANT",
    "READ_ROLES",
    "Access",
    "AuthConfig",
    "Authenticator",
    "ForbiddenError",
    "IngestAuthMode",
    "LockedOutError",
    "NewToken",
    "Role",
    "TokenRecord",
    "UnauthenticatedError",
    "check_csrf",
    "create_token",
    "csrf_token",
    "list_tokens",
    "parse_roles",
    "require_role",
    "revoke_token",
]
