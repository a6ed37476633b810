from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from seamwatch.backend.postgres import (
    PostgresConfig,
    RunningPostgres,
    open_postgres,
    remove_cluster,
    running_conninfo,
)
from seamwatch.core import ConfigurationError, UnavailableError

MakeConfig = Callable[..., PostgresConfig]

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")

OWNER = """
import sys, time
from pathlib import Path
import psycopg
from seamwatch.backend.postgres import PostgresConfig, open_postgres
with open_postgres(PostgresConfig(state_dir=Path(sys.argv[1]))) as server:
    with psycopg.connect(server.conninfo) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
    idle = psycopg.connect(server.conninfo)
    print(server.postmaster_pid, idle.info.backend_pid, flush=True)
    time.sleep(600)
"""


def quiet(line: str) -> None:
    pass


def ask(conninfo: str, query: str) -> str:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(query).fetchone()  # type: ignore[call-overload]
    assert row is not None
    return str(row[0])


def wait_until(claim: Callable[[], bool], *, within_s: float) -> float:
    begin = time.monotonic()
    while not claim():
        assert time.monotonic() - begin < within_s, "the deadline passed"
        time.sleep(0.02)
    return time.monotonic() - begin


def answers(conninfo: str) -> bool:
    try:
        return ask(conninfo, "SELECT 1") == "1"
    except psycopg.OperationalError:
        return False


