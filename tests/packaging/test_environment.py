"""scripts/environment.sh finds a Python that will do, or says what is wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with a space in its name that holds what the script needs."""
    folder = tmp_path / "a checkout"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "environment.sh", folder / "scripts")
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def interpreter(folder: Path, name: str, refuses: str) -> Path:
    """A Python that fails wherever its arguments hold `refuses`."""
    path = folder / name
    path.write_text(
        f'#!/bin/sh\ncase "$*" in *{refuses}*) exit 1 ;; esac\nexec "{sys.executable}" "$@"\n'
    )
    path.chmod(0o755)
    return path


def run_script(checkout: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(checkout / "scripts" / "environment.sh"), "demo"],  # noqa: S607
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_python_that_is_too_old_is_named(checkout: Path) -> None:
    old = interpreter(checkout, "old python", "version_info")

    result = run_script(checkout, PYTHON=str(old))

    assert result.returncode == 2
    assert f"{old} is not a Python of at least 3.11" in result.stderr


def test_a_python_without_ensurepip_is_named_with_the_remedy(checkout: Path) -> None:
    bare = interpreter(checkout, "bare python", "ensurepip")

    result = run_script(checkout, PYTHON=str(bare))

    assert result.returncode == 2
    assert "apt-get install python3-venv" in result.stderr


def test_a_machine_without_python_is_told_so(checkout: Path) -> None:
    tools = checkout / "bin"
    tools.mkdir()
    for tool in ("sh", "dirname", "cksum", "cat"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    for name in ("python", "python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        interpreter(tools, name, "version_info")

    result = run_script(checkout, PATH=str(tools), PYTHON="")

    assert result.returncode == 2
    assert "no Python of at least 3.11 found" in result.stderr


def test_nothing_is_done_twice(checkout: Path) -> None:
    venv = checkout / ".venv"
    (venv / "bin").mkdir(parents=True)
    interpreter(venv / "bin", "python", "install")  # an attempt to install would fail
    state = subprocess.run(
        ["cksum", "pyproject.toml"],  # noqa: S607
        cwd=checkout, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (venv / ".installed-demo").write_text(state.stdout)

    result = run_script(checkout)

    assert (result.returncode, result.stderr) == (0, "")
