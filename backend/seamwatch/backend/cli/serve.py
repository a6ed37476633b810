"""``seamwatch serve``: receivers, analysis, API and dashboard in one process."""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from seamwatch.backend.cli.common import progress
from seamwatch.backend.serve import Server, ServerConfig
from seamwatch.backend.telemetry.log_format import configure_logging

if TYPE_CHECKING:
    from seamwatch.backend.cli.main import Subparsers

__all__ = ["add_parser", "run"]

_LOG = logging.getLogger("seamwatch.serve")
_GC_THRESHOLD = (
    50_000  # rows are tuples without cycles: the default looks through them 60 times a batch
)


def add_parser(subparsers: Subparsers) -> None:
    """Add the parser of the command."""
    parser = subparsers.add_parser(
        "serve",
        help="run the receivers, the analysis, the API and the dashboard",
        description="Receive OTLP traces over gRPC and HTTP, keep them in PostgreSQL, analyse and show them.",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON line when ready, and logs as JSON"
    )
    parser.add_argument(
        "--auto-ports", action="store_true", help="take free ports where the wanted ones are taken"
    )
    parser.add_argument(
        "--migrate", action="store_true", help="also migrate the database of SEAMWATCH_DATABASE_URL"
    )
    parser.add_argument(
        "--print-token",
        action="store_true",
        help="print the first admin token, also to a file or pipe",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C, then drain; 0 after a clean stop."""
    configure_logging(as_json=args.json)
    config = ServerConfig.from_environment()
    sys.setswitchinterval(
        0.001
    )  # writers wait for the interpreter after each answer of PostgreSQL; default 5 ms
    gc.set_threshold(_GC_THRESHOLD, 50, 100)
    stop = threading.Event()
    server = Server(
        config,
        is_any_port_fine=args.auto_ports,
        may_migrate=args.migrate,
        progress=_LOG.info if args.json else progress,
    )

    def ask_to_stop(*_: object) -> None:
        stop.set()
        server.request_stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask_to_stop)
    with server:
        gc.freeze()  # what is loaded by now stays for good: nothing to look for in it
        _announce(server, args)
        stop.wait()
        _LOG.info("stopping: new requests are told to come back, those under way finish")
    return 0


def _announce(server: Server, args: argparse.Namespace) -> None:
    """The ready line: JSON for scripts, sentences for people."""
    addresses = server.addresses
    assert addresses is not None  # noqa: S101 - start() sets it
    token_file = addresses.admin_token_file
    if args.json:
        print(json.dumps({"ready": True, "pid": os.getpid(), **addresses.as_dict()}), flush=True)
    else:
        print(f"OTLP/gRPC   {addresses.otlp_grpc}")
        print(f"OTLP/HTTP   {addresses.otlp_http}")
        print(f"Dashboard   {addresses.admin}")
        if token_file:
            print(f"Admin token in {token_file}", flush=True)
    if token_file and (args.print_token or (sys.stdout.isatty() and not args.json)):
        with open(token_file, encoding="utf-8") as file:
            print(f"Admin token {file.read().strip()}", flush=True)
