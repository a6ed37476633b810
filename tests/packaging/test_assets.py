"""The pages' scripts come from npm once, whole, or not at all."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import os
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "build_assets.py"
CONTENT = b"let x = 1;\n"
FakeNpm = Callable[[bytes], Path]


@pytest.fixture
def assets(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module that wants one small package."""
    spec = importlib.util.spec_from_file_location("build_assets", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    digest = base64.b64encode(hashlib.sha512(archive_of(CONTENT)).digest()).decode()
    files = (("dist/x.min.js", "x.min.js", len(CONTENT)),)
    package = module.Package(name="x", version="1.0.0", integrity=f"sha512-{digest}", files=files)
    monkeypatch.setattr(module, "PACKAGES", (package,))
    return module


@pytest.fixture
def fake_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNpm:
    """Puts an npm on PATH that "packs" the given archive and logs each call."""

    def install(archive: bytes) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "archive.tgz").write_bytes(archive)
        npm = folder / "npm"
        npm.write_text(
            '#!/bin/sh\nhere=$(dirname "$0")\necho "$@" >>"$here/calls"\n'
            'while [ "$1" != --pack-destination ]; do shift; done\n'
            'cp "$here/archive.tgz" "$2/x-1.0.0.tgz"\n'
        )
        npm.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        return folder / "calls"

    return install


def archive_of(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("package/dist/x.min.js")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def vendor(root: Path) -> Path:
    return root / "backend" / "seamwatch" / "backend" / "ui" / "static" / "vendor"


def test_assets_are_fetched_once_and_copied(
    assets: ModuleType, fake_npm: FakeNpm, tmp_path: Path
) -> None:
    calls = fake_npm(archive_of(CONTENT))

    fetched = [assets.build_assets(tmp_path), assets.build_assets(tmp_path)]

    assert fetched == [["x@1.0.0"], []]
    assert (vendor(tmp_path) / "x.min.js").read_bytes() == CONTENT
    assert len(calls.read_text().splitlines()) == 1


def test_a_deleted_file_comes_back_without_npm_being_asked(
    assets: ModuleType, fake_npm: FakeNpm, tmp_path: Path
) -> None:
    calls = fake_npm(archive_of(CONTENT))
    assets.build_assets(tmp_path)
    (vendor(tmp_path) / "x.min.js").unlink()

    assets.build_assets(tmp_path)

    assert (vendor(tmp_path) / "x.min.js").read_bytes() == CONTENT
    assert len(calls.read_text().splitlines()) == 1


def test_an_archive_with_another_digest_is_not_used(
    assets: ModuleType, fake_npm: FakeNpm, tmp_path: Path
) -> None:
    fake_npm(archive_of(b"let x = 2;\n"))

    with pytest.raises(assets.AssetError, match="differs from its pinned digest"):
        assets.build_assets(tmp_path)

    assert not vendor(tmp_path).exists()


def test_without_npm_the_error_says_what_to_install(
    assets: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(assets.AssetError, match=r"npm not found.*apt-get install npm.*make assets"):
        assets.build_assets(tmp_path)


@pytest.mark.parametrize(("mode", "code"), [("", 0), ("0", 0), ("1", 1)])
def test_the_mode_decides_whether_missing_assets_fail(
    mode: str, code: int, assets: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> list[str]:
        raise assets.AssetError("npm not found")

    monkeypatch.setenv("SEAMWATCH_BUILD_ASSETS", mode)
    monkeypatch.setattr(assets, "build_assets", refuse)

    assert assets.main() == code
