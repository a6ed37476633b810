"""``seamwatch migrate``: brings the schema up to date, or prints the SQL that makes the roles."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from seamwatch.backend.cli.common import add_json_option, print_json, progress

if TYPE_CHECKING:
    from seamwatch.backend.cli.main import Subparsers

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Subparsers) -> None:
    """Add the parser of the command."""
    parser = subparsers.add_parser(
        "migrate",
        help="bring the schema of the database up to date",
        description="Apply the migrations that the database lacks. Safe to run again, and beside a running server.",
    )
    parser.add_argument(
        "--phase",
        choices=("all", "pre", "post"),
        default="all",
        help="pre: before the new release starts; post: after the old one has stopped (default: all)",
    )
    parser.add_argument(
        "--print-roles",
        action="store_true",
        help="print the SQL that makes the roles, for a database whose administrator is not us",
    )
    parser.add_argument(
        "--skip-roles", action="store_true", help="the roles were made before; do not touch them"
    )
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Migrate; 0 when the schema is current."""
    from seamwatch.backend.storage.roles import roles_sql

    if args.print_roles:
        print(roles_sql())
        return 0
    from seamwatch.backend.postgres import PostgresConfig, open_postgres, running_conninfo

    config = PostgresConfig.from_environment()
    conninfo = running_conninfo(config)
    if conninfo is not None:
        applied = _migrate(conninfo, args)
    else:
        with open_postgres(config, progress=progress) as server:
            applied = _migrate(server.conninfo, args)
    if args.json:
        print_json({"applied": applied})
    else:
        print("\n".join(applied) if applied else "the schema is current")
    return 0


def _migrate(conninfo: str, args: argparse.Namespace) -> list[str]:
    from seamwatch.backend.storage.migrate import create_roles, migrate

    if not args.skip_roles:
        create_roles(conninfo)
    return migrate(conninfo, phase=args.phase, progress=progress)
