"""The code of README and docs runs: Python in a process of its own, SQL in a fresh database.

Python and SQL blocks run unless a comment before them says why not (``<!-- not run: … -->``). Shell blocks run where
one says ``<!-- run -->``; the rest install and start things, so they are parsed, and the targets they name exist.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 60.0


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run with the tests' own tools first and no setting of ours."""
    ours = ("SEAMWATCH_", "OTEL_")
    environment = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def test_python_blocks_run(python_block: Any, tmp_path: Path) -> None:
    compile(python_block.text, str(python_block), "exec")
    if python_block.remark.startswith("not run: "):
        return

    result = run([sys.executable, "-c", python_block.text], tmp_path)

    assert result.returncode == 0, result.stderr


def test_shell_blocks_are_valid_and_run_where_marked(sh_block: Any, tmp_path: Path) -> None:
    parse_only = [] if sh_block.remark == "run" else ["-n"]

    result = run(["sh", "-e", *parse_only, "-c", sh_block.text], tmp_path)

    assert result.returncode == 0, result.stderr


def test_make_targets_that_are_shown_exist(sh_block: Any) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"^make ([a-z]+)", sh_block.text, re.MULTILINE)) <= targets


def test_sql_blocks_run_in_a_fresh_database(sql_block: Any, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(sql_block.text)


def test_json_blocks_are_json(json_block: Any) -> None:
    json.loads(json_block.text)


def test_every_block_is_in_a_language_that_is_tested(document: Path) -> None:
    languages = set(re.findall(r"^```(\w+)$", document.read_text("utf-8"), re.MULTILINE))

    assert languages <= {"python", "sh", "sql", "json"}


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_first_pages_name_the_command_that_tests_everything(name: str) -> None:
    assert "make test" in (ROOT / name).read_text("utf-8")


def test_readme_fits_one_screen() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 60
