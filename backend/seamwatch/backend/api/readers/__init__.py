"""Questions to the database, one module each; the API and the pages ask the same ones.

Every reader takes a connection of `Call.transaction` (tenant bound, read only) and returns Structs
of `api.types`. Lists return a `Page`: its `position` goes through `Call.sign_cursor` to the caller
and comes back through `Call.read_cursor`.
"""

from __future__ import annotations

from seamwatch.backend.api.readers.page import Page

__all__ = ["Page"]