def processes_in(data_dir: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd") == str(data_dir.resolve()):
                found.append(entry.name)
        except OSError:
            continue
    return found


def data_dir(config: PostgresConfig) -> Path:
    return config.state_dir / "postgres" / "data"


@contextmanager
def owner_process(config: PostgresConfig) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """A Python process that owns the cluster, its postmaster's pid and an idle backend's."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(config.state_dir)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert owner.stdout is not None
    try:
        postmaster, backend = map(int, owner.stdout.readline().split())
        yield owner, postmaster, backend
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()


def test_folders_and_files_have_the_promised_modes(shared_server: RunningPostgres) -> None:
    home = Path(ask(shared_server.conninfo, "SHOW data_directory")).parent

    modes = {
        name: stat.S_IMODE((home / name).stat().st_mode) for name in ("data", "socket", "password")
    }

    assert modes == {"data": 0o700, "socket": 0o700, "password": 0o600}


def test_server_listens_on_no_tcp_port(shared_server: RunningPostgres) -> None:
    listening = set()
    for table in ("tcp", "tcp6"):
        path = Path("/proc/net") / table
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            fields = line.split()
            if fields[3] == "0A":  # LISTEN
                listening.add(f"socket:[{fields[9]}]")
    folder = Path(f"/proc/{shared_server.postmaster_pid}/fd")

    sockets = {os.readlink(entry) for entry in folder.iterdir() if entry.is_symlink()}

    assert any(name.startswith("socket:") for name in sockets)
    assert sockets & listening == set()


@pytest.mark.parametrize("password", ["", "wrong"])
def test_no_one_connects_without_the_password(
    shared_server: RunningPostgres, password: str
) -> None:
    conninfo = make_conninfo(shared_server.conninfo, password=password)

    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(conninfo).close()


def test_password_in_the_environment_does_not_win_over_ours(
    shared_server: RunningPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "the caller's own")

    assert answers(shared_server.conninfo)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
        ("lc_collate", "C"),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("checkpoint_timeout", "15min"),
        ("wal_buffers", "16MB"),
        ("jit", "off"),
        ("max_connections", "100"),
        ("password_encryption", "scram-sha-256"),
    ],
)
def test_running_server_has_the_setting(
    shared_server: RunningPostgres, name: str, value: str
) -> None:
    query = "SELECT datcollate FROM pg_database WHERE datname = current_database()"

    got = ask(shared_server.conninfo, query if name == "lc_collate" else f"SHOW {name}")

    assert got == value


def test_settings_file_holds_no_line_that_the_server_refuses(
    shared_server: RunningPostgres,
) -> None:
    query = "SELECT count(*) FROM pg_file_settings WHERE error IS NOT NULL"

    assert ask(shared_server.conninfo, query) == "0"


def test_postmaster_runs_in_a_session_of_its_own(shared_server: RunningPostgres) -> None:
    pid = shared_server.postmaster_pid

    assert pid is not None
    assert os.getsid(pid) == pid


def test_server_never_runs_as_root(shared_server: RunningPostgres) -> None:
    assert os.stat(f"/proc/{shared_server.postmaster_pid}").st_uid != 0


def test_version_is_the_number_that_the_server_reports(shared_server: RunningPostgres) -> None:
    reported = ask(shared_server.conninfo, "SHOW server_version_num")

    assert (shared_server.is_embedded, shared_server.server_version) == (True, int(reported))


def test_new_cluster_starts_within_two_seconds_and_an_existing_one_within_four_tenths(
    new_config: MakeConfig,
) -> None:
    config = new_config()
    durations_s = []
    for _ in range(4):
        begin = time.monotonic()
        with open_postgres(config, progress=quiet):
            durations_s.append(time.monotonic() - begin)

    assert durations_s[0] < 2.0
    assert min(durations_s[1:]) < 0.4


def test_clean_stop_leaves_no_process_and_no_lock(shared_config: PostgresConfig) -> None:
    server = open_postgres(shared_config, progress=quiet)
    assert processes_in(data_dir(shared_config)) != []

    server.stop()
    server.stop()

    assert processes_in(data_dir(shared_config)) == []
    assert not (data_dir(shared_config) / "postmaster.pid").exists()
    assert running_conninfo(shared_config) is None


def test_stop_cuts_off_clients_that_stay_connected(shared_config: PostgresConfig) -> None:
    server = open_postgres(shared_config, progress=quiet)
    with psycopg.connect(server.conninfo) as connection:
        begin = time.monotonic()

        server.stop()

        assert time.monotonic() - begin < 5.0
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_server_that_was_stopped_on_purpose_is_not_restarted(
    shared_config: PostgresConfig,
) -> None:
    server = open_postgres(shared_config, progress=quiet)

    server.stop()

    assert server.restart_count == 0


def test_killed_postmaster_is_replaced_within_five_seconds_with_every_committed_row(
    shared_config: PostgresConfig,
) -> None:
    with open_postgres(shared_config, progress=quiet) as server:
        first = server.postmaster_pid
        assert first is not None
        with psycopg.connect(server.conninfo) as connection:
            connection.execute("CREATE TABLE committed AS SELECT generate_series(1, 5000) AS n")
            idle = psycopg.connect(server.conninfo)  # a backend to get rid of
        os.kill(first, signal.SIGKILL)

        took_s = wait_until(
            lambda: server.restart_count == 1 and answers(server.conninfo), within_s=5.0
        )

        assert took_s <= 5.0
        assert ask(server.conninfo, "SELECT count(*) FROM committed") == "5000"
        assert server.postmaster_pid != first
        idle.close()


def test_backend_that_outlives_its_postmaster_does_not_block_the_next_one(
    shared_config: PostgresConfig,
) -> None:
    with open_postgres(shared_config, progress=quiet) as server:
        stuck = psycopg.connect(server.conninfo)
        os.kill(stuck.info.backend_pid, signal.SIGSTOP)  # it cannot notice the death
        assert server.postmaster_pid is not None
        os.kill(server.postmaster_pid, signal.SIGKILL)

        wait_until(lambda: server.restart_count == 1 and answers(server.conninfo), within_s=5.0)

        stuck.close()


def test_second_owner_is_refused_with_the_pid_of_the_first(shared_config: PostgresConfig) -> None:
    with (
        open_postgres(shared_config, progress=quiet),
        pytest.raises(UnavailableError, match=rf"process {os.getpid()}: stop that process"),
    ):
        open_postgres(shared_config, progress=quiet)


def test_command_beside_the_owner_can_connect(shared_config: PostgresConfig) -> None:
    with open_postgres(shared_config, progress=quiet) as server:
        assert running_conninfo(shared_config) == server.conninfo


def test_server_that_outlives_its_killed_owner_is_taken_over_within_two_seconds(
    shared_config: PostgresConfig,
) -> None:
    with owner_process(shared_config) as (owner, postmaster, _):
        owner.kill()
        owner.wait()
        begin = time.monotonic()

        with open_postgres(shared_config, progress=quiet) as server:
            assert time.monotonic() - begin <= 2.0
            assert server.postmaster_pid == postmaster
            assert int(ask(server.conninfo, "SELECT count(*) FROM kept")) % 1000 == 0

    assert processes_in(data_dir(shared_config)) == []


def test_server_taken_over_is_restarted_when_it_dies(shared_config: PostgresConfig) -> None:
    with owner_process(shared_config) as (owner, postmaster, _):
        owner.kill()
        owner.wait()
        with open_postgres(shared_config, progress=quiet) as server:
            os.kill(postmaster, signal.SIGKILL)

            wait_until(lambda: server.restart_count == 1 and answers(server.conninfo), within_s=5.0)


def test_server_of_other_settings_is_stopped_cleanly_and_started_anew(
    shared_config: PostgresConfig,
) -> None:
    with owner_process(shared_config) as (owner, postmaster, _):
        owner.kill()
        owner.wait()
        with (data_dir(shared_config) / "seamwatch.conf").open("a") as file:
            file.write("work_mem = '1MB'\n")
        begin = time.monotonic()

        with open_postgres(shared_config, progress=quiet) as server:
            assert time.monotonic() - begin <= 2.0
            assert server.postmaster_pid != postmaster
            assert ask(server.conninfo, "SHOW work_mem") != "1MB"


def test_start_succeeds_after_owner_and_postmaster_died_and_left_a_stuck_backend(
    shared_config: PostgresConfig,
) -> None:
    with owner_process(shared_config) as (owner, postmaster, backend):
        os.kill(backend, signal.SIGSTOP)
        owner.kill()
        os.kill(postmaster, signal.SIGKILL)
        owner.wait()

        with open_postgres(shared_config, progress=quiet) as server:
            assert answers(server.conninfo)


def test_pid_file_that_names_a_foreign_process_does_not_stop_the_start(
    shared_config: PostgresConfig,
) -> None:
    stale = data_dir(shared_config) / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{data_dir(shared_config)}\n1\n5432\n\n*\n 0 0\n")
    owner = data_dir(shared_config).stat()
    os.chown(stale, owner.st_uid, owner.st_gid)

    with open_postgres(shared_config, progress=quiet) as server:
        assert answers(server.conninfo)


@pytest.mark.parametrize(
    "name",
    ["a/" + "long" * 40 + "/state", "with space", "it's a \"state\", \\ and %41 ünusual"],
    ids=["longer than a socket address", "space", "marks"],
)
def test_state_folder_may_have_any_path(scratch: Path, new_config: MakeConfig, name: str) -> None:
    (scratch / name).parent.mkdir(parents=True, exist_ok=True)
    config = new_config(name)

    with open_postgres(config, progress=quiet) as server:
        assert ask(server.conninfo, "SHOW data_directory") == str(data_dir(config).resolve())
        socket_dir = Path(str(conninfo_to_dict(server.conninfo)["host"]))
        assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700


def test_server_that_cannot_start_says_why(new_config: MakeConfig) -> None:
    config = new_config()
    open_postgres(config, progress=quiet).stop()
    with (data_dir(config) / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")

    with pytest.raises(UnavailableError, match="FATAL"):
        open_postgres(config, progress=quiet)

    assert processes_in(data_dir(config)) == []


@pytest.mark.skipif(not DEBIAN_15.is_dir(), reason="no PostgreSQL 15 of the system here")
def test_binaries_that_are_set_are_run_and_their_cluster_is_refused_by_another_version(
    scratch: Path, new_config: MakeConfig
) -> None:
    config = new_config("old", postgres_bin_dir=DEBIAN_15)
    with open_postgres(config, progress=quiet) as server:
        assert server.server_version // 10_000 == 15
        assert ask(server.conninfo, "SHOW data_checksums") == "on"

    with pytest.raises(ConfigurationError, match=r"made by PostgreSQL 15, .*pg_dump"):
        open_postgres(PostgresConfig(state_dir=config.state_dir), progress=quiet)


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


def test_removed_cluster_leaves_neither_files_nor_processes(new_config: MakeConfig) -> None:
    config = new_config()
    with owner_process(config) as (owner, _, _backend):
        owner.kill()
        owner.wait()
        home = (config.state_dir / "postgres").resolve()

        remove_cluster(config)

    assert not home.exists()
    assert processes_in(home / "data") == []


@pytest.mark.usefixtures("needs_root")
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
