"""Finds the command that is meant, runs it, and turns what goes wrong into an exit code.

A command is a module with ``add_parser(subparsers)``, which adds its parser and names ``run`` in it by
``set_defaults(run=run)``, and ``run(args) -> int``. Only the module of the command that is run is imported:
``seamwatch --help`` loads no driver and no server.

Exit codes: 0 done; 1 it could not be done (the message says why); 2 the command line or a setting is wrong.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, cast

from seamwatch.core import ConfigurationError, SeamwatchError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "serve": "run the receivers, the analysis, the API and the dashboard",
    "demo": "run a backend and a few small services that use it",
    "migrate": "bring the schema of the database up to date",
    "check": "check settings, database, roles, ports and clock, and say what to do",
    "tenant": "make and list tenants, give one its own SQL login",
    "token": "make, list and revoke access tokens",
}
"""Every command with its line in the help; its module is ``seamwatch.backend.cli.<command>``."""

_PACKAGE = "seamwatch.backend.cli"


class Command(Protocol):
    """What the module of a command has."""

    def add_parser(self, subparsers: Subparsers) -> None:
        """Add the parser of the command to `subparsers`."""
        ...

    def run(self, args: argparse.Namespace) -> int:
        """Do it; returns the exit code."""
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The words after ``seamwatch``; None: those of the process.

    Returns:
        The exit code: 0, 1 or 2.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parser(words).parse_args(words)
        if args.command is None:
            _parser([]).print_help(sys.stderr)
            return 2
        return int(args.run(args))
    except SystemExit as stop:  # argparse: 0 after --help, 2 after a wrong word
        return stop.code if isinstance(stop.code, int) else 2
    except ConfigurationError as error:
        return _fail(error, 2)
    except SeamwatchError as error:
        return _fail(error, 1)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("seamwatch"):
            raise
        return _fail(f"{error.name} is not installed: pip install 'seamwatch[backend]'", 2)
    except BrokenPipeError:
        # The reader went away (`seamwatch token list | head`): no traceback at interpreter exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return _fail("interrupted", 1)


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of `words`: whole for the command they name, a line of help for the others."""
    parser = argparse.ArgumentParser(
        prog="seamwatch",
        description="OpenTelemetry-native reliability: receives, keeps and shows what services tell.",
        epilog="`seamwatch COMMAND --help` shows more. Settings are the variables SEAMWATCH_*.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"seamwatch {_version()}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    meant = next((word for word in words if not word.startswith("-")), None)
    for name, help_line in COMMANDS.items():
        if name == meant:
            command = cast(Command, importlib.import_module(f"{_PACKAGE}.{name}"))
            command.add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=help_line)
    return parser


def _version() -> str:
    try:
        return importlib.metadata.version("seamwatch")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def _fail(message: object, code: int) -> int:
    print(f"seamwatch: {message}", file=sys.stderr)
    return code
