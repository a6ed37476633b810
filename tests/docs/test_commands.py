"""Every `seamwatch` command that README and docs show exists, with its options."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

SEAMWATCH = Path(sys.executable).parent / "seamwatch"
WITH_SUBCOMMANDS = {"tenant", "token"}


def test_commands_and_options_that_are_shown_exist(sh_block: Any, tmp_path: Path) -> None:
    for line in re.findall(r"^seamwatch ([^#\n]+)", sh_block.text, re.MULTILINE):
        words = line.split()
        command = words[: 2 if words[0] in WITH_SUBCOMMANDS else 1]

        result = subprocess.run(
            [SEAMWATCH, *command, "--help"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

        assert result.returncode == 0, f"seamwatch {line}: {result.stderr}"
        assert {
            word for word in words if word.startswith("--") and word not in result.stdout
        } == set()
