"""Serves the pages' own files: the content's hash is in the address, so that a browser keeps them for ever.

An own handler and not Starlette's: no Range header is read (CVE-2025-62727) and no path is ever joined, a request
can only name what was found at the start.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response

__all__ = ["Asset", "Assets"]

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
_COMPRESSIBLE = frozenset({".css", ".js", ".svg", ".txt"})
_IMMUTABLE = "public, max-age=31536000, immutable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asset:
    """One file in memory. `gzip_body` is None where compression gains nothing."""

    name: str
    digest: str
    media_type: str
    body: bytes
    gzip_body: bytes | None


class Assets:
    """All files under ``ui/static``, read once from the wheel or the checkout. Safe from any thread or task."""

    def __init__(self, folder: Traversable | None = None) -> None:
        root = folder or resources.files("seamwatch.backend.ui").joinpath("static")
        self._assets: Mapping[str, Asset] = MappingProxyType(
            {asset.name: asset for asset in _read(root, "")}
        )

    def __contains__(self, name: object) -> bool:
        return name in self._assets

    def url(self, name: str) -> str:
        """Address of `name` (its path below ``static``), with the hash of its content.

        Raises:
            KeyError: There is no such file.
        """
        return f"/static/{self._assets[name].digest}/{name}"

    def body(self, name: str) -> bytes:
        """Content of `name`.

        Raises:
            KeyError: There is no such file.
        """
        return self._assets[name].body

    async def serve(self, request: Request) -> Response:
        """Answer ``/static/{digest}/{name:path}``; another digest than the file's gives 404."""
        asset = self._assets.get(request.path_params["name"])
        if asset is None or request.path_params["digest"] != asset.digest:
            return Response("no such file\n", 404, {"Cache-Control": "no-store"}, "text/plain")
        headers = {
            "Cache-Control": _IMMUTABLE,
            "ETag": f'"{asset.digest}"',
            "Vary": "Accept-Encoding",
        }
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(None, 304, headers)
        body = asset.body
        if asset.gzip_body is not None and "gzip" in request.headers.get("accept-encoding", ""):
            body = asset.gzip_body
            headers["Content-Encoding"] = "gzip"
        headers["Content-Type"] = asset.media_type
        return Response(body, 200, headers)


def _read(folder: Traversable, prefix: str) -> list[Asset]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _read(entry, f"{prefix}{entry.name}/")
            continue
        suffix = "." + entry.name.rpartition(".")[2]
        if suffix in _MEDIA_TYPES:
            body = entry.read_bytes()
            squeezed = gzip.compress(body, mtime=0) if suffix in _COMPRESSIBLE else None
            found.append(
                Asset(
                    name=prefix + entry.name,
                    digest=hashlib.blake2b(body, digest_size=8).hexdigest(),
                    media_type=_MEDIA_TYPES[suffix],
                    body=body,
                    gzip_body=squeezed if squeezed and len(squeezed) < len(body) else None,
                )
            )
    return found
