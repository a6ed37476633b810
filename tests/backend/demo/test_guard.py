"""The guard ends its group when the demo is gone, also those who do not want to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seamwatch.backend.demo import guard

STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
IMPATIENT = (
    "import sys; from seamwatch.backend.demo import guard; guard.GRACE_S = 0.2;"
    " sys.exit(guard.main(sys.argv[1], int(sys.argv[2])))"
)


@pytest.fixture
def alive_pipe() -> tuple[int, int]:
    return os.pipe()


def start_guard(tmp_path: Path, read_end: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, str(tmp_path / "state"), str(read_end)],
        stdin=subprocess.PIPE,
        pass_fds=(read_end,),
        process_group=0,
    )


def test_nothing_is_ended_when_the_demo_says_that_it_is_done(
    tmp_path: Path, alive_pipe: tuple[int, int]
) -> None:
    process = start_guard(tmp_path, alive_pipe[0])

    process.communicate(b"done\n", timeout=10)

    assert process.returncode == 0
    for descriptor in alive_pipe:
        os.close(descriptor)


def test_who_ignores_sigterm_is_killed_and_the_guard_lives_on_to_stop_the_database(
    tmp_path: Path, alive_pipe: tuple[int, int]
) -> None:
    process = start_guard(tmp_path, alive_pipe[0])
    child = subprocess.Popen(
        [sys.executable, "-c", STUBBORN],
        stdout=subprocess.PIPE,
        pass_fds=(alive_pipe[1],),
        process_group=process.pid,
    )
    for descriptor in alive_pipe:
        os.close(descriptor)
    assert child.stdout is not None
    assert child.stdout.readline() == b"on\n"

    process.communicate(b"", timeout=10)

    assert child.wait(5) == -signal.SIGKILL
    assert process.returncode == 1  # killed itself it would not have come to its end
    child.stdout.close()


def test_grace_lets_a_backend_drain() -> None:
    assert guard.GRACE_S >= 10
