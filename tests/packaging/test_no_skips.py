"""The plugin that CI relies on: a skipped test is a failed one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[1] / "plugins"
SUITES = {
    "test": "import pytest\ndef test_one(): pytest.skip('no browser')\n",
    "mark": "import pytest\n@pytest.mark.skip(reason='no browser')\ndef test_one(): ...\n",
    "module": "import pytest\npytest.skip('no browser', allow_module_level=True)\n",
}
EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail\ndef test_one(): assert False\n"


def run_suite(folder: Path, text: str, *, ci: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_suite.py").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no_skips", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env={**os.environ, "CI": ci, "PYTHONPATH": str(PLUGINS)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize("suite", SUITES)
def test_a_skip_fails_under_ci_and_keeps_its_reason(suite: str, tmp_path: Path) -> None:
    result = run_suite(tmp_path, SUITES[suite], ci="true")

    assert result.returncode != 0
    assert "no browser" in result.stdout


@pytest.mark.parametrize("suite", ["test", "mark"])
def test_a_skip_passes_on_a_laptop(suite: str, tmp_path: Path) -> None:
    assert run_suite(tmp_path, SUITES[suite], ci="").returncode == 0


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    assert run_suite(tmp_path, EXPECTED_FAILURE, ci="true").returncode == 0
