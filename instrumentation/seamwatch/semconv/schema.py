"""Identity of this version of the conventions."""

from __future__ import annotations

from typing import Final

__all__ = ["SCHEMA_URL"]

# An identifier so far: `.invalid` is reserved (RFC 2606), so it can never be somebody else's.
SCHEMA_URL: Final = "https://seamwatch.invalid/schemas/0.1.0"
