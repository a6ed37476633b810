from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seamwatch.backend.postgres.owner_lock import OwnerLock
from seamwatch.core import ConfigurationError, UnavailableError

HOLDER = """
import sys, time
from pathlib import Path
from seamwatch.backend.postgres.owner_lock import OwnerLock
OwnerLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
time.sleep(600)
"""


def test_lock_names_its_holder_and_is_free_once_the_holder_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "owner.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    lock = OwnerLock(path)

    with pytest.raises(UnavailableError, match=f"in use by process {holder.pid}:"):
        lock.acquire()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()

    lock.acquire()
    lock.release()


def test_lock_that_was_released_can_be_taken_again(tmp_path: Path) -> None:
    first, second = OwnerLock(tmp_path / "owner.lock"), OwnerLock(tmp_path / "owner.lock")
    first.acquire()

    first.release()
    first.release()

    second.acquire()
    second.release()


def test_folder_that_cannot_be_written_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot write"):
        OwnerLock(tmp_path / "missing" / "owner.lock").acquire()


def test_lock_never_writes_through_a_link(scratch: Path) -> None:
    victim = scratch / "victim"
    victim.write_text("precious")
    (scratch / "owner.lock").symlink_to(victim)

    with pytest.raises(ConfigurationError, match="cannot write"):
        OwnerLock(scratch / "owner.lock").acquire()

    assert victim.read_text() == "precious"
