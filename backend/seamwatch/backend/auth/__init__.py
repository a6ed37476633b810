"""Authentication and authorization: tokens, roles, sessions, lock-out."""

from seamwatch.backend.auth.access import Access
from seamwatch.backend.auth.authenticator import Authenticator
from seamwatch.backend.auth.config import AuthConfig, IngestAuthMode
from seamwatch.backend.auth.csrf import check_csrf, csrf_token
from seamwatch.backend.auth.errors import ForbiddenError, LockedOutError, UnauthenticatedError
from seamwatch.backend.auth.first_admin import FirstAdmin, ensure_first_admin
from seamwatch.backend.auth.roles import BROWSER_ROLES, READ_ROLES, Role, parse_roles
from seamwatch.backend.auth.sessions import Session, SessionStore
from seamwatch.backend.auth.sign_in_links import SignInLink, create_sign_in_link
from seamwatch.backend.auth.tokens import (
    DEFAULT_TENANT,
    NewToken,
    TokenRecord,
    create_token,
    list_tokens,
    revoke_token,
)

__all__ = [
    "BROWSER_ROLES",
    "DEFAULT_TENANT",
    "READ_ROLES",
    "Access",
    "AuthConfig",
    "Authenticator",
    "FirstAdmin",
    "ForbiddenError",
    "IngestAuthMode",
    "LockedOutError",
    "NewToken",
    "Role",
    "Session",
    "SessionStore",
    "SignInLink",
    "TokenRecord",
    "UnauthenticatedError",
    "check_csrf",
    "create_sign_in_link",
    "create_token",
    "csrf_token",
    "ensure_first_admin",
    "list_tokens",
    "parse_roles",
    "revoke_token",
]
