"""``seamwatch demo``: a live system with small services that call each other, fail and slow down."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from seamwatch.backend.cli.common import print_json, progress

if TYPE_CHECKING:
    from seamwatch.backend.cli.main import Subparsers
    from seamwatch.backend.demo import RunningDemo

__all__ = ["add_parser", "has_display", "run"]


def add_parser(subparsers: Subparsers) -> None:
    """Add the parser of the command."""
    parser = subparsers.add_parser(
        "demo",
        help="run a backend and a few small services that use it",
        description="A backend with its own database, five small services and their visitors, each a process of its "
        "own. Ctrl-C ends all of it. A demo that runs over the same folder is replaced.",
    )
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=Path(".demo"),
        metavar="DIR",
        help="folder of everything the demo keeps (default: .demo)",
    )
    parser.add_argument(
        "--auto-ports", action="store_true", help="take free ports where the wanted ones are taken"
    )
    parser.add_argument("--no-browser", action="store_true", help="open no browser")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON line when ready, and open no browser"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run until Ctrl-C; 0 then, 1 when the backend ended by itself."""
    from seamwatch.backend.demo import Demo
    from seamwatch.backend.demo.stop_request import StopRequest

    stop = StopRequest()
    demo = Demo(args.state_dir, is_any_port_fine=args.auto_ports, stop=stop, progress=progress)
    with stop.installed(), demo:
        running = demo.start()
        was_asked = True
        if running is not None:
            if args.json:
                print_json({"ready": True, "pid": os.getpid(), **running.as_dict()})
            else:
                _announce(running)
                if not args.no_browser and has_display():
                    _open_browser(running.sign_in_link)
            was_asked = demo.watch()
        progress("stopping; Ctrl-C again does not wait")
    progress("stopped")
    return 0 if was_asked else 1


def has_display() -> bool:
    """Whether this session can show a browser."""
    return sys.platform == "darwin" or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


def _announce(running: RunningDemo) -> None:
    print(
        f"""
  Sign in         once, within 10 minutes:
                  {running.sign_in_link}
  Pages           {running.url}
                  later sign in with the token in {running.admin_token_file}
  Your own spans  OTLP/HTTP to {running.otlp_http}, OTLP/gRPC to {running.otlp_grpc}

  What to look at
    Overview      five services, live; visitors come in waves of four minutes
    Traces        an order passes storefront, checkout, inventory, payments and notifier
    In a while    inventory slows down after 40 s, payments fail after 100 s, both again every few minutes

  Break something: kill {running.pids["payments"]}
                  ends payments; within 10 s the Overview shows it silent, and errors of checkout

  Ctrl-C stops all.
""",
        flush=True,
    )


def _open_browser(link: str) -> None:
    """In a thread: a browser in the foreground would keep us from watching."""
    threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()
