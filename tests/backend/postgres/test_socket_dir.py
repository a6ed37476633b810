from __future__ import annotations

import stat
from pathlib import Path

import pytest

from seamwatch.backend.postgres.socket_dir import make_socket_dir
from seamwatch.backend.postgres.unprivileged import choose_account
from seamwatch.core import ConfigurationError


def long_home(scratch: Path) -> Path:
    home = scratch / ("long" * 30)
    home.mkdir()
    return home


def test_short_home_holds_its_own_socket(scratch: Path) -> None:
    assert make_socket_dir(scratch, choose_account()) == scratch / "socket"


def test_long_home_has_the_same_short_private_folder_at_every_start(scratch: Path) -> None:
    home, account = long_home(scratch), choose_account()

    first = make_socket_dir(home, account, roots=[scratch])
    second = make_socket_dir(home, account, roots=[scratch])

    assert first == second
    assert first.parent == scratch
    assert (stat.S_IMODE(first.stat().st_mode), first.stat().st_uid) == (0o700, account.uid)


def test_short_folder_that_somebody_else_laid_out_is_refused(scratch: Path) -> None:
    home, account = long_home(scratch), choose_account()
    folder = make_socket_dir(home, account, roots=[scratch])
    folder.rmdir()
    folder.symlink_to(scratch)

    with pytest.raises(ConfigurationError, match="too long for a Unix socket"):
        make_socket_dir(home, account, roots=[scratch])


def test_comma_that_libpq_would_read_as_two_hosts_leads_to_a_short_folder(scratch: Path) -> None:
    home = scratch / "a,b"
    home.mkdir()

    assert make_socket_dir(home, choose_account(), roots=[scratch]).parent == scratch
