"""The command `seamwatch`."""

from seamwatch.backend.cli.main import main

__all__ = ["main"]
