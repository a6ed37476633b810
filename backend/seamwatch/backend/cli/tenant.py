"""``seamwatch tenant create|list|grant-sql``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from seamwatch.backend.cli.common import (
    actor,
    add_json_option,
    open_database,
    print_json,
    print_table,
    progress,
)

if TYPE_CHECKING:
    from seamwatch.backend.cli.main import Subparsers

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Subparsers) -> None:
    """Add the parser of ``tenant``."""
    parser = subparsers.add_parser(
        "tenant",
        help="make and list tenants, give one its own SQL login",
        description="A tenant's records are seen by its own tokens and its own SQL login only.",
    )
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a tenant")
    create.add_argument(
        "name", metavar="NAME", help="lower-case letters, digits, - and _; at most 63"
    )
    add_json_option(create)
    add_json_option(actions.add_parser("list", help="list the tenants"))
    grant = actions.add_parser(
        "grant-sql",
        help="make the tenant's SQL login, or give it a new password",
        description="Prints a login that reads this tenant's rows and no others. The password is shown once.",
    )
    grant.add_argument("name", metavar="NAME", help="an existing tenant")
    add_json_option(grant)


def run(args: argparse.Namespace) -> int:
    """Do what ``args.action`` says."""
    action = {"create": _create, "list": _list, "grant-sql": _grant_sql}[args.action]
    with open_database() as conninfo:
        action(conninfo, args)
    return 0


def _create(conninfo: str, args: argparse.Namespace) -> None:
    from seamwatch.backend.storage.tenants import create_tenant

    tenant = create_tenant(conninfo, args.name, actor=actor())
    if args.json:
        print_json({"name": tenant.name, "created_at": tenant.created_at})
    else:
        print(
            f"tenant {tenant.name} made; next: seamwatch token create --role ingest --tenant {tenant.name}"
        )


def _list(conninfo: str, args: argparse.Namespace) -> None:
    from seamwatch.backend.storage.tenants import list_tenants

    tenants = list_tenants(conninfo)
    if args.json:
        print_json(
            [
                {"name": tenant.name, "created_at": tenant.created_at, "login": tenant.login}
                for tenant in tenants
            ]
        )
    else:
        rows = [(tenant.name, tenant.created_at, tenant.login) for tenant in tenants]
        print_table(("NAME", "CREATED", "SQL LOGIN"), rows)


def _grant_sql(conninfo: str, args: argparse.Namespace) -> None:
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    from seamwatch.backend.storage.tenants import grant_sql

    granted = grant_sql(conninfo, args.name, actor=actor())
    # The privileged login's own user, password and options must not be in what is handed on.
    kept = ("host", "hostaddr", "port", "dbname", "sslmode", "sslrootcert")
    server = {key: value for key, value in conninfo_to_dict(conninfo).items() if key in kept}
    own = make_conninfo("", **server, user=granted.login, password=granted.password)
    if args.json:
        print_json(
            {
                "tenant": granted.tenant.name,
                "login": granted.login,
                "password": granted.password,
                "conninfo": own,
            }
        )
    else:
        progress(f"SQL login of tenant {granted.tenant.name}; the password is not shown again:")
        print(own)
