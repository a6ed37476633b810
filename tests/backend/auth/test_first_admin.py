"""The admin token that is there after the first start."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seamwatch.backend.auth import Role, create_token, list_tokens, revoke_token
from seamwatch.backend.auth.authenticator import Authenticator
from seamwatch.backend.auth.first_admin import FirstAdmin, ensure_first_admin


def active_ids(database: str) -> list[str]:
    return [token.token_id for token in list_tokens(database) if token.revoked_at is None]


def ensure(database: str, state_dir: Path) -> FirstAdmin:
    found = ensure_first_admin(database, state_dir)
    assert found is not None
    return found


def test_first_start_writes_a_working_admin_token_that_only_its_owner_can_read(
    database: str, tmp_path: Path
) -> None:
    made = ensure(database, tmp_path / "state")

    with Authenticator(database) as authenticator:
        access = authenticator.authenticate(f"Bearer {made.read_token()}", peer="192.0.2.1")
    assert (access.roles, access.tenant_name) == (frozenset({Role.ADMIN}), "default")
    assert made.token_file == tmp_path / "state" / "admin-token"
    assert stat.S_IMODE(made.token_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.token_file.parent.stat().st_mode) == 0o700


def test_second_start_keeps_the_token(database: str, tmp_path: Path) -> None:
    first, second = ensure(database, tmp_path), ensure(database, tmp_path)

    assert (first.is_new, second.is_new) == (True, False)
    assert first.token_id == second.token_id
    assert active_ids(database) == [first.token_id]


@pytest.mark.parametrize("content", [None, "", "swk_made_up", "\x00\xff"])
def test_lost_or_spoilt_file_gives_a_new_token_and_revokes_the_old(
    database: str, tmp_path: Path, content: str | None
) -> None:
    first = ensure(database, tmp_path)
    if content is None:
        first.token_file.unlink()
    else:
        first.token_file.write_text(content, "latin-1")

    second = ensure(database, tmp_path)

    assert second.is_new
    assert active_ids(database) == [second.token_id]
    assert second.token_file.read_text().startswith(f"swk_{second.token_id}_")


def test_lost_file_of_one_folder_leaves_the_token_of_another(database: str, tmp_path: Path) -> None:
    here, there = ensure(database, tmp_path / "here"), ensure(database, tmp_path / "there")
    here.token_file.unlink()

    again = ensure(database, tmp_path / "here")

    assert sorted(active_ids(database)) == sorted([there.token_id, again.token_id])


def test_first_token_revoked_on_purpose_stays_away_while_another_admin_is_there(
    database: str, tmp_path: Path
) -> None:
    first = ensure(database, tmp_path)
    other = create_token(database, roles=[Role.ADMIN], actor="test")
    revoke_token(database, first.token_id, actor="test")

    assert ensure_first_admin(database, tmp_path) is None
    assert active_ids(database) == [other.token_id]
    assert not first.token_file.exists()


def test_first_token_comes_back_where_no_admin_is_left(database: str, tmp_path: Path) -> None:
    first = ensure(database, tmp_path)
    revoke_token(database, first.token_id, actor="test")

    second = ensure(database, tmp_path)

    assert second.is_new
    assert active_ids(database) == [second.token_id]


def test_file_that_others_could_read_is_closed_to_them(
    database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = ensure(database, tmp_path)
    made.token_file.chmod(0o644)

    ensure(database, tmp_path)

    assert stat.S_IMODE(made.token_file.stat().st_mode) == 0o600
    assert "644" in caplog.text


def test_starts_at_once_agree_on_one_token(database: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: ensure(database, tmp_path).token_id, range(4)))

    assert len(set(found)) == 1
    assert active_ids(database) == [found[0]]


def test_token_is_in_no_log_and_no_repr(
    database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    made = ensure(database, tmp_path)

    assert made.read_token()[17:] not in caplog.text + repr(made)
