"""``seamwatch token create|list|revoke``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from seamwatch.backend.cli.common import (
    actor,
    add_json_option,
    open_database,
    parse_expiry,
    print_json,
    print_table,
    progress,
)

if TYPE_CHECKING:
    from seamwatch.backend.auth.roles import Role
    from seamwatch.backend.cli.main import Subparsers

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Subparsers) -> None:
    """Add the parser of ``token``."""
    parser = subparsers.add_parser(
        "token",
        help="make, list and revoke access tokens",
        description="A token belongs to one tenant and carries roles; only its digest is stored.",
    )
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser(
        "create",
        help="make a token and print it, once",
        description="Prints the token alone on standard output: TOKEN=$(seamwatch token create --role ingest)",
    )
    create.add_argument(
        "--role",
        required=True,
        type=_roles,
        metavar="R[,R]",
        help="ingest, control, viewer, operator, admin, privacy, auditor, integration",
    )
    create.add_argument("--tenant", default="default", metavar="NAME", help="default: default")
    create.add_argument(
        "--expires",
        type=parse_expiry,
        metavar="WHEN",
        help="90d, 12h, an ISO date or time, or never (the default)",
    )
    create.add_argument(
        "--label", default="", type=_label, help="what the token is for, at most 200 characters"
    )
    add_json_option(create)
    listing = actions.add_parser("list", help="list the tokens, never their secrets")
    listing.add_argument("--tenant", metavar="NAME", help="only those of one tenant")
    add_json_option(listing)
    revoke = actions.add_parser("revoke", help="refuse a token from now on (in force within 2 s)")
    revoke.add_argument("id", metavar="ID", type=_token_id, help="the <id> of swk_<id>_<secret>")
    add_json_option(revoke)


def run(args: argparse.Namespace) -> int:
    """Do what ``args.action`` says."""
    action = {"create": _create, "list": _list, "revoke": _revoke}[args.action]
    with open_database() as conninfo:
        action(conninfo, args)
    return 0


def _create(conninfo: str, args: argparse.Namespace) -> None:
    from seamwatch.backend.auth.tokens import create_token

    made = create_token(
        conninfo,
        roles=args.role,
        tenant_name=args.tenant,
        expires_at=args.expires,
        label=args.label,
        actor=actor(),
    )
    if args.json:
        print_json(
            {
                "id": made.token_id,
                "token": made.token,
                "tenant": made.tenant_name,
                "roles": sorted(made.roles),
                "expires_at": made.expires_at,
            }
        )
    else:
        until = (
            "does not expire"
            if made.expires_at is None
            else f"until {made.expires_at:%Y-%m-%d %H:%M}Z"
        )
        progress(
            f"token {made.token_id} of tenant {made.tenant_name} ({', '.join(sorted(made.roles))}), {until}; "
            "it is not shown again:"
        )
        print(made.token)


def _list(conninfo: str, args: argparse.Namespace) -> None:
    from seamwatch.backend.auth.tokens import list_tokens

    tokens = list_tokens(conninfo, tenant_name=args.tenant)
    if args.json:
        print_json(
            [
                {
                    "id": token.token_id,
                    "tenant": token.tenant_name,
                    "roles": list(token.roles),
                    "label": token.label,
                    "created_at": token.created_at,
                    "expires_at": token.expires_at,
                    "revoked_at": token.revoked_at,
                    "last_used_at": token.last_used_at,
                }
                for token in tokens
            ]
        )
        return
    print_table(
        ("ID", "TENANT", "ROLES", "CREATED", "EXPIRES", "REVOKED", "LAST USED", "LABEL"),
        [
            (
                token.token_id,
                token.tenant_name,
                ",".join(token.roles),
                token.created_at,
                token.expires_at,
                token.revoked_at,
                token.last_used_at,
                token.label,
            )
            for token in tokens
        ],
    )


def _revoke(conninfo: str, args: argparse.Namespace) -> None:
    from seamwatch.backend.auth.tokens import revoke_token

    was_active = revoke_token(conninfo, args.id, actor=actor())
    if args.json:
        print_json({"id": args.id, "revoked": True, "was_active": was_active})
    else:
        print(f"token {args.id} {'revoked' if was_active else 'was revoked before'}")


def _roles(text: str) -> frozenset[Role]:
    from seamwatch.backend.auth.roles import parse_roles

    try:
        return parse_roles(text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _label(text: str) -> str:
    if len(text) > 200 or not text.isprintable():
        raise argparse.ArgumentTypeError("expected at most 200 printable characters")
    return text


def _token_id(text: str) -> str:
    """The id; of a whole token pasted by mistake only its id, so that no secret gets into a message."""
    parts = text.split("_")
    return parts[1] if len(parts) == 3 and parts[0] == "swk" else text[:64]
