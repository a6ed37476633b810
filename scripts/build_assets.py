"""Fetches the scripts of the dashboard's pages (htmx, uPlot) from npm; nothing of them is committed.

Each package is fetched once by ``npm pack`` into ``.cache/assets``, compared with the digest pinned
below, and a few of its files are copied to ``ui/static/vendor``. The pages are rendered on the server
and work without them; live updates and charts need them. ``SEAMWATCH_BUILD_ASSETS``: ``0`` does
nothing, ``1`` fails where an asset cannot be had, unset goes on without it and says so.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["AssetError", "Package", "build_assets"]

_ROOT = Path(__file__).resolve().parents[1]
_TIMEOUT_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Package:
    """One npm package: exact version, digest of its archive, and the files taken from it."""

    name: str
    version: str
    integrity: str  # sha512 of the archive, spelled as npm does
    files: tuple[tuple[str, str, int], ...]  # path in the package, name here, size in bytes

    @property
    def archive_name(self) -> str:
        """Name of the archive that ``npm pack`` writes."""
        return f"{self.name}-{self.version}.tgz"


PACKAGES = (
    Package(
        name="htmx.org",
        version="4.0.1",
        integrity=(
            "sha512-oF7JgXhDW9UXCy/k1ZYFUQgzu/rm19ORWPSPNL91vPluB2PB9+MV55tyQdH/w7o2EAbTYUG5SDW1R60mdkdqGg=="
        ),
        files=(("dist/htmx.min.js", "htmx.min.js", 37_448), ("LICENSE", "htmx.LICENSE.txt", 642)),
    ),
    Package(
        name="uplot",
        version="1.6.32",
        integrity=(
            "sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw=="
        ),
        files=(
            ("dist/uPlot.iife.min.js", "uPlot.iife.min.js", 51_081),
            ("dist/uPlot.min.css", "uPlot.min.css", 1_857),
            ("LICENSE", "uPlot.LICENSE.txt", 1_078),
        ),
    ),
)


class AssetError(Exception):
    """An asset cannot be had, or is not what was pinned; the message says what to do."""


def build_assets(root: Path = _ROOT) -> list[str]:
    """Bring every asset into ``ui/static/vendor`` and write its ``manifest.json``.

    Args:
        root: Top folder of the project.

    Returns:
        ``name@version`` of the packages that were fetched now; empty where all were there.

    Raises:
        AssetError: npm is missing or refuses, or an archive differs from its pinned digest.
    """
    cache = root / ".cache" / "assets"
    vendor = root / "backend" / "seamwatch" / "backend" / "ui" / "static" / "vendor"
    manifest = vendor / "manifest.json"
    wanted = {
        name: {"package": package.name, "version": package.version, "archive": package.integrity}
        for package in PACKAGES
        for _, name, _ in package.files
    }
    if _is_built(manifest, wanted):
        return []
    fetched = [
        f"{package.name}@{package.version}" for package in PACKAGES if _fetch(package, cache)
    ]
    vendor.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        _unpack(package, cache, vendor)
    # Written last: its presence says that the rest is whole.
    manifest.write_text(json.dumps(wanted, indent=2, sort_keys=True) + "\n")
    return fetched


def _is_built(manifest: Path, wanted: dict[str, dict[str, str]]) -> bool:
    """All files are there, from these versions, with their sizes."""
    sizes = {name: size for package in PACKAGES for _, name, size in package.files}
    try:
        return json.loads(manifest.read_text()) == wanted and all(
            (manifest.parent / name).stat().st_size == size for name, size in sizes.items()
        )
    except (OSError, ValueError):
        return False


def _fetch(package: Package, cache: Path) -> bool:
    """Put the archive into the cache; False where it was there already."""
    archive = cache / package.archive_name
    if archive.exists() and _digest(archive) == package.integrity:
        return False
    npm = shutil.which("npm")
    if npm is None:
        raise AssetError(
            f"npm not found: it fetches {package.name} for the pages. Install Node.js with npm "
            "(on Debian: apt-get install npm), then run: make assets"
        )
    cache.mkdir(parents=True, exist_ok=True)
    spec = f"{package.name}@{package.version}"
    try:
        result = subprocess.run(  # noqa: S603  fixed arguments, no shell
            [npm, "pack", "--json", "--ignore-scripts", "--pack-destination", str(cache), spec],
            cwd=cache,  # not the checkout: a package.json there would be read
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise AssetError(f"npm pack {spec} gave no answer within {_TIMEOUT_S:.0f} s") from error
    if result.returncode != 0 or not archive.exists():
        reason = next(
            (line for line in result.stderr.splitlines() if line.strip()), "no reason given"
        )
        raise AssetError(f"npm pack {spec} failed with {result.returncode}: {reason}")
    if _digest(archive) != package.integrity:
        archive.unlink()
        raise AssetError(
            f"{spec} differs from its pinned digest {package.integrity[:20]}…: not used"
        )
    return True


def _unpack(package: Package, cache: Path, vendor: Path) -> None:
    """Copy the wanted files out of the archive, each with the size that was pinned."""
    with tarfile.open(cache / package.archive_name) as archive:
        for path, name, size in package.files:
            member = archive.extractfile(f"package/{path}")
            content = b"" if member is None else member.read()
            if len(content) != size:
                raise AssetError(
                    f"{package.name}: {path} has {len(content)} bytes, expected {size}"
                )
            (vendor / name).write_bytes(content)


def _digest(path: Path) -> str:
    """SHA-512 in npm's spelling."""
    return "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()


def main() -> int:
    """Build the assets as `SEAMWATCH_BUILD_ASSETS` says; 0 also where the pages go without."""
    mode = os.environ.get("SEAMWATCH_BUILD_ASSETS", "")
    if mode == "0":
        return 0
    try:
        fetched = build_assets()
    except AssetError as error:
        print(f"Assets of the pages: {error}", file=sys.stderr)
        if mode == "1":
            return 1
        print(
            "Going on without: the pages show everything, but do not update by themselves.",
            file=sys.stderr,
        )
        return 0
    if fetched:
        print(f"Fetched for the pages: {', '.join(fetched)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
