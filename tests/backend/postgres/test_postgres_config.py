from __future__ import annotations

from pathlib import Path

import pytest

from seamwatch.backend.postgres import PostgresConfig
from seamwatch.core import ConfigurationError


def test_every_variable_reaches_its_field() -> None:
    config = PostgresConfig.from_environment(
        {
            "SEAMWATCH_DATABASE_URL": "postgresql://host/db",
            "SEAMWATCH_STATE_DIR": "/srv/state",
            "SEAMWATCH_POSTGRES_BIN_DIR": "/opt/pg/bin",
            "SEAMWATCH_POSTGRES_SYSTEM_DIR": "/srv/system",
        }
    )

    assert config == PostgresConfig(
        database_url="postgresql://host/db",
        state_dir=Path("/srv/state"),
        postgres_bin_dir=Path("/opt/pg/bin"),
        postgres_system_dir=Path("/srv/system"),
    )


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_STATE_HOME": "/x/state"}, "/x/state/seamwatch"),
        ({"XDG_STATE_HOME": "relative"}, "/h/.local/state/seamwatch"),
        ({"SEAMWATCH_STATE_DIR": ""}, "/h/.local/state/seamwatch"),
        ({"SEAMWATCH_STATE_DIR": "~/here"}, "/h/here"),
    ],
)
def test_state_folder_follows_the_xdg_rules_unless_it_is_set(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], expected: str
) -> None:
    monkeypatch.setenv("HOME", "/h")

    assert PostgresConfig.from_environment(environ).state_dir == Path(expected)


def test_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert PostgresConfig(state_dir=Path(".demo")).state_dir == tmp_path / ".demo"


def test_path_of_several_lines_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="SEAMWATCH_STATE_DIR: must be one line"):
        PostgresConfig(state_dir=Path("/a\nfsync = off"))


def test_text_of_the_settings_does_not_show_the_url() -> None:
    config = PostgresConfig(database_url="postgresql://u:s3cret@h/d", state_dir=Path("/s"))

    assert "s3cret" not in repr(config)
