from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from postgres_probe import answers, ask
from psycopg.conninfo import make_conninfo

from seamwatch.backend.postgres import (
    PostgresConfig,
    RunningPostgres,
)

MakeConfig = Callable[..., PostgresConfig]


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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PGPASSWORD", "the caller's own"),
        ("PGHOSTADDR", "127.0.0.9"),
        ("PGOPTIONS", "-c nonsense=on"),
        ("PGCHANNELBINDING", "require"),
        ("PGGSSENCMODE", "require"),
        ("PGSSLMODE", "verify-full"),
        ("PGTARGETSESSIONATTRS", "standby"),
        ("PGCLIENTENCODING", "nonsense"),
    ],
)
def test_variables_meant_for_another_server_do_not_win_over_ours(
    shared_server: RunningPostgres, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

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
