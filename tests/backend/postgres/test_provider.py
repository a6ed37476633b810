from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from postgres_probe import answers, ask, data_dir, quiet
from psycopg.conninfo import conninfo_to_dict

from seamwatch.backend.postgres import (
    PostgresConfig,
    RunningPostgres,
    open_postgres,
)
from seamwatch.core import ConfigurationError, UnavailableError

MakeConfig = Callable[..., PostgresConfig]

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


@pytest.mark.parametrize(
    "name",
    ["a/" + "long" * 40 + "/state", "with space", 'it\'s a "state", \\ and %41 ünusual'],
    ids=["longer than a socket address", "space", "marks"],
)
def test_state_folder_may_have_any_path(scratch: Path, new_config: MakeConfig, name: str) -> None:
    (scratch / name).parent.mkdir(parents=True, exist_ok=True)
    config = new_config(name)

    with open_postgres(config, progress=quiet) as server:
        assert ask(server.conninfo, "SHOW data_directory") == str(data_dir(config).resolve())
        socket_dir = Path(str(conninfo_to_dict(server.conninfo)["host"]))
        assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700


def test_given_server_is_used_and_never_stopped(
    shared_server: RunningPostgres, scratch: Path
) -> None:
    config = PostgresConfig(database_url=shared_server.conninfo, state_dir=scratch / "state")

    with open_postgres(config, progress=quiet) as server:
        assert (server.conninfo, server.is_embedded) == (shared_server.conninfo, False)
        assert (server.server_version, server.postmaster_pid) == (
            shared_server.server_version,
            None,
        )

    assert answers(shared_server.conninfo)
    assert not config.state_dir.exists()


def test_given_server_that_is_away_is_unavailable_and_the_password_stays_secret(
    scratch: Path,
) -> None:
    url = f"postgresql://someone:s3cret@/db?host={scratch}"

    with pytest.raises(UnavailableError, match="SEAMWATCH_DATABASE_URL") as caught:
        open_postgres(PostgresConfig(database_url=url, state_dir=scratch), progress=quiet)

    assert "s3cret" not in str(caught.value)
    assert str(scratch) in str(caught.value)


def test_url_that_cannot_be_read_is_a_configuration_error_without_the_password(
    scratch: Path,
) -> None:
    config = PostgresConfig(database_url="postgresql://a:s3cret@h:1:2/x%zz", state_dir=scratch)

    with pytest.raises(ConfigurationError, match="SEAMWATCH_DATABASE_URL") as caught:
        open_postgres(config, progress=quiet)

    assert "s3cret" not in str(caught.value)


# Not skipped but absent: under CI a skip is a failure, and no machine is both root and not.
if os.geteuid() == 0:

    def test_cluster_of_an_unreachable_state_folder_lives_in_the_system_folder(
        scratch: Path, new_config: MakeConfig
    ) -> None:
        closed = scratch / "closed"
        closed.mkdir(mode=0o700)
        system_dir = scratch / "system"
        config = new_config("closed/state", postgres_system_dir=system_dir)
        lines: list[str] = []

        with open_postgres(config, progress=lines.append) as server:
            where = Path(ask(server.conninfo, "SHOW data_directory"))

        assert where.is_relative_to(system_dir / "clusters")
        assert (config.state_dir / "postgres").resolve() == where.parent
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700  # nothing was opened for others
        assert any(str(where.parent) in line for line in lines)


if DEBIAN_15.is_dir():

    def test_binaries_that_are_set_are_run_and_their_cluster_is_refused_by_another_version(
        scratch: Path, new_config: MakeConfig
    ) -> None:
        config = new_config("old", postgres_bin_dir=DEBIAN_15)
        with open_postgres(config, progress=quiet) as server:
            assert server.server_version // 10_000 == 15
            assert ask(server.conninfo, "SHOW data_checksums") == "on"

        with pytest.raises(ConfigurationError, match=r"made by PostgreSQL 15, .*pg_dump"):
            open_postgres(PostgresConfig(state_dir=config.state_dir), progress=quiet)
