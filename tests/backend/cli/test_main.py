"""Finding the command, and exit codes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from seamwatch.backend.cli.main import COMMANDS, main


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--help"])

    shown = capsys.readouterr().out
    assert code == 0
    assert [name for name in COMMANDS if f"\n    {name} " not in shown] == []


def test_help_loads_no_driver_and_no_server() -> None:
    done = python(
        "import sys; from seamwatch.backend.cli import main; code = main(['--help']); "
        "heavy = {'psycopg', 'grpc', 'starlette', 'uvicorn', 'numpy', 'jinja2', 'opentelemetry.sdk'}; "
        "assert not heavy & set(sys.modules), heavy & set(sys.modules); sys.exit(code)"
    )

    assert done.returncode == 0, done.stderr


def test_help_of_a_command_loads_no_driver() -> None:
    done = python(
        "import sys; from seamwatch.backend.cli import main; code = main(['token', 'create', '--help']); "
        "assert 'psycopg' not in sys.modules; sys.exit(code)"
    )

    assert done.returncode == 0, done.stderr


def test_version_is_the_distribution_s(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    code = main(["--version"])

    assert (code, capsys.readouterr().out) == (0, f"seamwatch {version('seamwatch')}\n")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nope"],
        ["--nope"],
        ["token"],
        ["token", "nope"],
        ["token", "create"],
        ["token", "create", "--role", "root"],
        ["token", "create", "--role", "ingest", "--expires", "yesterday"],
        ["token", "create", "--role", "ingest", "--label", "a\nb"],
        ["tenant", "create"],
    ],
)
def test_wrong_word_is_exit_code_two_with_usage(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(words)

    assert code == 2
    assert "usage: seamwatch" in capsys.readouterr().err


def test_setting_that_cannot_be_used_is_exit_code_two_with_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SEAMWATCH_DATABASE_URL", raising=False)
    monkeypatch.setenv("SEAMWATCH_STATE_DIR", "/tmp/two\nlines")  # noqa: S108

    code = main(["token", "list"])

    assert code == 2
    assert "SEAMWATCH_STATE_DIR" in capsys.readouterr().err


def test_database_that_is_away_is_exit_code_one_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(
        "SEAMWATCH_DATABASE_URL", "host=/nonexistent-folder user=x password=hush-hush"
    )

    code = main(["token", "list"])

    shown = capsys.readouterr().err
    assert code == 1
    assert shown.startswith("seamwatch: ")
    assert shown.count("\n") == 1
    assert "hush-hush" not in shown


def test_database_without_the_schema_is_exit_code_two_with_the_remedy(
    empty_database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEAMWATCH_DATABASE_URL", empty_database)

    code = main(["token", "list"])

    assert code == 2
    assert "run `seamwatch migrate`" in capsys.readouterr().err
